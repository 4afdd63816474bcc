package dmarc

import (
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// lookupReason returns the reason of a walk that ended at a failed lookup.
func (p *path) lookupReason() string {
	what := "no answer"
	if p.steps == 0 {
		return what
	}
	switch {
	case p.reason != p.failure.String():
		what = p.reason
	case p.failure == dnscache.Timeout:
		what = "no answer in time"
	case p.failure == dnscache.Refused:
		what = "the resolver refuses to answer"
	case p.failure == dnscache.ServFail:
		what = "server failure"
	}
	return "the DMARC record could not be looked up: " + what + " for _dmarc." + p.domains[p.steps-1]
}

// absentReason returns the reason if no record applies. It names the first
// record that is void.
func (p *path) absentReason() string {
	for i := range p.steps {
		s := p.sets[i]
		if s == nil || s.dropped == nil {
			continue
		}
		at := "_dmarc." + p.domains[i]
		return "no DMARC record in force: several at " + at + ", which makes all of them void"
	}
	return "no DMARC record"
}

// passReason returns the reason of a pass.
func passReason(res *Result, spf Identifier, signer string) string {
	switch {
	case res.SPFAligned && res.DKIMAligned:
		return "SPF passed for " + foreign.Line(spf.Domain, maxCited) + " and a DKIM signature of " + foreign.Line(signer, maxCited) + " passed"
	case res.SPFAligned:
		return "SPF passed for " + foreign.Line(spf.Domain, maxCited)
	}
	return "a DKIM signature of " + foreign.Line(signer, maxCited) + " passed"
}

// failReason returns the reason of a fail: why neither SPF nor DKIM authenticated
// an aligned domain.
func failReason(author string, rec *Record, spf Identifier, dkim []Identifier) string {
	var b strings.Builder
	switch {
	case spf.Status == "pass":
		b.WriteString("SPF passed for " + foreign.Line(spf.Domain, maxCited) + ", which is not " + match(author, rec.ASPF))
	case spf.Status == "" || spf.Status == "none":
		b.WriteString("no SPF result")
	default:
		b.WriteString("SPF did not pass (" + foreign.Line(spf.Status, maxCited) + " for " + foreign.Line(spf.Domain, maxCited) + ")")
	}
	b.WriteString("; ")
	var passed []string
	others := 0
	for _, id := range dkim {
		switch {
		case id.Status != "pass":
		case len(passed) == 3:
			others++
		default:
			passed = append(passed, foreign.Line(id.Domain, maxCited))
		}
	}
	switch {
	case len(dkim) == 0:
		b.WriteString("no DKIM signature")
	case len(passed) == 0:
		b.WriteString("no DKIM signature passed")
	default:
		b.WriteString("the DKIM signature of " + strings.Join(passed, ", "))
		if others > 0 {
			b.WriteString(" and others")
		}
		b.WriteString(" passed, which is not " + match(author, rec.ADKIM))
	}
	return b.String()
}

// match returns the condition that an identifier does not meet.
func match(author string, mode Alignment) string {
	if mode == Strict {
		return author + " itself, as the strict policy demands"
	}
	return "aligned with " + author
}
