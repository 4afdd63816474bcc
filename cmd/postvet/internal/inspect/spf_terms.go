package inspect

import (
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// Term is one term of a record, with the record that it leads to.
type Term struct {
	Text string `json:"text"`
	// Lookups is what the term and all below it add to the count.
	Lookups int `json:"lookups"`
	// Note is a remark on the term's target.
	Note string `json:"note,omitempty"`
	// Unreachable reports that the term is never evaluated, for where it stands.
	Unreachable bool   `json:"unreachable,omitempty"`
	Domain      string `json:"domain,omitempty"` // of Record
	Record      string `json:"record,omitempty"`
	Terms       []Term `json:"terms,omitempty"`
}

// terms returns the tree that is shown, and makes the findings about single terms.
// included reports that the record was reached by an include, passes that those who
// pass there pass for the domain.
func (s *SPF) terms(n *spf.Node, included, passes bool) []Term {
	var list []Term
	for i := range n.Terms {
		b := &n.Terms[i]
		t := Term{Text: foreign.Line(b.Text, advice.MaxText), Unreachable: b.Unreachable, Note: foreign.Line(b.Problem, advice.MaxText)}
		where := t.Text
		if n.Domain != s.domain {
			where += " in the record of " + foreign.Line(n.Domain, advice.MaxText)
		}
		if b.Unreachable {
			t.Note = "never evaluated"
			s.Findings.Warning(where+" is never evaluated: it stands beside or behind an all", "move it in front of the all if it names hosts that send, or else remove it")
			list = append(list, t)
			continue
		}
		if b.Term.Counts() {
			t.Lookups = 1
		}
		s.checkTerm(b, &t, where, n, included, passes)
		if c := b.Child; c != nil {
			t.Domain, t.Record = foreign.Line(c.Domain, advice.MaxText), advice.ShownRecord(c.Record)
			t.Lookups += c.Lookups
			t.Terms = s.terms(c, b.Term.Mechanism == "include" || included, passes && (b.Term.Qualifier == "+" || b.Term.Modifier != ""))
			s.checkTarget(n, b, &t, where)
		}
		list = append(list, t)
	}
	return list
}

// checkTerm checks a term alone.
func (s *SPF) checkTerm(b *spf.Branch, t *Term, where string, n *spf.Node, included, passes bool) {
	switch {
	case b.Term.Mechanism == "all" && b.Term.Qualifier == "+" && !passes:
	case b.Term.Mechanism == "all" && b.Term.Qualifier == "+":
		s.open = true
		if text := where + " lets anybody send in the name of " + s.domain; n.Domain == s.domain {
			s.end = "~all"
			s.add(&s.Findings, finding.Error, text)
		} else {
			s.Findings.Error(text, "")
		}
	case b.Term.Mechanism == "all" && b.Term.Qualifier == "?" && !included:
		s.Findings.Warning(where+" says nothing about senders that are not listed", "when all that send are listed: ~all, later -all")
	case b.Term.Mechanism == "ptr":
		fix := ""
		if n.Domain == s.domain {
			fix = "list the hosts by ip4:, ip6: or a: instead of " + t.Text
		}
		s.Findings.Warning(where+" should not be used: it is slow and unreliable, and some receivers ignore it (RFC 7208 section 5.5)", fix)
	case b.Problem != "" && b.Void:
		severity, risk := finding.Warning, ""
		if b.Term.Qualifier == "+" && passes {
			if _, risk = s.takeOvers.first(b.Gone); risk != "" {
				severity = finding.Error
			}
		}
		s.dropTerm(n, b, severity, where+" finds nothing: "+b.Problem+risk, "")
	case len(b.Gone) > 0 && b.Child == nil && b.Term.Qualifier == "+" && passes:
		if name, risk := s.takeOvers.first(b.Gone); risk != "" {
			s.Findings.Error(where+" leads to "+foreign.Word(name, advice.MaxText)+", which does not exist"+risk, "have the owner of the MX records remove "+foreign.Word(name, advice.MaxText)+", or name the hosts that send by ip4: and ip6: instead of "+t.Text)
		}
	case b.Problem != "" && strings.HasPrefix(b.Problem, "not followed"):
	case b.Problem != "" && b.Child == nil && isDNSFailure(b):
		s.Findings.DNSFailure(where + ": " + b.Problem)
	case b.Problem != "":
		s.Findings.Error(where+": "+b.Problem, "")
	}
	switch {
	case t.Note != "":
	case b.Term.Macros():
		t.Note = "depends on the message"
	case b.Term.Mechanism == "a":
		t.Note = layout.Count(b.Addresses, "address")
	case b.Term.Mechanism == "mx":
		t.Note = layout.Count(b.Addresses, "exchanger")
	}
}

// isDNSFailure reports whether a term's problem is a failed lookup, and not the
// record.
func isDNSFailure(b *spf.Branch) bool {
	m := b.Term.Mechanism
	return (m == "a" || m == "mx" || m == "exists") && b.Addresses == 0 && !strings.HasPrefix(b.Problem, "the target is not")
}

// checkTarget checks the record that an include or redirect leads to.
func (s *SPF) checkTarget(n *spf.Node, b *spf.Branch, t *Term, where string) {
	c := b.Child
	if c.Status == "" {
		return
	}
	t.Note = foreign.Line(c.Problem, advice.MaxText)
	text := where + " makes the check end in permerror: " + c.Problem
	switch {
	case c.Status == spf.TempError:
		s.Findings.DNSFailure(where + ": " + c.Problem)
	case len(b.Gone) > 0:
		_, risk := s.takeOvers.first(b.Gone)
		s.dropTerm(n, b, finding.Error, text+risk, "remove "+t.Text)
	default:
		s.Findings.Error(text, "remove "+t.Text+", or have "+t.Domain+" publish a valid record")
	}
}

// dropTerm adds a finding about a term that lets nobody send, so that the record is better
// without it. A term in the record of somebody else gets the fix.
func (s *SPF) dropTerm(n *spf.Node, b *spf.Branch, severity finding.Severity, text, fix string) {
	if n.Domain != s.domain || b.Term.Modifier == "redirect" && !b.Unreachable {
		s.Findings = append(s.Findings, finding.Finding{Severity: severity, Text: text, Fix: fix})
		return
	}
	s.drop = append(s.drop, b.Text)
	s.add(&s.Findings, severity, text)
}
