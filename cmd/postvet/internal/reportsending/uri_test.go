package reportsending

import (
	"strings"
	"testing"
)

// TestHostileURIs has URIs that write more than an address, name a machine, or have our MTA
// send elsewhere: user%victim.example@ours.example, which Postfix and others take for
// user@victim.example, whose consent nobody has asked for.
func TestHostileURIs(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"mailto:a@example.com%0D%0ABcc:x@y.example": "", "mailto:a%0D%0A@example.com": "", "mailto:a@example.com%00": "", "mailto:a@exam%20ple.com": "",
		"mailto:%22a%22@example.com": "", "mailto:a@[127.0.0.1]": "", "mailto:a@127.0.0.1": "", "mailto:a@1.2.3": "", "mailto:a@localhost": "",
		"mailto:a@b@example.com": "", "mailto:a%40victim.example@example.com": "", "mailto:a%25victim.example@example.com": "",
		"mailto:victim.example!a@example.com": "", "mailto:victim.example%21a@example.com": "", "mailto:%7C/bin/sh@example.com": "", "mailto:/var/mail/x@example.com": "", "mailto:-oQ/tmp@example.com": "",
		"mailto:a@" + strings.Repeat("a.", 130) + "com": "", "mailto:" + strings.Repeat("a", 65) + "@example.com": "",
		"MAILTO:a@EXAMPLE.com?subject=x": "a@example.com", "mailto:a@b\u00fccher.example": "a@xn--bcher-kva.example", "mailto:d%2Bx/y=z@example.com": "d+x/y=z@example.com",
	} {
		if got, problem := parseURI(uri); got != want || (want == "") != (problem != "") {
			t.Errorf("%q: %q %s, want %q", uri, got, problem, want)
		}
	}
}
