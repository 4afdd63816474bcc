package route

import (
	"context"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/mtasts"
)

// Transport is what protects mail on the way to the hosts of a domain.
type Transport struct {
	DANE   DANE   `json:"dane"`
	MTASTS MTASTS `json:"mta_sts"`
	TLSRPT TLSRPT `json:"tls_rpt"`
	// CAA is who may certify the hosts whose certificates senders check.
	CAA []CAA `json:"caa"`
	// Findings are about all of these together.
	Findings finding.List `json:"findings"`
}

// State is what a protection does. Only Works protects.
type State string

// The states. Unchecked means that something was not asked or not known: it is never
// taken for Works.
const (
	Absent    State = "absent"  // nothing is published
	Works     State = "works"   // senders that check it do not deliver to a forged server
	Partly    State = "partly"  // it holds for some hosts only, or is in testing
	Broken    State = "broken"  // what is published has no effect, or keeps mail away
	Unchecked State = "unknown" // it cannot be told
)

// NewTransport returns the state before anything was asked.
func NewTransport() Transport {
	return Transport{
		DANE:   DANE{State: Unchecked, Hosts: []TLSA{}, Findings: finding.List{}},
		MTASTS: MTASTS{State: Unchecked, Findings: finding.List{}},
		TLSRPT: TLSRPT{State: Unchecked, URIs: []string{}, Findings: finding.List{}},
		CAA:    []CAA{}, Findings: finding.List{},
	}
}

// FindTransport finds what protects mail on the way to the hosts of m. organization is
// the Organizational Domain. A domain whose hosts nobody can reach needs no protection.
func FindTransport(ctx context.Context, l *lookups.Lookups, domain, organization string, m *MX, now time.Time) Transport {
	t := NewTransport()
	if !m.Receives() {
		return t
	}
	a := &advice.Adviser{Lookups: l, Context: ctx, Organization: organization}
	var all sync.WaitGroup
	all.Go(func() { t.DANE.find(ctx, l, m) })
	all.Go(func() { t.MTASTS.find(ctx, l, a, domain, now) })
	all.Go(func() { t.TLSRPT.find(ctx, l, a, domain) })
	all.Wait()
	if t.MTASTS.Record != "" {
		t.findCAA(ctx, l, domain, m)
	}
	t.combine(ctx, l, a, domain, m, now)
	return t
}

// combine adds what follows from all protections together.
func (t *Transport) combine(ctx context.Context, l *lookups.Lookups, a *advice.Adviser, domain string, m *MX, now time.Time) {
	if t.DANE.State == Absent && t.MTASTS.State == Absent {
		fix := finding.Advise(t.MTASTS.policyFix(domain, m))
		if host := mtasts.PolicyHost(domain); fix.Text != "" && l.Addresses(ctx, host).Outcome.Void() {
			fix = fix.After("publish an address (A or AAAA) of " + host + "., ")
		}
		if text, err := mtasts.Proposal(recordID(now)); err == nil && fix.Text != "" {
			fix = fix.With(", and ", a.ProposeTXT(mtasts.RecordName(domain), text).When("when the web server has the policy"))
		}
		t.Findings.Add(finding.Warning, "neither DANE nor MTA-STS: a sender cannot tell a forged server, and mail can be read and diverted on the way", fix)
	}
	if t.TLSRPT.State == Absent {
		text := "no TLS-RPT record: nobody tells when senders cannot encrypt (RFC 8460)"
		if fix := t.TLSRPT.proposal(a, domain); t.MTASTS.Record != "" || t.DANE.State == Works || t.DANE.State == Partly {
			t.TLSRPT.Findings.Add(finding.Warning, text, fix)
		} else {
			t.TLSRPT.Findings.Add(finding.Note, text, fix)
		}
	}
	if t.DANE.State == Unchecked && l.ValidatesNot(ctx) {
		t.DANE.Findings.Note("whether the records are signed is not known, as no resolver is trusted to validate DNSSEC; see postvet-dns(7)", "")
	}
}

// recordID returns an id of an MTA-STS record, which differs from those before.
func recordID(now time.Time) string { return now.UTC().Format(mtasts.IDFormat) }

// texts looks up a TXT record set. known is false if that failed; the finding is added.
func texts(ctx context.Context, l *lookups.Lookups, list *finding.List, what, name string) (texts []string, known bool) {
	a := l.Lookup(ctx, name, dnscache.TXT)
	switch {
	case a.Bogus():
		list.Error(what+" at "+name+" does not pass DNSSEC validation", bogusFix(name))
		return nil, false
	case !a.Outcome.Known():
		list.DNSFailure(lookups.Failure(what, name, a))
		return nil, false
	}
	return a.TXT, true
}

// Lists returns the lists of findings in the order in which they are printed.
func (t *Transport) Lists() []*finding.List {
	return []*finding.List{&t.Findings, &t.DANE.Findings, &t.MTASTS.Findings, &t.TLSRPT.Findings}
}
