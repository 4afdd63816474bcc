package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// handedOn are the hints of mail that looks forwarded, as counts.Broken has it.
var handedOn = []string{string(result.HintList), string(result.HintForwarded), string(result.HintMaybeForwarded)}

// maxNaming bounds the messages that are looked at for names.
const maxNaming = 600

// maxCalled bounds the names that a forwarder has in its messages.
const maxCalled = 5

// called counts names.
type called map[string]int64

// first returns the names with most messages.
func (c called) first() []named {
	all := []named{}
	for name, n := range c {
		all = append(all, named{foreign.Terminal(name, 200), n})
	}
	slices.SortFunc(all, func(a, b named) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Name, b.Name)) })
	return all[:min(len(all), maxCalled)]
}

// nameForwarders finds the names of forwarders in the newest messages that they broke: lists by
// List-Id (RFC 2919), which anybody can write, and the domains of valid ARC seals (RFC 8617). It
// ends within a time.
func (h *Handler) nameForwarders(q *request, p *forwarders, within time.Duration) {
	lists, sealers := map[string]called{}, map[string]called{}
	query := rows.Query{DMARC: string(dmarc.Fail), Hints: handedOn, Since: p.Period.Since, Limit: maxNaming}
	if n := q.nodes; n != nil && n.Away == "" {
		query.Fleet, query.Node = true, n.Chosen
	}
	page, err := h.history(q, query, within)
	if err != nil {
		p.Looked.Since = p.Period.Since
		p.Notes = append(p.Notes, "The lists and sealers of some messages cannot be shown. "+h.problemOf(q, h.unreadable(q, err)).words())
		return
	}
	p.Looked = lookedAt(q, &page, p.Period.Since)
	for _, r := range page.Rows {
		network := networkOf(r)
		count(lists, network, r.Results.List.ID)
		for _, domain := range sealersOf(r.Results) {
			count(sealers, network, domain)
		}
	}
	for i := range p.Lines {
		x := &p.Lines[i]
		x.Lists, x.Sealers = lists[x.Network].first(), sealers[x.Network].first()
	}
}

func count(all map[string]called, network, name string) {
	if name == "" {
		return
	}
	if all[network] == nil {
		all[network] = called{}
	}
	all[network][name]++
}

// sealersOf returns the domains that sealed a message, each once; none if the seals are not
// valid.
func sealersOf(r *result.Results) (all []string) {
	if r.ARC.Status != arc.Pass {
		return nil
	}
	for _, s := range r.ARC.Sealers {
		if !slices.Contains(all, s.Domain) {
			all = append(all, s.Domain)
		}
	}
	return all
}
