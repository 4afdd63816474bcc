package route

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mtasts"
)

// minMaxAge is the least max_age that protects against somebody who keeps senders from
// the policy for a while (RFC 8461 section 3.2 recommends weeks).
const minMaxAge = 24 * 60 * 60

// fetch fetches the policy, and compares it with the hosts.
func (s *MTASTS) fetch(ctx context.Context, l *lookups.Lookups, client *connect.Client, domain string, m *MX, now time.Time) {
	if s.State != Unchecked || s.ID == "" {
		return
	}
	addrs := Reachable(l.Addresses(ctx, mtasts.PolicyHost(domain)).Addrs)
	if len(addrs) == 0 {
		return // a finding says so
	}
	fix := s.policyFix(domain, m)
	file, err := client.Policy(ctx, domain, addrs)
	if err != nil {
		s.State = Broken
		s.Findings.Error("the MTA-STS policy cannot be fetched: "+err.Error()+"; senders act as if there were none", fix)
		return
	}
	p, err := mtasts.ParsePolicy(file.Text)
	if err != nil {
		s.State = Broken
		s.Findings.Error("the MTA-STS policy is broken: "+err.Error()+"; senders act as if there were none", fix)
		return
	}
	s.Policy = &Policy{Mode: string(p.Mode), MaxAge: p.MaxAge, MX: []string{}}
	for _, mx := range p.MX[:min(len(p.MX), 50)] {
		s.Policy.MX = append(s.Policy.MX, foreign.Line(mx, advice.MaxText))
	}
	if !file.Plain {
		s.Findings.Warning("the web server says that the MTA-STS policy is "+foreign.Word(file.Type, 60)+" instead of text/plain: some senders ignore it", "have the web server send Content-Type: text/plain")
	}
	s.compare(p, domain, m, now)
}

// compare compares a policy with the hosts.
func (s *MTASTS) compare(p mtasts.Policy, domain string, m *MX, now time.Time) {
	if p.Mode == mtasts.Off {
		s.State = Absent
		s.Findings.Note("the MTA-STS policy has mode: none, so that nothing is checked", "")
		return
	}
	missing, used := s.missing(p, m), map[string]bool{}
	for _, h := range m.Hosts {
		for _, pattern := range p.MX {
			used[pattern] = used[pattern] || mtasts.Policy{MX: []string{pattern}}.Matches(h.name)
		}
	}
	if len(missing) > 0 {
		id, _ := mtasts.Proposal(recordID(now))
		text := "the MTA-STS policy does not name " + layout.First(missing, 3)
		fix := advice.Propose(mtasts.RecordName(domain), advice.QuotedTXT(id)).After("add to the policy: mx: " + strings.Join(missing, ", mx: ") + "; then ")
		if p.Mode == mtasts.Enforce {
			s.State = Broken
			s.Findings.Add(finding.Error, text+": senders that check it do not deliver there", fix)
		} else {
			s.Findings.Add(finding.Warning, text+": with mode: enforce senders would not deliver there", fix)
		}
	}
	for _, pattern := range p.MX[:min(len(p.MX), 20)] {
		if !used[pattern] {
			s.Findings.Note("the MTA-STS policy names "+foreign.Line(pattern, advice.MaxText)+", which no MX record does", "")
		}
	}
	if p.MaxAge < minMaxAge {
		s.Findings.Warning(fmt.Sprintf("the MTA-STS policy holds for %s only (max_age): whoever keeps senders from it so long turns it off", duration(p.MaxAge)), "set max_age: 604800, a week, or more")
	}
	if p.Mode == mtasts.Testing && s.State != Broken {
		s.State = Partly
		s.Findings.Note("the MTA-STS policy has mode: testing: senders deliver to a forged server too, and report it", "when the reports show no failures, set mode: enforce and publish a new id")
	}
}

// missing returns the hosts that the policy does not name.
func (s *MTASTS) missing(p mtasts.Policy, m *MX) (list []string) {
	for _, h := range m.Hosts {
		if h.receives() && !p.Matches(h.name) && !slices.Contains(list, h.Name) {
			list = append(list, h.Name)
		}
	}
	return list
}

// policyFix returns a policy that fits the hosts, which was read and compared with them.
func (s *MTASTS) policyFix(domain string, m *MX) string {
	p := mtasts.Policy{Mode: mtasts.Testing, MaxAge: 7 * 24 * 60 * 60}
	for _, h := range m.Hosts {
		if h.receives() && !slices.Contains(p.MX, h.name) {
			p.MX = append(p.MX, h.name)
		}
	}
	again, err := mtasts.ParsePolicy(p.String())
	if err != nil || len(s.missing(again, m)) > 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(strings.ReplaceAll(p.String(), "\r", "")), "\n")
	return "put at " + mtasts.PolicyURL(domain) + " the lines: " + strings.Join(lines, " / ")
}

// concludePolicy says whether MTA-STS holds, by the certificates of the hosts.
func (t *Transport) concludePolicy(m *MX, connections []Connection) {
	s := &t.MTASTS
	if s.Policy == nil || s.State == Absent {
		return
	}
	passed := map[string]bool{}
	for i := range connections {
		c := &connections[i]
		switch {
		case c.Valid == Passed:
			passed[c.Host] = true
		case c.Valid == FailedIt && s.Policy.Mode == "enforce":
			s.State, c.kept = Broken, true
			s.Findings.Error("the certificate of "+c.where()+" is not valid, but the MTA-STS policy demands that: senders that check it do not deliver there", "have a certificate for "+c.Host+" of an authority that all trust")
		case c.Valid == FailedIt:
			s.Findings.Warning("the certificate of "+c.where()+" is not valid: with mode: enforce senders would not deliver there", "have a certificate for "+c.Host+" of an authority that all trust")
		}
	}
	unchecked := m.more || slices.ContainsFunc(m.Hosts, func(h Host) bool { return h.receives() && !passed[h.Name] }) ||
		slices.ContainsFunc(connections, func(c Connection) bool { return c.Valid != Passed })
	if s.State == Unchecked && !unchecked {
		s.State = Works
		s.Findings.OK("MTA-STS: senders that check it deliver to no forged server")
	}
}
