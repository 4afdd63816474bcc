package spf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/contrib/oracles"
	"github.com/postvet/postvet/dnscache"
)

// oracleNode is a name of a zone in the format of the drivers of
// contrib/oracles. The characters U+0000 to U+00FF stand for octets.
type oracleNode struct {
	TXT, A, AAAA, PTR []string            `json:",omitempty"`
	MX                []dnscache.Exchange `json:",omitempty"`
	CNAME             string              `json:",omitempty"`
	Faults            map[string]string   `json:",omitempty"`
}

type oracleRequest struct {
	Zone   map[string]oracleNode
	Checks []oracleCheck
}

type oracleAnswer struct{ Result, Reason, Explanation string }

// latin1 maps octets to the characters with the same numbers.
func latin1(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

func oracleZone(z *zone) map[string]oracleNode {
	nodes := map[string]oracleNode{}
	for name, n := range z.names {
		o := oracleNode{Faults: map[string]string{}}
		if n.isCNAME {
			o.CNAME = n.cname
		}
		for t, a := range n.answers {
			switch a.Outcome {
			case dnscache.ServFail:
				o.Faults[t.String()] = "SERVFAIL"
			case dnscache.Timeout:
				o.Faults[t.String()] = "TIMEOUT"
			}
			for _, s := range a.TXT {
				o.TXT = append(o.TXT, latin1(s))
			}
			for _, ip := range a.Addrs {
				if ip.Is4() {
					o.A = append(o.A, ip.String())
				} else {
					o.AAAA = append(o.AAAA, ip.String())
				}
			}
			o.MX = append(o.MX, a.MX...)
			o.PTR = append(o.PTR, a.Names...)
		}
		nodes[latin1(name)] = o
	}
	return nodes
}

// oracleCase is a difference that a table must explain.
type oracleCase struct {
	oracleCheck
	z      *zone
	ours   Result
	theirs oracleAnswer
	// questions are our lookups, "name/TYPE".
	questions []string
}

// asked reports whether our evaluation got a matching answer of the type.
func (c *oracleCase) asked(t dnscache.Type, matches func(a *dnscache.Answer) bool) bool {
	return slices.ContainsFunc(c.questions, func(q string) bool {
		name, of := splitQuestion(q)
		return of == t.String() && matches(c.z.Lookup(context.Background(), name, t))
	})
}

// splitQuestion splits a question, "name/TYPE".
func splitQuestion(q string) (name, of string) {
	i := strings.LastIndexByte(q, '/')
	return q[:i], q[i+1:]
}

// records returns the records that our evaluation read, without other texts of
// the domains.
func (c *oracleCase) records() []string {
	var records []string
	c.asked(dnscache.TXT, func(a *dnscache.Answer) bool {
		for _, txt := range a.TXT {
			if isRecord(txt) {
				records = append(records, txt)
			}
		}
		return false
	})
	return records
}

func (c *oracleCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v\nours   %+v\ntheirs %+v", c.oracleCheck, c.ours, c.theirs)
	for _, q := range slices.Compact(slices.Sorted(slices.Values(c.questions))) {
		name, of := splitQuestion(q)
		for _, t := range []dnscache.Type{dnscache.A, dnscache.AAAA, dnscache.MX, dnscache.PTR, dnscache.TXT} {
			if of == t.String() {
				a := c.z.Lookup(context.Background(), name, t)
				fmt.Fprintf(&b, "\n%s %q %s %v %v %s", q, a.TXT, a.Addrs, a.MX, a.Names, a.Outcome)
			}
		}
	}
	return b.String()
}

// oracleExplained is a class of differences: the section that decides, who is
// right, and when a difference belongs to the class.
type oracleExplained struct {
	section, why string
	applies      func(c *oracleCase) bool
}

// runOracle generates zones and checks, runs them in a driver and in our code,
// and fails on each difference that the table does not explain.
func runOracle(t *testing.T, driver string, zones int, table []oracleExplained, explanations bool) {
	t.Helper()
	t.Parallel()
	const seed, perZone = 4408, 4
	worlds := make([]*oracleWorld, zones)
	requests := make([]oracleRequest, zones)
	for i := range worlds {
		g := &oracleWorld{Rand: rand.New(rand.NewPCG(seed, uint64(i))), right: driver == "libspf2.py"}
		g.make()
		worlds[i] = g
		requests[i].Zone = oracleZone(g.z)
		for range perZone {
			requests[i].Checks = append(requests[i].Checks, g.check())
		}
	}
	answers := oracles.Ask[oracleRequest, []oracleAnswer](t, driver, requests)
	counts := make([]int, len(table))
	results := map[Status]int{}
	cases, same, unexplained := 0, 0, 0
	for i, g := range worlds {
		for j, check := range requests[i].Checks {
			c := &oracleCase{oracleCheck: check, z: g.z, theirs: answers[i][j]}
			q := Query{IP: netip.MustParseAddr(check.IP), Helo: check.Helo, Sender: check.Sender}
			c.ours = Check(t.Context(), g.z, q, Options{})
			g.z.asked = nil
			// Lookups started ahead may be more than the record needs.
			if again := Check(t.Context(), g.z, q, Options{Sequential: true}); !cmp.Equal(again, c.ours) {
				t.Errorf("zone %d: one by one it is %+v\n%s", i, again, c)
			}
			c.questions = g.z.queries()
			cases++
			results[c.ours.Status]++
			if string(c.ours.Status) == c.theirs.Result &&
				(!explanations || c.ours.Status != Fail || c.ours.Explanation == c.theirs.Explanation) {
				same++
				continue
			}
			at := slices.IndexFunc(table, func(e oracleExplained) bool { return e.applies(c) })
			if at >= 0 {
				counts[at]++
				continue
			}
			if unexplained++; unexplained <= 3 {
				t.Errorf("zone %d: %s", i, c)
			}
		}
	}
	name, _, _ := strings.Cut(driver, ".")
	t.Logf("oracle %s %d %d %d", name, cases, same, cases-same-unexplained)
	t.Logf("our results: %v", results)
	for i, e := range table {
		t.Logf("%5d differ by section %s: %s", counts[i], e.section, e.why)
		if counts[i] == 0 {
			t.Errorf("no case shows this difference: %s", e.why)
		}
	}
	if unexplained > 0 {
		t.Errorf("%d differences are not explained", unexplained)
	}
	if same < cases*9/10 {
		t.Errorf("only %d of %d answers are the same", same, cases)
	}
}
