package spf

import (
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// explain returns the text that a domain wants its rejected senders to read
// (RFC 7208 section 6.2), or "" if anything is wrong with it. Its lookups do
// not count against the limits and cannot change the result.
func (e *evaluation) explain(t *Term, domain string) string {
	if t.spec.uses(e.unusable) {
		return ""
	}
	value := func(letter byte) string { return e.value(letter, domain) }
	target := t.name(value)
	if impossible(target) != "" {
		return ""
	}
	a := e.lookup(target, dnscache.TXT)
	if len(a.TXT) != 1 {
		return ""
	}
	m, problem := parseMacro(a.TXT[0], forExplanation)
	if problem != "" || m.uses(e.unusable) {
		return ""
	}
	text := m.text(maxExplanation, value)
	// The syntax of the record allows only ASCII, but a local part or HELO name
	// may have brought in control characters.
	if !foreign.IsPrintable(text) {
		return ""
	}
	return text
}
