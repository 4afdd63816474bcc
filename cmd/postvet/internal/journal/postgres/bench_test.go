//go:build linux

package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// busyRow returns a row as a busy server has it: 7.5 % are refused.
func (n *node) busyRow(at time.Time) *rows.Row {
	row := n.row(at)
	domain := fmt.Sprintf("company%d.example", n.random.IntN(100_000))
	helo := "mx1." + domain
	res := row.Results
	res.Client = result.ClientResult{IP: fmt.Sprintf("192.0.%d.%d", n.random.IntN(256), n.random.IntN(256)), Helo: helo, PTR: helo, Listener: "smtpd", TLS: "TLSv1.3", Socket: "unix:/run/postvet/postvet.sock"}
	res.IPRev = iprev.Result{Status: "pass", Name: helo}
	res.SPF = []spf.Result{{Identity: spf.HELO, Domain: helo, Status: "none", Reason: "no SPF record"}, {Identity: spf.MailFrom, Domain: domain, Status: "pass", Mechanism: "include:_spf.provider.example", Lookups: 3}}
	res.DKIM = []dkim.Result{{Domain: domain, Selector: "s2026", Algorithm: "rsa-sha256", Status: "pass", KeyBits: 2048, Identity: "@" + domain, Signature: "dGVzdHRl", BodyLength: -1}}
	res.DMARC = dmarc.Result{Status: "pass", AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: "reject", PolicyTag: "p", ADKIM: "r", ASPF: "r", Disposition: "none", SPFAligned: true, DKIMAligned: true, Reason: "SPF and DKIM of " + domain}
	res.MailFrom, res.Author.Domain = fmt.Sprintf("bounce-%x@%s", n.random.Uint64(), domain), domain
	res.Recipients = []string{fmt.Sprintf("user%d@example.com", n.random.IntN(5000))}
	row.Verdict = &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: "dmarc-pass"}
	if n.random.IntN(1000) < 75 {
		res.DKIM[0].Status, res.DKIM[0].Reason, res.DKIM[0].Failure = "fail", "the body was changed after it was signed", "body_hash"
		res.SPF[1].Status, res.SPF[1].Mechanism, res.SPF[1].Reason = "fail", "-all", "the client is not listed"
		res.DMARC.Status, res.DMARC.Disposition, res.DMARC.SPFAligned, res.DMARC.DKIMAligned, res.DMARC.Reason = "fail", "reject", false, false, "neither SPF nor DKIM passes"
		row.Verdict = &result.Verdict{Action: result.Reject, Intended: result.Reject, Code: "550 5.7.26", Rule: "dmarc-reject", Sentence: "Nothing proves that the message comes from " + domain}
	}
	return row
}

// processorTime returns that of this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime returns the processor time of the backend that a shipper uses.
func serverTime(b *testing.B, dsn string) time.Duration {
	b.Helper()
	conn, err := (&Database{DSN: dsn + " application_name=bench"}).Connect(b.Context())
	must(b, err)
	defer closeConn(conn)
	var pid int
	must(b, conn.QueryRow(b.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'postvet' AND datname = current_database()").Scan(&pid))
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	must(b, err)
	_, after, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// BenchmarkShip measures how rows that wait are sent: the processor time of a row here and in
// the backend, and its octets there with their indexes.
func BenchmarkShip(b *testing.B) {
	s := keyservers.PostgreSQL(b, "secret")
	for _, all := range []bool{false, true} {
		name := map[bool]string{false: "rest", true: "all"}[all]
		b.Run(name, func(b *testing.B) {
			d := newDatabase(b, s, fmt.Sprintf("ship_%s_%d", name, b.N))
			n := newNode(b, "mx1", d, func(o *Options) { o.All = all; o.every = time.Hour })
			n.shipper.Close(b.Context())
			want := int64(0)
			for i := 0; want < int64(b.N); i++ {
				row := n.busyRow(noon.Add(time.Duration(i/5) * time.Millisecond))
				if all || row.Class() == rows.Rest {
					want++
					n.recorder.Add(row)
				}
				if i%2000 == 0 {
					n.recorder.Flush(b.Context())
				}
			}
			n.recorder.Flush(b.Context())
			n.ship(b, d, func(o *Options) { o.All = all; o.every = time.Hour })
			before := processorTime()
			b.ResetTimer()
			for st := n.shipper.Stats(); st.Shipped[0]+st.Shipped[1] < want; st = n.shipper.Stats() {
				time.Sleep(5 * time.Millisecond)
			}
			b.StopTimer()
			b.ReportMetric(float64(processorTime()-before)/float64(want)/1000, "cpu-us/op")
			b.ReportMetric(float64(serverTime(b, d.DSN))/float64(want)/1000, "server-us/op")
			b.ReportMetric(float64(want)/b.Elapsed().Seconds(), "rows/s")
			conn, err := d.Connect(b.Context())
			must(b, err)
			defer closeConn(conn)
			for c := range rows.Class(rows.Classes) {
				var octets float64
				must(b, conn.QueryRow(b.Context(), fmt.Sprintf("SELECT coalesce(pg_total_relation_size(to_regclass('%s')), 0)::float8 / greatest(1, (SELECT count(*) FROM postvet.%s))", partitionOf(rows.Part{Day: noon, Class: c}), c)).Scan(&octets))
				b.ReportMetric(octets, c.String()+"-octets/row")
			}
		})
	}
}

// BenchmarkLag adds 5,000 rows a second and measures how long the oldest one waits, and what
// adding costs beside it, and without it.
func BenchmarkLag(b *testing.B) {
	s := keyservers.PostgreSQL(b, "secret")
	for _, sending := range []bool{false, true} {
		b.Run(map[bool]string{false: "alone", true: "sending"}[sending], func(b *testing.B) {
			d := newDatabase(b, s, fmt.Sprintf("lag_%d_%t_%d", b.N, sending, time.Now().UnixNano()))
			n := newNode(b, "mx1", d, func(o *Options) { o.every, o.Rate = 0, 0 })
			if !sending {
				n.shipper.Close(b.Context())
			}
			measureLag(b, n)
		})
	}
}

func measureLag(b *testing.B, n *node) {
	b.Helper()
	pool := make([]*rows.Row, 5000)
	for i := range pool {
		pool[i] = n.busyRow(time.Now())
	}
	var most time.Duration
	adding := make([]time.Duration, b.N)
	before, began := processorTime(), time.Now()
	for i := range b.N {
		row := *pool[i%len(pool)]
		row.Ref = n.refs.Next(time.Now())
		at := time.Now()
		n.recorder.Add(&row)
		adding[i] = time.Since(at)
		if i%50 == 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / 5000)))
			if i > b.N/4 {
				most = max(most, n.shipper.Stats().Lag)
			}
		}
	}
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "rows/s")
	b.ReportMetric(float64(processorTime()-before)/float64(b.N)/1000, "cpu-us/op")
	slices.Sort(adding)
	b.ReportMetric(float64(adding[b.N/2]), "add-p50-ns")
	b.ReportMetric(float64(adding[b.N*99/100]), "add-p99-ns")
	if most < time.Minute && n.shipper.Stats().Shipped != [rows.Classes]int64{} {
		b.ReportMetric(most.Seconds(), "lag-s")
	}
}
