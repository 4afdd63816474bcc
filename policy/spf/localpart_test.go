package spf

import (
	"net/netip"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// RFC 8601 section 2.7.2 wants to know whether the record itself authenticates the
// local part.
func TestLocalPart(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
plain.example. TXT "v=spf1 exists:%{i}.lists.example ip4:192.0.2.1 -all"
domain.example. TXT "v=spf1 exists:%{o}.%{d}.lists.example ip4:192.0.2.1 -all"
local.example. TXT "v=spf1 exists:%{l}.lists.example ip4:192.0.2.1 -all"
sender.example. TXT "v=spf1 -exists:%{s}.lists.example ip4:192.0.2.1 -all"
upper.example. TXT "v=spf1 exists:%{L1r+}.lists.example -all"
later.example. TXT "v=spf1 ip4:192.0.2.1 exists:%{l}.lists.example -all"
inside.example. TXT "v=spf1 include:local.example -all"
on.example. TXT "v=spf1 redirect=%{l}.redirect.example"
ann.redirect.example. TXT "v=spf1 ip4:192.0.2.1 -all"
text.example. TXT "v=spf1 exp=%{l}.lists.example -all"
`)
	for domain, want := range map[string]bool{
		"plain.example": false, "domain.example": false, "later.example": false, "text.example": false,
		"local.example": true, "sender.example": true, "upper.example": true, "inside.example": true, "on.example": true,
	} {
		q := Query{IP: netip.MustParseAddr("192.0.2.1"), Helo: "local.example", Sender: "ann@" + domain}
		if got := Check(t.Context(), r, q, Options{}); got.LocalPart != want {
			t.Errorf("%s: %s, local part %v, want %v", domain, got.Status, got.LocalPart, want)
		}
	}
	q := Query{Identity: HELO, IP: netip.MustParseAddr("192.0.2.1"), Helo: "local.example"}
	if got := Check(t.Context(), r, q, Options{}); got.LocalPart {
		t.Error("HELO has no local part")
	}
}
