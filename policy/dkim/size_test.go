package dkim

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// Size is about the growth of the heap.
func TestSize(t *testing.T) {
	for name, txt := range map[string]string{
		"RSA":           "v=DKIM1; k=rsa; p=" + bare(2048, 65537),
		"RSA of 4096":   "v=DKIM1; k=rsa; h=sha256; s=email; n=a note; p=" + bare(4096, 65537),
		"Ed25519":       edRecord(),
		"revoked":       "v=DKIM1; p=",
		"many services": "v=DKIM1; s=" + strings.Repeat("email:", 300) + "*; p=",
		"a wrong one":   "v=DKIM1; p=@",
		"another text":  "hello",
	} {
		a := &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}}
		t.Run(name, func(t *testing.T) {
			dnstest.CheckSize(t, parseAnswer(a).Size(), func() any { return parseAnswer(a) })
		})
	}
}
