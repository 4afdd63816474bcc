package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// generator makes rows as a busy server has them: 7.5 % are not plainly accepted, and few
// domains send most of the mail.
type generator struct {
	random *rand.Rand
	refs   result.References
	zipf   *rand.Zipf
	rules  rules.Rules
}

func newGenerator() *generator {
	r := rand.New(rand.NewPCG(1, 2))
	return &generator{random: r, zipf: rand.NewZipf(r, 1.15, 1, 99_999)}
}

// row returns a row for a time.
func (g *generator) row(at time.Time) *rows.Row {
	return g.rowOf(at, g.zipf.Uint64(), g.random.Float64() < 0.075)
}

// rowOf returns a row of the domain with a number.
func (g *generator) rowOf(at time.Time, n uint64, refused bool) *rows.Row {
	domain := fmt.Sprintf("company%d.example", n)
	helo := "mx1." + domain
	res := &result.Results{
		Reference: g.refs.Next(at), Arrived: at,
		Client:     result.ClientResult{IP: fmt.Sprintf("192.0.%d.%d", n/256%256, n%256), Helo: helo, PTR: helo, Listener: "smtpd", TLS: "TLSv1.3", Socket: "unix:/run/postvet/postvet.sock"},
		IPRev:      iprev.Result{Status: "pass", Name: helo},
		SPF:        []spf.Result{{Identity: spf.HELO, Domain: helo, Status: "none", Reason: helo + " publishes no SPF record"}, {Identity: spf.MailFrom, Domain: domain, Status: "pass", Mechanism: "include:_spf.provider.example", Lookups: 3}},
		DKIM:       []dkim.Result{{Domain: domain, Selector: "s2026", Algorithm: "rsa-sha256", Status: "pass", KeyBits: 2048, Identity: "@" + domain, Signature: "dGVzdHRl", BodyLength: -1}},
		DMARC:      dmarc.Result{Status: "pass", AuthorDomain: domain, OrganizationalDomain: domain, RecordDomain: domain, Policy: "reject", PolicyTag: "p", ADKIM: "r", ASPF: "r", Disposition: "none", SPFAligned: true, DKIMAligned: true, Reason: "SPF passed for " + domain + " and a DKIM signature of " + domain + " passed"},
		MailFrom:   fmt.Sprintf("bounce-%x@%s", g.random.Uint64(), domain),
		Author:     message.Author{Domain: domain, Mailboxes: []message.Mailbox{{Local: "ann", Domain: domain}}},
		Recipients: []string{fmt.Sprintf("user%d@example.com", g.random.Uint64N(5000))}, Size: 10_000 + int64(g.random.Uint64N(50_000)),
		DNS: result.DNSCost{Lookups: 9, WaitMS: 1.5},
	}
	if refused {
		res.DKIM[0].Status, res.DKIM[0].Reason, res.DKIM[0].Failure = "fail", "body hash does not match: the body was changed after signing", "body_hash"
		res.SPF[1].Status, res.SPF[1].Mechanism, res.SPF[1].Reason = "fail", "-all", "the client is not listed"
		res.DMARC.Status, res.DMARC.Disposition, res.DMARC.SPFAligned, res.DMARC.DKIMAligned, res.DMARC.Reason = "fail", "reject", false, false, "SPF did not pass (fail for "+domain+"); no DKIM signature passed"
	}
	v := g.rules.Decide(res)
	return &rows.Row{
		Ref: res.Reference, Queue: fmt.Sprintf("4X%012x", g.random.Uint64N(1<<48)), MessageID: fmt.Sprintf("<%016x@%s>", g.random.Uint64(), domain),
		Recipients: 1, Took: 1500 * time.Microsecond, Generation: 7, Results: res, Verdict: &v,
	}
}

// write writes rows into a directory through a recorder, as the service does.
func write(t testing.TB, dir string, level rows.Level, all ...*rows.Row) {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: level, Store: s, Every: time.Hour})
	for _, row := range all {
		r.Add(row)
	}
	r.Close(context.Background())
	if got := r.Stats(); got.Failing != "" || got.Failures > 0 || got.Dropped != [rows.Classes]int64{} {
		t.Fatalf("rows are not written: %+v", got)
	}
}
