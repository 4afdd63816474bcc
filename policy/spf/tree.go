package spf

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Tree is a domain's record with all that it includes, for a person to read.
// Nothing in it depends on a message or a client: it is what an evaluation
// costs that reaches the end without a match.
type Tree struct {
	Root *Node `json:"root"`
	// Lookups are the terms that count against the ten of RFC 7208 section
	// 4.6.4, Voids those of them whose target has no records at present.
	// Targets with macros are counted in Lookups, and cannot be in Voids.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// Truncated tells that the tree has more nodes or is deeper than is shown,
	// or that time ran out; the counts are too low then.
	Truncated bool `json:"truncated"`
}

// Node is one domain's record in a tree.
type Node struct {
	Domain string `json:"domain"`
	// Outcome says how the look-up of the domain's TXT records ended.
	Outcome string `json:"outcome"`
	// Record is the text of the SPF record; "" if there is not exactly one.
	// It may hold any bytes.
	Record string `json:"record"`
	// Status is "" if the record can be evaluated; else None, PermError or
	// TempError, which an include or redirect turns into an error of the
	// whole (section 5.2, 6.1).
	Status Status `json:"status"`
	// Problem says in words what is wrong; "" if nothing is.
	Problem string `json:"problem"`
	// Terms are the terms of the record in order; none if its syntax is wrong.
	Terms []Branch `json:"terms"`
	// Lookups and Voids are what this record and all below it add to the counts.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
}

// Branch is one term in a tree.
type Branch struct {
	Term Term `json:"-"`
	// Text is the term as it was written.
	Text string `json:"text"`
	// Unreachable tells that the term stands behind an all, or is a redirect
	// beside one, and is never evaluated.
	Unreachable bool `json:"unreachable"`
	// Void tells that the term's target has no records of the type needed.
	Void bool `json:"void"`
	// Addresses is how many addresses an a term's target has, or how many
	// mail exchangers an mx term's has.
	Addresses int `json:"addresses"`
	// Problem says in words what is wrong with the term's target; "" if
	// nothing is known to be.
	Problem string `json:"problem"`
	// Child is what an include or redirect leads to; nil if that depends on
	// the message, or was not followed.
	Child *Node `json:"child,omitempty"`
}

// Limits of a tree. They are above what an evaluation follows, so that a
// record over the limits is shown to the end.
const (
	maxNodes = 50
	maxDepth = 20
	// maxAsked bounds the look-ups of targets that lead to no further record.
	maxAsked = 100
	// maxTerms bounds the terms of one record that are shown.
	maxTerms = 500
)

// Expand gets a domain's record and what it includes and redirects to. It is
// bounded in nodes, depth, look-ups and by Options.Timeout, and always returns
// a tree; what is wrong stands in its nodes.
func Expand(ctx context.Context, r Resolver, domain string, o Options) *Tree {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	x := &expansion{e: &evaluation{ctx: ctx, resolver: r, opt: Options{Now: time.Now}}, tree: &Tree{}}
	name, problem := checkDomain(domain, "the domain")
	if problem != "" {
		x.tree.Root = &Node{Domain: name, Status: None, Problem: problem, Terms: []Branch{}}
		return x.tree
	}
	x.tree.Root = x.expand(name, nil)
	x.tree.Lookups, x.tree.Voids = x.tree.Root.Lookups, x.tree.Root.Voids
	x.tree.Truncated = x.tree.Truncated || ctx.Err() != nil
	return x.tree
}

type expansion struct {
	e            *evaluation
	tree         *Tree
	nodes, asked int
}

// expand makes the node of a domain; path are the domains above it.
func (x *expansion) expand(domain string, path []string) *Node {
	x.nodes++
	n := &Node{Domain: domain, Terms: []Branch{}}
	a := x.e.lookup(domain, dnscache.TXT)
	n.Outcome = a.Outcome.String()
	if a.Outcome == dnscache.Found {
		n.Record = published(a).text
	}
	rec, bad := x.e.recordIn(domain, a)
	if bad != nil {
		n.Status, n.Problem = bad.status, bad.reason
		return n
	}
	path = append(path, domain)
	ended := false
	hasAll := slices.ContainsFunc(rec.Terms, func(t Term) bool { return t.Mechanism == "all" })
	for i := range rec.Terms {
		if i == maxTerms {
			x.tree.Truncated = true
			break
		}
		t := &rec.Terms[i]
		b := Branch{Term: *t, Text: t.Text}
		switch {
		case t.Modifier == "redirect":
			b.Unreachable = hasAll // section 6.1: ignored beside an all
		case t.Mechanism != "":
			b.Unreachable = ended
		}
		if t.Counts() && !b.Unreachable {
			n.Lookups++
			x.follow(&b, n, domain, path)
		}
		ended = ended || t.Mechanism == "all"
		n.Terms = append(n.Terms, b)
	}
	return n
}

// follow looks at the target of a term that counts.
func (x *expansion) follow(b *Branch, n *Node, domain string, path []string) {
	t := &b.Term
	if t.Mechanism == "ptr" || t.Macros() {
		return // depends on the client or the message
	}
	target := domain
	if t.Domain != "" {
		target = targetName(t.Domain)
	}
	if why := impossible(target); why != "" {
		b.Problem = "the target is not a domain name: " + why
		return
	}
	switch t.Mechanism {
	case "a":
		x.probe(b, target, dnscache.A, dnscache.AAAA)
	case "mx":
		x.probe(b, target, dnscache.MX)
		if b.Addresses > maxHosts {
			b.Problem = "more than 10 mail exchangers: clients that are none of the first ten get permerror"
		}
	case "exists":
		x.probe(b, target, dnscache.A)
	default: // include and redirect
		x.descend(b, n, target, path)
	}
	if b.Void {
		n.Voids++
	}
}

func (x *expansion) descend(b *Branch, n *Node, target string, path []string) {
	if slices.Contains(path, target) {
		b.Problem = "loop: " + foreign.Word(target, maxCited) + " leads back to itself, which ends in permerror"
		return
	}
	if x.nodes >= maxNodes || len(path) >= maxDepth || x.e.ctx.Err() != nil {
		x.tree.Truncated = true
		b.Problem = "not followed: the tree is too large"
		return
	}
	b.Child = x.expand(target, path)
	n.Lookups += b.Child.Lookups
	n.Voids += b.Child.Voids
}

// probe asks for the records that a term compares with.
func (x *expansion) probe(b *Branch, target string, types ...dnscache.Type) {
	b.Void = true
	for _, t := range types {
		if x.asked++; x.asked > maxAsked {
			b.Void, x.tree.Truncated = false, true
			return
		}
		a := x.e.lookup(target, t)
		if a.Outcome.Temporary() {
			b.Problem = x.e.tempError(target, t, a).reason
		}
		b.Void = b.Void && a.Outcome.Void()
		b.Addresses += len(a.Addrs) + len(a.MX)
	}
	if b.Void {
		b.Problem = foreign.Word(target, maxCited) + " has no " + kind(types)
	}
}

func kind(types []dnscache.Type) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = t.String()
	}
	return strings.Join(words, " or ") + " records"
}
