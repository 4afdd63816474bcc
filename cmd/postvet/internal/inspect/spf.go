package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// The limits of RFC 7208 section 4.6.4.
const (
	spfLookupLimit = 10
	spfVoidLimit   = 2
)

// SPF is the domain's SPF record and all that it includes.
type SPF struct {
	// Record is the text published; "" if there is not exactly one.
	Record string `json:"record"`
	// Lookups and Voids are what an evaluation counts that reaches the record's
	// end, against the limits of ten and two.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// Truncated: there is more than is shown, and the counts are too low.
	Truncated bool     `json:"truncated"`
	Terms     []Term   `json:"terms"`
	Findings  Findings `json:"findings"`

	outcome dnscache.Outcome
	absent  bool
	domain  string
	alias   string // where a CNAME at the domain leads
}

// Term is one term of a record, with the record that it leads to.
type Term struct {
	Text string `json:"text"`
	// Lookups is what the term and all below it add to the count.
	Lookups int `json:"lookups"`
	// Note says what there is to know of the term's target.
	Note string `json:"note,omitempty"`
	// Unreachable: it stands where it is never evaluated.
	Unreachable bool   `json:"unreachable,omitempty"`
	Domain      string `json:"domain,omitempty"` // of Record
	Record      string `json:"record,omitempty"`
	Terms       []Term `json:"terms,omitempty"`
}

func inspectSPF(ctx context.Context, d *dns, domain string) SPF {
	s := SPF{Terms: []Term{}, Findings: Findings{}, domain: domain}
	a := d.Lookup(ctx, domain, dnscache.TXT)
	s.outcome, s.alias = a.Outcome, foreign.Line(a.Canonical, maxText)
	if !a.Outcome.Known() {
		s.Findings.trouble(domain, "the SPF record", a.Outcome)
		return s
	}
	var records []string
	for _, txt := range a.TXT {
		if _, err := spf.ParseRecord(txt); !errors.Is(err, spf.ErrNotSPF) {
			records = append(records, txt)
		}
	}
	switch len(records) {
	case 0:
		for _, txt := range a.TXT {
			if nearlySPF(txt) {
				s.Findings.error("a TXT record looks like SPF but is none: "+txt, "begin it with v=spf1 and a space")
				return s
			}
		}
		s.absent = true
		return s
	case 1:
	default:
		s.Findings.error(fmt.Sprintf("%d SPF records: every check ends in permerror (RFC 7208 section 4.5)", len(records)),
			"merge them into one and remove the others; "+publishTXT(domain, merged(records)))
		return s
	}
	s.Record = record(records[0])
	tree := spf.Expand(ctx, d, domain, spf.Options{})
	s.Lookups, s.Voids, s.Truncated = tree.Lookups, tree.Voids, tree.Truncated
	if root := tree.Root; root.Status != "" {
		s.Findings.error(root.Problem, "")
		return s
	}
	s.Terms = s.terms(tree.Root, false)
	s.judge(tree)
	return s
}

// nearlySPF reports whether a text that is no SPF record was meant to be one.
func nearlySPF(txt string) bool {
	low := strings.ToLower(strings.TrimLeft(txt, " \t\"'"))
	return strings.HasPrefix(low, "v=spf") || strings.HasPrefix(low, "spf1 ") || strings.HasPrefix(low, "v = spf") ||
		strings.HasPrefix(low, "spf=")
}

// merged proposes one record for several: all terms but the alls, then the
// strictest of these. A redirect becomes an include, as an all makes receivers
// ignore it, and one exp is left, as two are a permerror (RFC 7208 sections 6 and
// 6.1).
func merged(records []string) string {
	terms, end := []string{"v=spf1"}, ""
	seen := map[string]bool{}
	rank := map[string]int{"": 0, "+all": 1, "all": 1, "?all": 2, "~all": 3, "-all": 4}
	for _, r := range records {
		for _, t := range strings.Fields(r)[1:] {
			low := strings.ToLower(t)
			const redirect = "redirect="
			switch {
			case len(t) > len(redirect) && strings.EqualFold(t[:len(redirect)], redirect):
				t = "include:" + t[len(redirect):]
				low = strings.ToLower(t)
			case strings.HasPrefix(low, "exp="):
				low = "exp="
			}
			if n, ok := rank[low]; ok {
				if n > rank[end] {
					end = low
				}
				continue
			}
			if !seen[low] {
				seen[low] = true
				terms = append(terms, t)
			}
		}
	}
	if rank[end] < 3 {
		end = "~all"
	}
	return strings.Join(append(terms, end), " ")
}

// terms makes the tree that is shown, and the findings about single terms.
// included tells a record that is reached by include.
func (s *SPF) terms(n *spf.Node, included bool) []Term {
	var list []Term
	for i := range n.Terms {
		b := &n.Terms[i]
		t := Term{Text: foreign.Line(b.Text, maxText), Unreachable: b.Unreachable, Note: foreign.Line(b.Problem, maxText)}
		where := t.Text
		if n.Domain != s.domain {
			where += " in the record of " + foreign.Line(n.Domain, maxText)
		}
		if b.Unreachable {
			t.Note = "never evaluated"
			s.Findings.warn(where+" is never evaluated: it stands beside or behind an all", "")
			list = append(list, t)
			continue
		}
		if b.Term.Counts() {
			t.Lookups = 1
		}
		s.judgeTerm(b, &t, where, n, included)
		if c := b.Child; c != nil {
			t.Domain, t.Record = foreign.Line(c.Domain, maxText), record(c.Record)
			t.Lookups += c.Lookups
			t.Terms = s.terms(c, b.Term.Mechanism == "include" || included)
			s.judgeChild(c, &t, where)
		}
		list = append(list, t)
	}
	return list
}

