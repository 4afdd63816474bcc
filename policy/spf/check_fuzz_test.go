package spf

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
)

// FuzzCheck evaluates three records that may refer to each other, for any
// client.
func FuzzCheck(f *testing.F) {
	f.Add("v=spf1 include:b.example.org -all", "v=spf1 a mx ptr exists:%{i}.example.org redirect=c.example.org", "v=spf1 -all exp=c.example.org", "mail.example.net", "joe@a.example.org", []byte{192, 0, 2, 1})
	f.Add("v=spf1 redirect=a.example.org", "", "", "a.example.org", "", []byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add("v=spf1 exists:%{s}.%{l1r-}.%{h}.%{p}.c.example.org a:%{o} mx:%{d2}/8 ~all", "v=spf1", "x", "[192.0.2.1]", "\"a@b\"@a.example.org", []byte{192, 0, 2, 9})
	f.Add("v=spf1 -all exp=%{l}.example.org", "%{c} %{r} %{t} %{S}", "%{", "\r\n", "b@a.example.org", []byte{})
	f.Add("v=spf1 "+strings.Repeat("include:b.example.org ", 12), "v=spf1 "+strings.Repeat("mx ", 12), "", "x", "j\u00fcrgen@a.example.org", []byte{10, 0, 0, 1})
	f.Fuzz(func(t *testing.T, a, b, c, helo, sender string, ip []byte) {
		base := newZone()
		for i, txt := range []string{a, b, c} {
			name := string(rune('a'+i)) + ".example.org"
			base.txt(name, txt)
			for j := range 12 {
				base.mx(name, uint16(j), string(rune('a'+j%3))+".example.org")
				base.ptr("1.2.0.192.in-addr.arpa", string(rune('a'+j%3))+".example.org")
			}
		}
		base.addr("a.example.org", "192.0.2.1").addr("b.example.org", "192.0.2.9").addr("b.example.org", "2001:db8::1")
		base.fault("c.example.org", dnscache.A, dnscache.ServFail)
		addr, _ := netip.AddrFromSlice(ip)

		var first Result
		for _, sequential := range []bool{true, false} {
			z := &zone{names: base.names}
			got := Check(t.Context(), z, Query{Identity: MailFrom, IP: addr, Helo: helo, Sender: sender}, Options{Sequential: sequential})
			if sequential {
				first = got
			} else if got.Explanation != first.Explanation || !cmp.Equal(got, first) {
				t.Fatalf("lookups started ahead change the result:\n%s", cmp.Diff(first, got))
			}
			if !slices.Contains([]Status{None, Neutral, Pass, Fail, SoftFail, TempError, PermError}, got.Status) {
				t.Fatalf("%+v", got)
			}
			for _, s := range []string{got.Reason, got.Domain, got.Mechanism, got.Explanation} {
				printable(t, s, 1000)
			}
			if got.Lookups > maxLookups+1 || got.Voids > maxVoids+1 || got.Explanation != "" && got.Status != Fail {
				t.Fatalf("%+v", got)
			}
			if n := len(z.queries()); n > 1+10+100+11+1+9 {
				t.Fatalf("%d queries: %+v", n, got)
			}
			if (got.Reason == "") != (got.Mechanism != "" && got.Mechanism != "default") {
				t.Fatalf("a reason is for everything but a match: %+v", got)
			}
		}
		tree := Expand(t.Context(), base, sender, Options{})
		if tree.Root == nil || count(tree.Root) > maxNodes {
			t.Fatalf("%+v", tree)
		}
	})
}

func count(n *Node) int {
	total := 1
	for _, b := range n.Terms {
		if b.Child != nil {
			total += count(b.Child)
		}
	}
	return total
}
