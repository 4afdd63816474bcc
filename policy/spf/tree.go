package spf

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Tree is a domain's record with all that it includes, for a person to read. It
// depends on no message and no client: its counts are those of an evaluation
// that reaches the end without a match.
type Tree struct {
	Root *Node `json:"root"`
	// Lookups counts the terms that RFC 7208 section 4.6.4 limits to ten, and
	// Voids those of them whose target has no records now. Terms with macros
	// count only in Lookups.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// Truncated is true if the tree has more nodes or levels than shown, or if
	// time ran out. The counts are too low then.
	Truncated bool `json:"truncated"`
	// Pass is the share of clients that pass.
	Pass Coverage `json:"pass"`

	passed clients
}

// Node is one domain's record in a tree.
type Node struct {
	Domain string `json:"domain"`
	// Outcome is the outcome of the lookup of the domain's TXT records.
	Outcome string `json:"outcome"`
	// Record is the text of the SPF record; "" if there is not exactly one.
	// It may hold any bytes.
	Record string `json:"record"`
	// Status is "" if the record can be evaluated; else None, PermError or
	// TempError. An include or redirect turns these into an error of the whole
	// evaluation (RFC 7208 sections 5.2 and 6.1).
	Status Status `json:"status"`
	// Problem explains what is wrong; "" if nothing is.
	Problem string `json:"problem"`
	// Terms are the terms of the record in order; none if its syntax is wrong.
	Terms []Branch `json:"terms"`
	// Lookups and Voids are the counts of this record and all below it.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
}

// Branch is one term in a tree.
type Branch struct {
	Term Term `json:"-"`
	// Text is the term as it was written.
	Text string `json:"text"`
	// Unreachable is true if the term is never evaluated, because it follows an
	// all or is a redirect beside one.
	Unreachable bool `json:"unreachable"`
	// Void is true if the term's target has no records of the needed type.
	Void bool `json:"void"`
	// Addresses is the number of addresses of an a term's target, or of mail
	// exchangers of an mx term's target.
	Addresses int `json:"addresses"`
	// Problem explains what is wrong with the term's target; "" if nothing is
	// known.
	Problem string `json:"problem"`
	// Gone are the names of the term's target that do not exist (NXDOMAIN): the
	// target itself, where its CNAME leads, or a mail exchanger. Anybody who gets hold of
	// such a name decides who matches.
	Gone []string `json:"gone,omitempty"`
	// Child is the record that an include or redirect leads to. It is nil if
	// that depends on the message, or was not looked up.
	Child *Node `json:"child,omitempty"`
	// Pass is the share of clients that the term alone lets pass.
	Pass Coverage `json:"pass"`

	networks []netip.Prefix // the networks that the term matches, as far as they are known
	always   bool           // the term matches every client
	unknown  bool           // addresses of a mail exchanger could not be looked up
}

// Limits of a tree. They are higher than those of an evaluation, so that a
// record over the limits of RFC 7208 is shown as a whole.
const (
	maxNodes = 50
	maxDepth = 20
	// maxAsked bounds the lookups of targets that lead to no other record.
	maxAsked = 100
	// maxTerms bounds the terms shown of one record.
	maxTerms = 500
)

// Expand looks up a domain's record and the records that it includes or
// redirects to. Nodes, depth, lookups and, by Options.Timeout, time are
// bounded. It always returns a tree, whose nodes say what is wrong.
func Expand(ctx context.Context, r Resolver, domain string, o Options) *Tree {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	x := &expansion{e: &evaluation{ctx: ctx, resolver: r, opt: Options{Now: time.Now}}, tree: &Tree{}, exchangers: o.Exchangers}
	name, problem := checkDomain(domain, "the domain")
	if problem != "" {
		x.tree.Root = &Node{Domain: name, Status: None, Problem: problem, Terms: []Branch{}}
		return x.tree
	}
	x.tree.Root = x.expand(name, nil)
	x.tree.Lookups, x.tree.Voids = x.tree.Root.Lookups, x.tree.Root.Voids
	x.tree.passed = x.tree.Root.pass()
	x.tree.Pass = x.tree.passed.coverage()
	x.tree.Truncated = x.tree.Truncated || ctx.Err() != nil
	return x.tree
}

// expansion is the state of one Expand.
type expansion struct {
	e            *evaluation
	tree         *Tree
	nodes, asked int
	exchangers   bool // the addresses of all mail exchangers are looked up
}

// expand returns the node of a domain. path are the domains above it.
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
		if t.Network.IsValid() {
			b.networks = []netip.Prefix{t.Network}
		}
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

// follow looks up the target of a term that counts.
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
		b.always = b.Addresses > 0
	default: // include and redirect
		x.descend(b, n, target, path)
	}
	if b.Void {
		n.Voids++
	}
}

// descend adds the record that an include or redirect leads to.
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
	if b.Child.Outcome == dnscache.NXDomain.String() {
		b.gone(target, x.e.lookup(target, dnscache.TXT))
	}
	n.Lookups += b.Child.Lookups
	n.Voids += b.Child.Voids
}

// probe looks up the records that a term compares with.
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
		b.gone(target, a)
		b.Void = b.Void && a.Outcome.Void()
		b.Addresses += len(a.Addrs) + len(a.MX)
		if b.Term.Mechanism == "exists" {
			continue
		}
		b.cover(a.Addrs)
		if x.exchangers || b.Term.Prefix4 < wide4 || b.Term.Prefix6 < wide6 {
			x.coverHosts(b, a.MX)
		}
	}
	if b.Void {
		b.Problem = foreign.Word(target, maxCited) + " has no " + kind(types)
	}
}

// coverHosts looks up the addresses of mail exchangers.
func (x *expansion) coverHosts(b *Branch, exchanges []dnscache.Exchange) {
	for _, host := range exchanges[:min(len(exchanges), maxHosts)] {
		if impossible(host.Host) != "" {
			continue // the null MX of RFC 7505, and what is no name
		}
		for _, t := range [...]dnscache.Type{dnscache.A, dnscache.AAAA} {
			if x.asked++; x.asked > maxAsked {
				return
			}
			a := x.e.lookup(host.Host, t)
			b.gone(host.Host, a)
			b.cover(a.Addrs)
			if a.Outcome.Temporary() {
				b.unknown = true
			}
		}
	}
}

// gone notes the name of an answer if it does not exist.
func (b *Branch) gone(name string, a *dnscache.Answer) {
	if a.Outcome != dnscache.NXDomain {
		return
	}
	if a.Canonical != "" {
		name = a.Canonical
	}
	if name = strings.ToLower(name); !slices.Contains(b.Gone, name) {
		b.Gone = append(b.Gone, name)
	}
}

func kind(types []dnscache.Type) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = t.String()
	}
	return strings.Join(words, " or ") + " records"
}
