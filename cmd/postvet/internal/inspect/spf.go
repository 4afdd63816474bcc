package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/repair"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spf"
)

// The limits of RFC 7208 section 4.6.4.
const (
	spfLookupLimit = 10
	spfVoidLimit   = 2
)

// SPF is the domain's SPF record with all that it includes.
type SPF struct {
	// Record is the text published; "" if there is not exactly one.
	Record string `json:"record"`
	// Lookups and Voids are what an evaluation counts that reaches the end of the
	// record; the limits are ten and two.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// Truncated reports that not all of the tree is shown and counted.
	Truncated bool   `json:"truncated"`
	Terms     []Term `json:"terms"`
	// Senders is who may really send.
	Senders  Senders      `json:"senders"`
	Findings finding.List `json:"findings"`

	outcome dnscache.Outcome
	absent  bool // there is no record
	domain  string
	alias   string // where a CNAME at the domain leads
	// proposed is a record in place of Record or of several, unreadable why there is
	// none. end is the all that it lacks.
	proposed, unreadable, end string
	open                      bool     // anybody may send
	wide                      bool     // by more than an all, so that no record can be proposed
	drop                      []string // terms of Record that let nobody send
	partly                    bool     // what it leads to could not all be looked up
	takeOvers                 takeOvers
	tree                      *spf.Tree
	mending
}

func inspectSPF(ctx context.Context, l *lookups.Lookups, domain string) SPF {
	s := SPF{Terms: []Term{}, Senders: newSenders(), Findings: finding.List{}, domain: domain, takeOvers: takeOvers{ctx, l, domain}}
	a := l.Lookup(ctx, domain, dnscache.TXT)
	s.outcome, s.alias = a.Outcome, foreign.Line(a.Canonical, advice.MaxText)
	if !a.Outcome.Known() {
		s.Findings.DNSFailure(lookups.Failure("the SPF record", domain, a))
		return s
	}
	record, ok := s.find(a.TXT)
	if !ok {
		return s
	}
	s.Record = advice.ShownRecord(record)
	tree := spf.Expand(ctx, l, domain, spf.Options{Exchangers: true})
	s.tree = tree
	s.Lookups, s.Voids, s.Truncated = tree.Lookups, tree.Voids, tree.Truncated
	if root := tree.Root; root.Status != "" {
		s.add(&s.Findings, finding.Error, root.Problem)
		s.checkForm(record)
		return s
	}
	s.checkForm(record)
	s.Terms = s.terms(tree.Root, false, true)
	s.checkRecord(tree)
	return s
}

// find finds the one SPF record among the domain's TXT records.
func (s *SPF) find(texts []string) (record string, ok bool) {
	var records []string
	for _, txt := range texts {
		if _, err := spf.ParseRecord(txt); !errors.Is(err, spf.ErrNotSPF) {
			records = append(records, txt)
		}
	}
	switch len(records) {
	case 0:
		for _, txt := range texts {
			if repair.MeantAsSPF(txt) {
				s.add(&s.Findings, finding.Error, "a TXT record looks like SPF but is none: "+txt)
				s.checkForm(txt)
				return "", false
			}
		}
		s.absent = true
		return "", false
	case 1:
		return records[0], true
	}
	s.add(&s.Findings, finding.Error, fmt.Sprintf("%d SPF records: every check ends in permerror (RFC 7208 section 4.5)", len(records)))
	p := repair.SPFs(records)
	s.proposed, s.unreadable = p.Text, p.Unreadable
	return "", false
}

// checkForm names what is odd about the text of the record.
func (s *SPF) checkForm(text string) {
	p := repair.SPF(text)
	s.proposed, s.unreadable = p.Text, p.Unreadable
	for _, oddity := range p.Oddities {
		s.add(&s.Findings, finding.Error, oddity)
	}
}

// checkRecord checks the record as a whole.
func (s *SPF) checkRecord(tree *spf.Tree) {
	s.partly = slices.ContainsFunc(s.Findings, func(f finding.Finding) bool { return f.DNSFailure })
	switch {
	case s.Lookups > spfLookupLimit:
		s.Findings.Error(fmt.Sprintf("%d lookups where RFC 7208 section 4.6.4 allows 10: checks that get that far end in permerror", s.Lookups),
			"remove includes that are no longer used, and name fixed addresses by ip4: and ip6: instead of a, mx and include")
	case s.Lookups >= spfLookupLimit-1:
		more := "one more at a provider breaks the record"
		if s.Lookups < spfLookupLimit {
			more = "two more at a provider break the record"
		}
		s.Findings.Warning(fmt.Sprintf("%d of 10 lookups: %s", s.Lookups, more), "remove includes that are no longer used")
	case !s.partly:
		s.Findings.OK(fmt.Sprintf("%d of 10 lookups", s.Lookups))
	}
	if s.Voids > spfVoidLimit {
		s.Findings.Error(fmt.Sprintf("%d lookups find nothing where RFC 7208 section 4.6.4 allows 2: many receivers end the check in permerror", s.Voids),
			"remove the terms whose targets are gone")
	}
	if s.Truncated {
		s.Findings.Warning("the record includes more than is shown here", "")
	}
	s.checkCoverage(tree)
	s.findSenders(tree)
	switch end := defaultOf(tree.Root, 0); {
	case end == "":
		if s.end == "" && s.proposed != "" && !strings.HasSuffix(s.proposed, "all") {
			s.end = "~all"
		}
		s.add(&s.Findings, finding.Warning, "neither all nor redirect at the end: senders that are not listed are neutral")
	case s.partly: // the check may end before it comes to the all
	case end == "-":
		s.Findings.OK("senders that are not listed fail")
	case end == "~":
		s.Findings.OK("senders that are not listed softfail")
	}
}

// defaultOf returns the qualifier of the all that ends a record or the one it
// redirects to; "" if there is none, "!" if that is not known.
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
