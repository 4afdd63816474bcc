package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// mailbag makes the mail of a busy server: few of its 100,000 domains send most of it, and
// one message of thirteen is forged, altered by a list, to be held, to be deferred or forwarded.
type mailbag struct {
	random *rand.Rand
	zipf   *rand.Zipf
	refs   result.References
	rules  rules.Rules
}

func newMailbag() *mailbag {
	r := rand.New(rand.NewPCG(1, 2))
	return &mailbag{random: r, zipf: rand.NewZipf(r, 1.15, 1, 99_999)}
}

// row returns the next message, which comes at a time.
func (m *mailbag) row(at time.Time) *rows.Row {
	n := m.zipf.Uint64()
	org := fmt.Sprintf("company%d.example", n)
	author, helo := org, "mx."+org
	if n%10 == 7 {
		author = "news." + org
	}
	net := n*7 + m.random.Uint64N(1+min(6, 20_000/(n+1))) // large ones send from several networks
	res := &result.Results{
		Reference: m.refs.Next(at), Arrived: at, Size: 10_000 + int64(m.random.Uint64N(50_000)),
		Client: result.ClientResult{IP: fmt.Sprintf("10.%d.%d.%d", net>>8&255, net&255, 1+m.random.Uint64N(8)), Helo: helo, PTR: helo, Listener: "smtpd", TLS: "TLSv1.3", Socket: "unix:/run/postvet/postvet.sock"},
		IPRev:  iprev.Result{Status: "pass", Name: helo},
		SPF: []spf.Result{
			{Identity: spf.HELO, Domain: helo, Status: "none", Reason: helo + " publishes no SPF record"},
			{Identity: spf.MailFrom, Domain: org, Status: "pass", Mechanism: "include:_spf.provider.example", Lookups: 3, Record: "v=spf1 include:_spf.provider.example -all"},
		},
		DKIM: []dkim.Result{{Domain: org, Selector: "s2026", Algorithm: "rsa-sha256", Status: "pass", KeyBits: 2048, Identity: "@" + org, Signature: "dGVzdHRl", BodyLength: -1, KeyRecord: "v=DKIM1; p=" + strings.Repeat("A", 392)}},
		DMARC: dmarc.Result{
			Status: "pass", AuthorDomain: author, OrganizationalDomain: org, RecordDomain: org, Record: "v=DMARC1; p=reject; rua=mailto:dmarc@" + org, Policy: "reject", PolicyTag: "p", ADKIM: "r", ASPF: "r",
			Disposition: "none", SPFAligned: true, DKIMAligned: true, Reason: "SPF passed for " + org + " and a DKIM signature of " + org + " passed",
		},
		MailFrom: fmt.Sprintf("bounce-%x@%s", m.random.Uint64(), org), Author: message.Author{Domain: author, Mailboxes: []message.Mailbox{{Local: "ann", Domain: author}}},
		Recipients: []string{fmt.Sprintf("user%d@example.com", m.random.Uint64N(5000))}, DNS: result.DNSCost{Lookups: 9, WaitMS: 1.5},
	}
	if x := m.random.IntN(1000); x < 75 {
		m.spoil(res, org, x)
	}
	v := m.rules.Decide(res)
	row := &rows.Row{
		Ref: res.Reference, Queue: fmt.Sprintf("4X%012x", m.random.Uint64N(1<<48)), MessageID: fmt.Sprintf("<%016x@%s>", m.random.Uint64(), org),
		Recipients: 1, Took: 1500 * time.Microsecond, Generation: 7, Results: res, Verdict: &v,
	}
	row.Explain()
	return row
}

// spoil makes results those of a message that is not plainly accepted. x says in which way.
func (m *mailbag) spoil(res *result.Results, org string, x int) {
	d := &res.DMARC
	fail := func() {
		d.Status, d.Disposition, d.SPFAligned, d.DKIMAligned, d.Reason = "fail", d.Policy, false, false, "SPF did not pass (fail for "+org+"); no DKIM signature passed"
		res.SPF[1].Status, res.SPF[1].Mechanism, res.SPF[1].Reason = "fail", "-all", "the client is not listed"
	}
	switch {
	case x < 40: // forged
		fail()
		res.DKIM = nil
		res.Client.IP = fmt.Sprintf("172.%d.%d.%d", 16+m.random.IntN(16), m.random.IntN(256), m.random.IntN(256))
	case x < 55: // changed by a list
		fail()
		res.DKIM[0].Status, res.DKIM[0].Reason, res.DKIM[0].Failure = "fail", "body hash does not match: the body was changed after signing", "body_hash"
		res.List = message.List{ID: "talk.lists.example", Post: true}
		res.MailFrom = fmt.Sprintf("talk-bounces@lists%d.example", x)
		res.SPF[1] = spf.Result{Identity: spf.MailFrom, Domain: fmt.Sprintf("lists%d.example", x), Status: "pass", Mechanism: "mx"}
		res.Client.IP = fmt.Sprintf("192.168.%d.%d", x, m.random.IntN(256))
	case x < 65: // to be held
		d.Policy = "quarantine"
		fail()
		res.DKIM = nil
	case x < 70: // undecided
		d.Status, d.Suspected, d.SPFAligned, d.DKIMAligned, d.Reason = "temperror", "reject", false, false, "the DNS of "+org+" failed"
		res.SPF[1].Status, res.DKIM[0].Status = "temperror", "temperror"
	default: // forwarded as it was
		res.SPF[1].Status, res.SPF[1].Mechanism, res.SPF[1].Reason, d.SPFAligned = "fail", "-all", "the client is not listed", false
	}
}
