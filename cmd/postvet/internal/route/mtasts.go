package route

import (
	"context"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mtasts"
)

// MTASTS is what the domain says by MTA-STS (RFC 8461).
type MTASTS struct {
	// State is Unchecked for a sound record whose policy was not fetched.
	State  State  `json:"state"`
	Record string `json:"record,omitempty"`
	ID     string `json:"id,omitempty"`
	// Policy is the policy that was fetched; nil if none was.
	Policy   *Policy      `json:"policy,omitempty"`
	Findings finding.List `json:"findings"`
}

// Policy is a policy of MTA-STS.
type Policy struct {
	Mode   string   `json:"mode"`
	MaxAge int      `json:"max_age"` // seconds
	MX     []string `json:"mx"`
}

func (s *MTASTS) find(ctx context.Context, l *lookups.Lookups, a *advice.Adviser, domain string, now time.Time) {
	name := mtasts.RecordName(domain)
	all, known := texts(ctx, l, &s.Findings, "the MTA-STS record", name)
	if !known {
		return
	}
	s.State = Absent
	var fix finding.Fix
	if text, err := mtasts.Proposal(recordID(now)); err == nil {
		fix = a.ProposeTXT(name, text)
	}
	found := mtasts.Candidates(all, mtasts.Version)
	host := len(found) > 0 && s.checkHost(ctx, l, domain)
	switch {
	case len(found) > 1:
		s.State = Broken
		s.Findings.Add(finding.Error, fmt.Sprintf("%d MTA-STS records: senders use none (RFC 8461 section 3.1)", len(found)), fix.Then(", and remove the others"))
		return
	case len(found) == 0 && len(all) > 0:
		s.Findings.Add(finding.Warning, "the text at "+name+" is no MTA-STS record: "+recordError(all[0]), fix)
		return
	case len(found) == 0:
		return
	}
	s.Record = advice.ShownRecord(found[0])
	r, err := mtasts.ParseRecord(found[0])
	if err != nil {
		s.State = Broken
		s.Findings.Add(finding.Error, "the MTA-STS record is broken, and senders ignore it: "+err.Error(), fix)
		return
	}
	s.ID = r.ID
	if s.State != Broken {
		s.State = Unchecked
	}
	if host {
		s.Findings.OK("the MTA-STS record is sound; the policy stands at " + mtasts.PolicyURL(domain))
	}
}

func recordError(text string) string {
	_, err := mtasts.ParseRecord(text)
	if err == nil {
		return ""
	}
	return err.Error()
}

// checkHost reports whether the host of the policy has an address.
func (s *MTASTS) checkHost(ctx context.Context, l *lookups.Lookups, domain string) bool {
	host := mtasts.PolicyHost(domain)
	switch a := l.Addresses(ctx, host); {
	case len(Reachable(a.Addrs)) > 0:
		return true
	case len(a.Addrs) > 0:
		s.State = Broken
		s.Findings.Error(fmt.Sprintf("%s of %s is not an address that the Internet can reach (%s): no sender gets the policy", a.Addrs[0], host, unreachable(a.Addrs[0])), "publish a public address of "+host+".")
	case a.Bogus():
		s.State = Broken
		s.Findings.Error("the addresses of "+host+" do not pass DNSSEC validation: many senders get no policy", bogusFix(host))
	case !a.Outcome.Known():
		s.Findings.DNSFailure(lookups.Failure("the address", host, a))
	case advice.MissingTarget(a) != "":
		s.State = Broken
		owner := lookups.AliasOwner(ctx, l, host, dnscache.A, a.Canonical)
		s.Findings.Add(finding.Error, advice.TakeOver(owner, foreign.Line(a.Canonical, advice.MaxText), "can publish a policy that keeps mail away"), advice.RemoveAlias(owner))
	default:
		s.State = Broken
		s.Findings.Error(host+" has no address: no sender gets the policy", "publish an address (A or AAAA) of "+host+"., where a web server has the policy, or remove the record at "+mtasts.RecordName(domain)+".")
	}
	return false
}

// TLSRPT is where senders report failures of encryption (RFC 8460).
type TLSRPT struct {
	State    State        `json:"state"`
	Record   string       `json:"record,omitempty"`
	URIs     []string     `json:"uris"`
	Findings finding.List `json:"findings"`
}

func (s *TLSRPT) find(ctx context.Context, l *lookups.Lookups, a *advice.Adviser, domain string) {
	name := mtasts.ReportingName(domain)
	all, known := texts(ctx, l, &s.Findings, "the TLS-RPT record", name)
	if !known {
		return
	}
	s.State = Absent
	found := mtasts.Candidates(all, mtasts.ReportingVersion)
	switch {
	case len(found) > 1:
		s.State = Broken
		s.Findings.Error(fmt.Sprintf("%d TLS-RPT records: senders use none (RFC 8460 section 3)", len(found)), "keep one of the TXT records at "+name)
		return
	case len(found) == 0 && len(all) > 0:
		_, err := mtasts.ParseReporting(all[0])
		s.Findings.Add(finding.Warning, fmt.Sprintf("the text at %s is no TLS-RPT record: %v", name, err), s.proposal(a, domain))
		return
	case len(found) == 0:
		return
	}
	s.Record = advice.ShownRecord(found[0])
	r, err := mtasts.ParseReporting(found[0])
	if err != nil {
		s.State = Broken
		s.Findings.Add(finding.Error, "the TLS-RPT record is broken, and senders ignore it: "+err.Error(), s.proposal(a, domain))
		return
	}
	s.State = Works
	for _, u := range r.URIs {
		s.URIs = append(s.URIs, foreign.Line(u, advice.MaxText))
	}
	s.Findings.OK("TLS-RPT: senders report failures to " + foreign.Line(layout.First(s.URIs, 3), advice.MaxText))
	for _, u := range r.Unknown[:min(len(r.Unknown), 3)] {
		s.Findings.Warning("nobody reports to "+foreign.Word(u, 100)+": write mailto: or https: in front", "")
	}
}

// proposal returns the fix that is one sound record.
func (s *TLSRPT) proposal(a *advice.Adviser, domain string) finding.Fix {
	text := "v=" + mtasts.ReportingVersion + "; rua=mailto:tls-reports@" + domain
	if _, err := mtasts.ParseReporting(text); err != nil {
		return finding.Fix{}
	}
	return a.ProposeTXT(mtasts.ReportingName(domain), text)
}
