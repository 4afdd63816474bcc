package inspect

import (
	"slices"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// awaitsKey reports whether an alias without a key leads to where the alias of another
// selector has one. Providers have their customers publish aliases for the keys to come too,
// and use these in turn: without them the next change of keys fails.
func (p *probe) awaitsKey(a *dnscache.Answer) bool {
	of := registered(a.Canonical)
	return of != "" && of != registered(p.domain) && slices.ContainsFunc(p.answers, func(o *dnscache.Answer) bool {
		return o.Outcome == dnscache.Found && o.Canonical != "" && registered(o.Canonical) == of
	})
}

// dangling adds the finding that a CNAME at the name of a key leads to no key. waits reports
// that it may lead to one later.
func (k *DKIM) dangling(name string, a *dnscache.Answer, isNamed, waits bool) {
	remove := advice.RemoveAlias(name)
	if waits {
		remove = remove.Words()
	}
	fix := remove.Then(", or have the owner of " + foreign.Line(a.Canonical, advice.MaxText) + " publish the key there")
	if target := advice.MissingTarget(a); target != "" {
		k.Findings.Add(finding.Error, advice.TakeOver(name, target, "can publish a key and sign for the domain"), fix)
		return
	}
	text := name + " is an alias (CNAME) of " + a.Canonical + ", which has no key"
	if isNamed {
		k.Findings.Add(finding.Error, text, fix)
	} else {
		k.Findings.Add(finding.Warning, text, fix)
	}
}
