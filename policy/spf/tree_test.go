package spf

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// outline returns a tree as text for comparison.
func outline(tr *Tree) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d lookups, %d void, truncated %v\n", tr.Lookups, tr.Voids, tr.Truncated)
	drawNode(&b, tr.Root, "")
	return b.String()
}

func drawNode(b *strings.Builder, n *Node, indent string) {
	fmt.Fprintf(b, "%s%s (%d, %d)", indent, n.Domain, n.Lookups, n.Voids)
	if n.Status != "" {
		fmt.Fprintf(b, " %s: %s", n.Status, n.Problem)
	}
	b.WriteByte('\n')
	for _, t := range n.Terms {
		fmt.Fprintf(b, "%s  %s", indent, t.Text)
		if t.Unreachable {
			b.WriteString(" unreachable")
		}
		if t.Void {
			b.WriteString(" void")
		}
		if t.Addresses > 0 {
			fmt.Fprintf(b, " [%d]", t.Addresses)
		}
		if t.Problem != "" {
			b.WriteString(" ! " + t.Problem)
		}
		b.WriteByte('\n')
		if t.Child != nil {
			drawNode(b, t.Child, indent+"    ")
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	z := newZone().
		txt("example.org", "v=spf1 a mx:mx.example.org a:gone.example.org include:inc.example.org include:%{d}.x.example.org exists:%{i}.l.example.org ptr ?all a:late.example.org redirect=never.example.org exp=why.example.org").
		addr("example.org", "192.0.2.1").addr("example.org", "2001:db8::1").
		mx("mx.example.org", 1, "example.org").
		txt("inc.example.org", "v=spf1 include:back.example.org include:none.example.org include:bad.example.org include:nx.example.org include:fault.example.org exists:a..example.org redirect=end.example.org").
		txt("back.example.org", "v=spf1 include:example.org a:fault.example.org").
		txt("none.example.org", "hello").
		txt("bad.example.org", "v=spf1 ip4:192.0.2").
		txt("end.example.org", "v=spf1 ip4:192.0.2.0/24 -all").
		fault("fault.example.org", 16, 4).fault("fault.example.org", 1, 6).fault("fault.example.org", 28, 6)
	got := outline(Expand(t.Context(), z, "Example.ORG.", Options{}))
	want := `16 lookups, 1 void, truncated false
example.org (16, 1)
  a [2]
  mx:mx.example.org [1]
  a:gone.example.org void ! gone.example.org has no A or AAAA records
  include:inc.example.org
    inc.example.org (9, 0)
      include:back.example.org
        back.example.org (2, 0)
          include:example.org ! loop: example.org leads back to itself, which ends in permerror
          a:fault.example.org ! the lookup of AAAA fault.example.org got no answer in time
      include:none.example.org
        none.example.org (0, 0) none: none.example.org publishes no SPF record
      include:bad.example.org
        bad.example.org (0, 0) permerror: the SPF record of bad.example.org is wrong: term 1 (ip4:192.0.2): 192.0.2 is not an IPv4 address
      include:nx.example.org
        nx.example.org (0, 0) none: nx.example.org does not exist
      include:fault.example.org
        fault.example.org (0, 0) temperror: the lookup of TXT fault.example.org failed at the domain's DNS servers (SERVFAIL)
      exists:a..example.org ! the target is not a domain name: it has an empty label
      redirect=end.example.org
        end.example.org (0, 0)
          ip4:192.0.2.0/24
          -all
  include:%{d}.x.example.org
  exists:%{i}.l.example.org
  ptr
  ?all
  a:late.example.org unreachable
  redirect=never.example.org unreachable
  exp=why.example.org
`
	want = strings.ReplaceAll(want, "    ", "\x00")
	got = strings.ReplaceAll(got, "    ", "\x00")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestExpandNoDomain(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"":            "the domain is missing",
		"[192.0.2.1]": "the domain is an address literal",
		"localhost":   "the domain is a single label, no domain of the public DNS",
	} {
		got := Expand(t.Context(), newZone(), domain, Options{})
		if got.Root.Status != None || got.Root.Problem != want {
			t.Errorf("%q: %+v", domain, got.Root)
		}
	}
}

// TestExpandIsBounded: an endless tree is cut in breadth, depth, terms and
// lookups.
func TestExpandIsBounded(t *testing.T) {
	t.Parallel()
	z := newZone()
	for i := range 60 {
		record := "v=spf1"
		for j := range 60 {
			record += fmt.Sprintf(" include:n%d.d%d.example.org", j, i+1)
		}
		for j := range 60 {
			z.txt(fmt.Sprintf("n%d.d%d.example.org", j, i), record)
		}
	}
	z.txt("wide.example.org", "v=spf1"+strings.Repeat(" a:n.example.org", 1000)).addr("n.example.org", "192.0.2.1")
	for _, domain := range []string{"n0.d0.example.org", "wide.example.org"} {
		z := &zone{names: z.names}
		start := time.Now()
		got := Expand(t.Context(), z, domain, Options{})
		if n := count(got.Root); !got.Truncated || n > maxNodes || len(got.Root.Terms) > maxTerms {
			t.Errorf("%s: %d nodes, truncated %v", domain, n, got.Truncated)
		}
		if n := len(z.queries()); n > maxNodes+maxAsked {
			t.Errorf("%s: %d queries", domain, n)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", domain, took)
		}
	}
	// Depth: a chain of single includes.
	chain := newZone()
	for i := range 40 {
		chain.txt(fmt.Sprintf("c%d.example.org", i), fmt.Sprintf("v=spf1 include:c%d.example.org", i+1))
	}
	got := Expand(t.Context(), chain, "c0.example.org", Options{})
	if n := count(got.Root); n != maxDepth || !got.Truncated || got.Lookups != maxDepth {
		t.Errorf("%d nodes, %d lookups, truncated %v", n, got.Lookups, got.Truncated)
	}
}
