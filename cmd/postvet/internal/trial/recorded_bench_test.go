package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// rowsVariable says how many rows the benchmark reads; default 50000.
const rowsVariable = "POSTVET_JOURNAL_ROWS"

// cpu returns the CPU time of the process in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkRecorded tries rules on recorded mail, 7.5 % of which was refused. An operation is
// the whole journal.
func BenchmarkRecorded(b *testing.B) {
	n := 50_000
	if v, err := strconv.Atoi(os.Getenv(rowsVariable)); err == nil {
		n = v
	}
	dir := filepath.Join(b.TempDir(), "journal")
	var refs result.References
	some := make([]*rows.Row, 0, 5000)
	for i := range n {
		domain := fmt.Sprintf("company%d.example", i%997)
		res := &result.Results{
			Client:   result.ClientResult{IP: fmt.Sprintf("192.0.2.%d", i%250), Helo: "mx." + domain, PTR: "mx." + domain, Listener: "smtpd", TLS: "TLSv1.3"},
			SPF:      []spf.Result{{Identity: spf.HELO, Domain: "mx." + domain, Status: spf.None}, {Identity: spf.MailFrom, Domain: domain, Status: spf.Pass, Mechanism: "ip4:192.0.2.0/24"}},
			DKIM:     []dkim.Result{{Domain: domain, Selector: "s2026", Algorithm: "rsa-sha256", Status: dkim.Pass, KeyBits: 2048, Identity: "@" + domain}},
			DMARC:    dmarc.Result{Status: dmarc.Pass, AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: dmarc.PolicyReject, DKIMAligned: true},
			MailFrom: "bounce@" + domain, Author: message.Author{Domain: domain}, Recipients: []string{"user@example.com"}, Size: 24_000,
		}
		if i%40 < 3 {
			res.DKIM[0].Status, res.SPF[1].Status, res.DMARC.Status, res.DMARC.Disposition, res.DMARC.DKIMAligned = dkim.Fail, spf.Fail, dmarc.Fail, dmarc.PolicyReject, false
		}
		v := rules.Rules{}.Decide(res)
		some = append(some, &rows.Row{Ref: refs.Next(noon.Add(time.Duration(i) * time.Millisecond)), Recipients: 1, Results: res, Verdict: &v})
		if len(some) == cap(some) || i == n-1 {
			record(b, dir, rows.Hashed, some...)
			some = some[:0]
		}
	}
	var next rules.Rules
	for i := range 20 {
		c, err := condition.Compile(fmt.Sprintf(`dmarc == "fail" and "company%d.example" in signers`, i), condition.Options{})
		if err != nil {
			b.Fatal(err)
		}
		next.Custom = append(next.Custom, rules.Rule{Name: fmt.Sprint("own-", i), Action: result.Discard, If: c})
	}
	next.DMARC = rules.DMARCMark
	for name, by := range map[string]rules.Rules{"built-in": {DMARC: rules.DMARCMark}, "20 rules": next} {
		b.Run(name, func(b *testing.B) {
			var peak atomic.Uint64
			before := cpu()
			for b.Loop() {
				o := recorded(dir, by)
				o.Jobs = 0
				o.Progress = func(int, int, string) {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					peak.Store(max(peak.Load(), m.HeapInuse))
				}
				r, err := o.Run(b.Context())
				if err != nil || r.Messages != n || r.Differing == 0 {
					b.Fatal(err, r.Messages, r.Differing)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(cpu()-before)/float64(n)/float64(b.N)/1000, "cpu-us/row")
			b.ReportMetric(float64(peak.Load())/(1<<20), "heap-MB")
		})
	}
}
