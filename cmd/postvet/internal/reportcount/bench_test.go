//go:build linux

package reportcount_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/reporting"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// processorTime returns that of this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// messages returns results of messages that differ in their client and their domain.
func messages(n, domains int) []*result.Results {
	all := make([]*result.Results, n)
	published := make([]*dmarc.Record, domains)
	for i := range published {
		r, err := dmarc.ParseRecord(fmt.Sprintf("v=DMARC1; p=reject; sp=quarantine; rua=mailto:dmarc@company%d.example,mailto:agg@esp.example", i))
		if err != nil {
			panic(err)
		}
		published[i] = r
	}
	for i := range all {
		domain := fmt.Sprintf("company%d.example", i%domains)
		ip := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		res := &result.Results{
			Client: result.ClientResult{IP: ip.String(), Helo: "mx." + domain}, MailFrom: "bounce@news." + domain, Recipients: []string{"user@example.org"},
			Author: message.Author{Domain: domain},
			SPF:    []spf.Result{{Identity: spf.HELO, Domain: "mx." + domain, Status: spf.None}, {Identity: spf.MailFrom, Domain: "news." + domain, Status: spf.Pass}},
			DKIM: []dkim.Result{
				{Domain: domain, Selector: "s2026", Status: dkim.Pass, KeyBits: 2048}, {Domain: "esp.example", Selector: "k1", Status: dkim.Pass, KeyBits: 2048},
			},
			DMARC: dmarc.Result{
				Status: dmarc.Pass, AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: "reject", Disposition: "none",
				Discovery: "treewalk", SPFAligned: true, DKIMAligned: true, Published: published[i%domains],
			},
		}
		for _, name := range []string{"Received", "DKIM-Signature", "From", "To", "Date", "Subject", "Message-ID"} {
			res.Header = append(res.Header, message.NewField(name, " something of "+domain))
		}
		all[i] = res
	}
	return all
}

// BenchmarkMailPath measures what a message costs in the path of mail: its row, and the
// queue. The rows are counted meanwhile and go to a file. What is above the rate that a
// second goroutine takes is dropped, which costs less; so it adds 20,000 a second.
func BenchmarkMailPath(b *testing.B) {
	s, err := reportstore.Open(b.Context(), reportstore.Options{File: filepath.Join(b.TempDir(), "reports.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := reportcount.New(reportcount.Options{Store: s, Node: "mx1"})
	all := messages(1000, 50)
	v := &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: result.RuleDMARCPass}
	now := time.Now()
	var took time.Duration
	began := time.Now()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		at := time.Now()
		c.Add(reporting.Of(all[i%len(all)], v), now)
		took += time.Since(at)
		if i%100 == 99 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / 20_000)))
		}
	}
	b.StopTimer()
	c.Close(b.Context())
	st := c.Stats()
	b.ReportMetric(float64(took)/float64(b.N), "path-ns/op")
	b.ReportMetric(float64(st.Dropped[reportcount.WhyQueue]), "dropped")
}

// BenchmarkFull is BenchmarkAllDistinct with subjects that are full from the first second on:
// rows lose parts, and most are left out.
func BenchmarkFull(b *testing.B) { benchmarkDistinct(b, 10, 0, reportstore.Options{MaxRecords: 500}) }

// BenchmarkAllDistinct adds 5,000 messages a second no two of which are alike, and measures
// how much of a processor counting and writing them takes.
func BenchmarkAllDistinct(b *testing.B) {
	for _, domains := range []int{10, 500} {
		b.Run(fmt.Sprint(domains, "domains"), func(b *testing.B) {
			benchmarkDistinct(b, domains, 0, reportstore.Options{MaxRecords: 1_000_000, MaxAllRecords: 10_000_000})
		})
	}
}

// BenchmarkLarge is BenchmarkAllDistinct with 600,000 records that are there before. Almost
// each new one is on a page of its own then.
func BenchmarkLarge(b *testing.B) {
	benchmarkDistinct(b, 500, 600_000, reportstore.Options{MaxRecords: 1_000_000, MaxAllRecords: 10_000_000})
}

// fill adds so many records.
func fill(b *testing.B, s *reportstore.Store, n, domains int) {
	b.Helper()
	v := &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: result.RuleDMARCPass}
	const chunk = 10_000
	for k := range n / chunk {
		var batch []reports.Counted
		for i, m := range messages(chunk, domains) {
			m.Client.IP = netip.AddrFrom4([4]byte{11, byte(k), byte(i >> 8), byte(i)}).String()
			r := reporting.Of(m, v)
			batch = append(batch, reports.Counted{Day: reports.DayOf(time.Now()), Kind: r.Kind, Policy: r.Policy, Record: r.Record})
		}
		if _, err := s.Add(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDistinct(b *testing.B, domains, before int, o reportstore.Options) {
	b.Helper()
	if o.DSN == "" {
		o.File = filepath.Join(b.TempDir(), "reports.db")
	}
	s, err := reportstore.Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, before, domains)
	c := reportcount.New(reportcount.Options{Store: s, Node: "mx1"})
	const rate, seconds = 5000, 20
	all := messages(rate*seconds, domains)
	v := &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: result.RuleDMARCPass}
	var took time.Duration
	start, began := processorTime(), time.Now()
	for i := range all {
		at := time.Now()
		c.Add(reporting.Of(all[i], v), began)
		took += time.Since(at)
		if i%50 == 49 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / rate)))
		}
	}
	c.Close(b.Context())
	used, lasted := processorTime()-start, time.Since(began)
	st := c.Stats()
	if st.Rows+st.Dropped[reportcount.WhyRows] != rate*seconds {
		b.Errorf("%+v", st)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(used)/float64(lasted)*100, "%cpu")
	b.ReportMetric(float64(took)/float64(len(all)), "path-ns/op")
	b.ReportMetric(float64(st.Rows), "rows")
}
