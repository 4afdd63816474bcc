package control

import (
	"strings"
	"testing"
)

func TestContentsText(t *testing.T) {
	t.Parallel()
	c := Contents{Total: 7, Answers: []Answer{
		{Name: "example.org", Type: "A", Outcome: "found", ExpiresSeconds: 90, Authentic: true, Canonical: "real.example.net", Records: []string{"192.0.2.1", "192.0.2.2"}},
		{Name: "example.org", Type: "MX", Outcome: "found", ExpiresSeconds: 90, FromPeer: true, Records: []string{"10 mx.example.org", "0 ."}},
		{Name: "evil.example", Type: "TXT", Outcome: "found", ExpiresSeconds: 90, Records: []string{"v=spf1 -all", "\x1b[2J\"\r\nfoo\xff\u202e"}},
		{Name: "gone.example", Type: "any", Outcome: "nxdomain", ExpiresSeconds: 90},
		{Name: "slow.example", Type: "TXT", Outcome: "timeout", ExpiresSeconds: 90 - 24*3600, Error: "no answer from \x1b]0;x\a"},
	}}
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "contents.txt", b.String())
	for _, r := range b.String() {
		if r != '\n' && (r < ' ' || r > '~') {
			t.Errorf("%q reaches the terminal", r)
		}
	}
}
