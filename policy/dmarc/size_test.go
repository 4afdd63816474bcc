package dmarc

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestSize compares Size with the growth of the heap.
func TestSize(t *testing.T) {
	for name, texts := range map[string][]string{
		"usual":         {"v=DMARC1; p=reject; sp=none; rua=mailto:a@example.org,mailto:b@example.net; ruf=mailto:c@example.org; fo=1"},
		"short":         {"v=DMARC1; p=none"},
		"many reports":  {"v=DMARC1; p=none; rua=" + strings.Repeat("mailto:a@example.org,", 200) + "mailto:z@example.org"},
		"many problems": {"v=DMARC1; p=no; adkim=x; aspf=y; fo=z; t=u; pct=1; ri=2; rf=3; a=1; b=2; c=3; d=4"},
		"repeated":      {"v=DMARC1; p=none; p=none"},
		"several":       {"v=DMARC1; p=none", "v=DMARC1; p=reject"},
		"none":          {"hello"},
	} {
		a := &dnscache.Answer{Outcome: dnscache.Found, TXT: texts}
		t.Run(name, func(t *testing.T) {
			dnstest.CheckSize(t, deriveRecords(a).Size(), func() any { return deriveRecords(a) })
		})
	}
}