// judgeTerm finds what is wrong with one term itself.
func (s *SPF) judgeTerm(b *spf.Branch, t *Term, where string, n *spf.Node, included bool) {
	switch {
	case b.Term.Mechanism == "all" && b.Term.Qualifier == "+":
		fix := ""
		if n.Domain == s.domain {
			fix = publishTXT(s.domain, withAll(s.Record, "-all"))
		}
		s.Findings.error(where+" lets anybody send in the name of "+s.domain, fix)
	case b.Term.Mechanism == "all" && b.Term.Qualifier == "?" && !included:
		s.Findings.warn(where+" says nothing about senders that are not listed",
			publishTXT(s.domain, withAll(s.Record, "~all"))+", later -all")
	case b.Term.Mechanism == "ptr":
		fix := ""
		if n.Domain == s.domain {
			fix = "list the hosts by ip4:, ip6: or a: instead of " + t.Text
		}
		s.Findings.warn(where+" should not be used: it is slow and unreliable, and some receivers ignore it (RFC 7208 section 5.5)", fix)
	case b.Problem != "" && b.Void:
		s.Findings.warn(where+" finds nothing: "+b.Problem, "")
	case b.Problem != "" && strings.HasPrefix(b.Problem, "not followed"):
	case b.Problem != "" && b.Child == nil && isLookupTrouble(b):
		s.Findings = append(s.Findings, Finding{Severity: Warning, DNSTrouble: true, Text: foreign.Line(where+": "+b.Problem, maxText)})
	case b.Problem != "":
		s.Findings.error(where+": "+b.Problem, "")
	}
	switch {
	case t.Note != "":
	case b.Term.Macros():
		t.Note = "depends on the message"
	case b.Term.Mechanism == "a":
		t.Note = plural(b.Addresses, "address", "addresses")
	case b.Term.Mechanism == "mx":
		t.Note = plural(b.Addresses, "exchanger", "exchangers")
	}
}

// isLookupTrouble reports whether a term's problem is that of the DNS, not of
// the record.
func isLookupTrouble(b *spf.Branch) bool {
	m := b.Term.Mechanism
	return (m == "a" || m == "mx" || m == "exists") && b.Addresses == 0 && !strings.HasPrefix(b.Problem, "the target is not")
}

// judgeChild finds what is wrong with what an include or redirect leads to.
func (s *SPF) judgeChild(c *spf.Node, t *Term, where string) {
	switch c.Status {
	case "":
	case spf.TempError:
		t.Note = foreign.Line(c.Problem, maxText)
		s.Findings = append(s.Findings, Finding{Severity: Warning, DNSTrouble: true, Text: foreign.Line(where+": "+c.Problem, maxText)})
	default:
		t.Note = foreign.Line(c.Problem, maxText)
		s.Findings.error(where+" makes the check end in permerror: "+c.Problem, "remove "+t.Text+", or have "+t.Domain+" publish a valid record")
	}
}

// judge finds what the record as a whole lacks.
func (s *SPF) judge(tree *spf.Tree) {
	switch {
	case s.Lookups > spfLookupLimit:
		s.Findings.error(fmt.Sprintf("%d look-ups where RFC 7208 section 4.6.4 allows 10: checks that get that far end in permerror", s.Lookups),
			"remove includes that are no longer used, and name fixed addresses by ip4: and ip6: instead of a, mx and include")
	case s.Lookups >= spfLookupLimit-1:
		more := "one more at a provider breaks the record"
		if s.Lookups < spfLookupLimit {
			more = "two more at a provider break the record"
		}
		s.Findings.warn(fmt.Sprintf("%d of 10 look-ups: %s", s.Lookups, more), "remove includes that are no longer used")
	default:
		s.Findings.ok(fmt.Sprintf("%d of 10 look-ups", s.Lookups))
	}
	if s.Voids > spfVoidLimit {
		s.Findings.error(fmt.Sprintf("%d look-ups find nothing where RFC 7208 section 4.6.4 allows 2: many receivers end the check in permerror", s.Voids),
			"remove the terms whose targets are gone")
	}
	if s.Truncated {
		s.Findings.warn("the record includes more than is shown here", "")
	}
	switch end := defaultOf(tree.Root, 0); end {
	case "":
		s.Findings.warn("neither all nor redirect at the end: senders that are not listed are neutral", publishTXT(s.domain, withAll(s.Record, "~all"))+", later -all")
	case "-":
		s.Findings.ok("senders that are not listed fail")
	case "~":
		s.Findings.ok("senders that are not listed softfail")
	}
}

// defaultOf returns the qualifier of the all that ends a record or what it
// redirects to; "" if there is none, "!" if it is not known.
func defaultOf(n *spf.Node, depth int) string {
	if n.Status != "" || depth > 20 {
		return "!"
	}
	for i := range n.Terms {
		if b := &n.Terms[i]; b.Term.Mechanism == "all" {
			return b.Term.Qualifier
		}
	}
	for i := range n.Terms {
		if b := &n.Terms[i]; b.Term.Modifier == "redirect" {
			if b.Child == nil {
				return "!"
			}
			return defaultOf(b.Child, depth+1)
		}
	}
	return ""
}

// withAll returns the record with the given all at its end and no other.
func withAll(record, all string) string {
	var keep []string
	for _, f := range strings.Fields(record) {
		if strings.ToLower(strings.TrimLeft(f, "+-?~")) != "all" {
			keep = append(keep, f)
		}
	}
	return strings.Join(append(keep, all), " ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
