package spf

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestSteps checks that the steps show includes and redirects, and change no
// result.
func TestSteps(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
good.example. TXT "v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 include:esp.example redirect=rest.example"
esp.example. TXT "v=spf1 a:mx.esp.example -all"
mx.esp.example. A 192.0.2.2
rest.example. TXT "v=spf1 exists:%{d}%{h} ~all"
broken.example. TXT "v=spf1 include:twice.example -all"
twice.example. TXT "v=spf1 -all"
twice.example. TXT "v=spf1 +all"
`)
	for _, tt := range []struct {
		name, ip, sender, want string
	}{
		{"redirect", "192.0.2.9", "a@good.example", `
the record of good.example: v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 include:esp.example redirect=rest.example
  ip6:2001:db8::/32 does not match: the client came over IPv4
  ip4:192.0.2.1 does not match
  the record of esp.example: v=spf1 a:mx.esp.example -all
    a:mx.esp.example does not match
    -all matches everything that is left: fail
  include:esp.example does not match: 192.0.2.9 does not pass there
  no term matched; redirect=rest.example continues with the record of rest.example
  the record of rest.example: v=spf1 exists:%{d}%{h} ~all
    exists:%{d}%{h} does not match
    ~all matches everything that is left: softfail`},
		{"include", "192.0.2.2", "a@good.example", `
the record of good.example: v=spf1 ip6:2001:db8::/32 ip4:192.0.2.1 include:esp.example redirect=rest.example
  ip6:2001:db8::/32 does not match: the client came over IPv4
  ip4:192.0.2.1 does not match
  the record of esp.example: v=spf1 a:mx.esp.example -all
    a:mx.esp.example matches 192.0.2.2: pass
  include:esp.example matches 192.0.2.2: pass`},
		{"broken", "192.0.2.2", "a@broken.example", `
the record of broken.example: v=spf1 include:twice.example -all
  twice.example publishes more than one SPF record
  include:twice.example ends the evaluation: in include:twice.example: twice.example publishes more than one SPF record`},
		{"absent", "192.0.2.2", "a@absent.example", "\nabsent.example does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := Query{IP: netip.MustParseAddr(tt.ip), Helo: "x", Sender: tt.sender}
			without := Check(context.Background(), r, q, Options{})
			with := Check(context.Background(), r, q, Options{Explain: true})
			var b strings.Builder
			for _, s := range with.Steps {
				b.WriteString("\n" + strings.Repeat("  ", s.Depth) + s.Text)
			}
			if d := cmp.Diff(tt.want, b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if with.Steps = nil; !cmp.Equal(without, with) {
				t.Errorf("with and without steps: %s", cmp.Diff(without, with))
			}
		})
	}
}

// TestStepsAreBounded: a record of thousands of terms is not shown as a whole.
func TestStepsAreBounded(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, "big.example. TXT \"v=spf1 \""+strings.Repeat(` "`+strings.Repeat("ip4:192.0.2.1 ", 17)+`"`, 30)+"\n")
	got := Check(context.Background(), r, Query{IP: netip.MustParseAddr("192.0.2.2"), Sender: "a@big.example"}, Options{Explain: true})
	if len(got.Steps) != maxSteps+1 {
		t.Errorf("%d steps, want %d", len(got.Steps), maxSteps+1)
	}
}
