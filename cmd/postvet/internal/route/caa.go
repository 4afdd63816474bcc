package route

import (
	"context"
	"fmt"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/caa"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/mtasts"
)

// CAA is who may certify one host (RFC 8659).
type CAA struct {
	Host string `json:"host"`
	// Name is where the records stand, "" if there are none.
	Name string `json:"name"`
	// Known is false if they could not be looked up.
	Known   bool     `json:"known"`
	Anybody bool     `json:"anybody"`
	Issuers []string `json:"issuers"`
}

// maxCAA bounds the hosts whose authorities are looked up.
const maxCAA = 8

// findCAA finds who may certify the hosts whose certificates senders check by MTA-STS.
func (t *Transport) findCAA(ctx context.Context, l *lookups.Lookups, domain string, m *MX) {
	hosts := []string{mtasts.PolicyHost(domain)}
	seen := map[string]bool{}
	for _, h := range m.Hosts {
		if h.name != "" && !seen[h.name] && len(hosts) < maxCAA {
			seen[h.name] = true
			hosts = append(hosts, h.name)
		}
	}
	sets := make([]caa.Set, len(hosts))
	failures := make([]*dnscache.Answer, len(hosts))
	var all sync.WaitGroup
	for i, h := range hosts {
		all.Go(func() { sets[i], failures[i] = caa.Find(ctx, l, h) })
	}
	all.Wait()
	for i, s := range sets {
		c := CAA{Host: hosts[i], Name: foreign.Line(s.Name, advice.MaxText), Known: failures[i] == nil, Issuers: []string{}}
		for _, issuer := range s.Issuers[:min(len(s.Issuers), 20)] {
			c.Issuers = append(c.Issuers, foreign.Line(issuer, advice.MaxText))
		}
		c.Anybody = c.Known && s.Open && len(s.Critical) == 0
		t.CAA = append(t.CAA, c)
		switch {
		case !c.Known:
			t.MTASTS.Findings.DNSFailure(lookups.Failure("the CAA records", hosts[i], failures[i]) + "; authorities then issue no certificate")
		case len(s.Critical) > 0:
			t.MTASTS.Findings.Warning(fmt.Sprintf("no authority may certify %s, as a CAA record of %s has the critical tag %s, which none knows", hosts[i], c.Name, foreign.Word(s.Critical[0], 40)), "remove that record")
		case s.Nobody():
			t.MTASTS.Findings.Warning(fmt.Sprintf("no authority may certify %s by the CAA records of %s, but senders that check MTA-STS demand its certificate", hosts[i], c.Name), advice.Publish(c.Name, `CAA 0 issue "..."`)+" with the domain of your authority")
		}
	}
}
