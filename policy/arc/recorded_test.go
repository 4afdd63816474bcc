package arc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
)

func TestReadRecorded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		want        Recorded
	}{
		{
			"RFC 8617 appendix B", ` i=1; lists.example.org;
	spf=pass smtp.mfrom=jqd@d1.example;
	dkim=pass (1024-bit key) header.i=@d1.example;
	dmarc=pass header.from=d1.example`,
			Recorded{DMARC: "pass", From: "d1.example", SPF: "d1.example", DKIM: []string{"d1.example"}},
		},
		{
			"as Google writes", ` i=2; mx.google.com;
       dkim=pass header.i=@A.Example header.s=s header.b=ab/cd;
       spf=pass (google.com: domain of x@a.example designates 2001:db8::1 as permitted sender) smtp.mailfrom=x@a.example;
       dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=a.example`,
			Recorded{DMARC: "pass", From: "a.example", SPF: "a.example", DKIM: []string{"a.example"}},
		},
		{
			"as Microsoft writes", ` i=1; mx.microsoft.com 1; spf=pass smtp.mailfrom=a.example; dmarc=pass action=none header.from=a.example; dkim=pass header.d=a.example; arc=none`,
			Recorded{DMARC: "pass", From: "a.example", SPF: "a.example", DKIM: []string{"a.example"}},
		},
		{
			"remote address", ` (a) i (b) = 1 ; mx; arc=none smtp.remote-ip=2001:DB8::1A; spf=fail smtp.mailfrom=a@b.example; dmarc=fail header.from=c.example`,
			Recorded{DMARC: "fail", From: "c.example", RemoteIP: "2001:db8::1a"},
		},
		{"nothing", " i=1; mx; none", Recorded{}},
		{
			"two authors", " i=1; mx; dmarc=pass header.from=a.example; dmarc=fail header.from=b.example",
			Recorded{Problem: "it has two different DMARC results"},
		},
		{
			"quotes without end", ` i=1; mx; dmarc=pass header.from="a.example`,
			Recorded{Problem: "it cannot be read: malformed field: a quoted string or comment without end"},
		},
		{
			"a pass within a comment and one within quotes",
			` i=1; mx; spf=fail (; dmarc=pass header.from=a.example) smtp.mailfrom="; dmarc=pass header.from=a.example"`,
			Recorded{},
		},
		{
			"no domains", ` i=1; mx; dmarc=pass header.from="a b"; spf=pass smtp.mailfrom=<>; dkim=pass header.d=-`,
			Recorded{DMARC: "pass", DKIM: []string{"-"}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.want.DKIM == nil {
				tc.want.DKIM = []string{}
			}
			if d := cmp.Diff(tc.want, readRecorded(strings.ReplaceAll(tc.value, "\n", "\r\n"))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestPartial checks that additions after l= of the newest message signature are
// reported.
func TestPartial(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, arcZone())
	mail := sealed(plainMail, 1, sealer{messageTags: "l=14; "})
	for added, want := range map[string]bool{"": false, "more\r\n": true} {
		got := verify(r, mail+added, dkim.Options{})
		if got.Status != Pass || got.Partial != want {
			t.Errorf("%q added: %s (%s), partial %v", added, got.Status, got.Reason, got.Partial)
		}
	}
}

// FuzzReadRecorded checks that no value panics or leads to more than a field can
// hold.
func FuzzReadRecorded(f *testing.F) {
	f.Add(" i=1; mx; dmarc=pass header.from=a.example; dkim=pass header.i=@a.example")
	f.Add(` (i) i=1;"mx" 1;spf=pass smtp.mailfrom="a b"@c.example action=none`)
	f.Fuzz(func(t *testing.T, value string) {
		r := readRecorded(value)
		if r.DKIM == nil || len(r.DKIM) > maxRecordedDKIM || r.Problem != "" && (r.DMARC != "" || r.SPF != "" || len(r.DKIM) > 0) {
			t.Fatalf("%+v", r)
		}
	})
}
