package web

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/result"
)

func TestUnderstand(t *testing.T) {
	t.Parallel()
	ref := result.FirstReference(testNow).String()
	for typed, want := range map[string]string{
		ref:                           ref + " reference queue",
		"ref " + strings.ToLower(ref): strings.ToLower(ref) + " reference queue",
		"4XkZ1t2q3nz9Vx":              "4XkZ1t2q3nz9Vx queue",
		" Ann@Example.ORG ":           "Ann@example.org address sender recipient author message-id",
		"Ann B. <ann@example.org>":    "ann@example.org address sender recipient author message-id",
		"mailto:ann@example.org":      "ann@example.org address sender recipient author message-id",
		"<20261129.1@example.org>":    "<20261129.1@example.org> message-id address sender recipient",
		"@example.org":                "example.org author sender recipient",
		"b\u00fccher.example":         "xn--bcher-kva.example author sender recipient",
		"192.0.2.1":                   "192.0.2.1 client",
		"host mx.example.org said: 550 5.7.26 DMARC: a.example <b@a.example>; ref " + ref + " (in reply)": ref + " reference",
		"my ref " + ref[1:] + " ann@example.org":                                                          "my ref " + ref[1:] + " ann@example.org address sender recipient author message-id",
		"[192.0.2.1]":                                                                                     "[192.0.2.1] client",
		"192.0.2.0/24":                                                                                    "192.0.2.0/24 client",
		"[IPv6:2001:db8::1]":                                                                              "[IPv6:2001:db8::1] client",
		"<>":                                                                                              "<> sender",
		"ann":                                                                                             "ann",
		"what is this?":                                                                                   "what is this?",
		"":                                                                                                "",
		"\x00<script>alert(1)</script>":                                                                   "\x00<script>alert(1)</script>",
		"ann@\x1b[31m":                                                                                    "ann@\x1b[31m message-id",
		strings.Repeat("a.", 600) + "org":                                                                 strings.Repeat("a.", 600) + "org",
	} {
		value, all := understand(typed)
		got := value
		for _, r := range all {
			got += " " + string(r)
			for _, q := range r.queries(value) {
				if err := q.Check(); err != nil && r != asAddress && r != asSender && r != asRecipient {
					t.Errorf("%q as %s: %v", typed, r, err)
				}
			}
			if r.what(value) == "" || r.title() == "" {
				t.Errorf("%q as %s has no words", typed, r)
			}
		}
		if strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q is understood as %q, want %q", typed, got, want)
		}
	}
}
