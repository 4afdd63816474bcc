package spf

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestSize compares Size with the growth of the heap.
func TestSize(t *testing.T) {
	for name, txt := range map[string]string{
		"usual":         "v=spf1 mx include:_spf.example.org ip4:192.0.2.0/24 ip6:2001:db8::/32 ~all",
		"upper case":    "v=spf1 MX INCLUDE:_spf.example.org -ALL",
		"macros":        "v=spf1 exists:%{ir}.%{v}._spf.%{d2} redirect=%{l1r-}.%{d}.example.org",
		"many terms":    "v=spf1" + strings.Repeat(" a", 1000),
		"a wrong one":   "v=spf1 ip4:192.0.2.256 -all",
		"an empty one":  "v=spf1",
		"another text":  "hello",
		"a long domain": "v=spf1 include:" + strings.Repeat("a.", 100) + "example.org -all",
	} {
		a := &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}}
		t.Run(name, func(t *testing.T) {
			dnstest.CheckSize(t, readPublication(a).Size(), func() any { return readPublication(a) })
		})
	}
}
