package keys

import (
	"crypto"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

func newKey(t *testing.T, selector string, signer crypto.Signer) *Key {
	t.Helper()
	k, err := NewKey("example.org", selector, "", signer)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCheck(t *testing.T) {
	t.Parallel()
	rsa, ed := newKey(t, "s1", rsaKey()), newKey(t, "s2", edKey())
	others := []Entry{{Key: rsa}, {Key: ed}, {Err: fmt.Errorf("broken")}}
	name := rsa.Name()
	const short = "warning: the key has 1024 bits; signers must use at least 1024 and should use 2048"
	tests := []struct {
		name, zone string
		want       []string
	}{
		{"published", dnstest.TXT(name, rsa.Record()), []string{short}},
		{"absent", "", []string{short, "error: the DNS has no record at s1._domainkey.example.org: the key does not sign"}},
		{"SERVFAIL", "$FAULT " + name + " TXT SERVFAIL\n", []string{short, "warning: s1._domainkey.example.org could not be looked up: servfail"}},
		{"cut off", dnstest.TXT(name, rsa.Record()[:120]), []string{short, "error: the record is cut off after 102 of 216 characters of p=, as by a panel that takes no long texts: the key does not sign"}},
		{"with quotes", dnstest.TXT(name, `"`+rsa.Record()[:100]+`" "`+rsa.Record()[100:]+`"`), []string{short, "error: quotes or backslashes stand inside of the record, as they were typed into a panel: the key does not sign"}},
		{"with a backslash", dnstest.TXT(name, strings.ReplaceAll(rsa.Record(), ";", `\;`)), []string{short, "error: quotes or backslashes stand inside of the record, as they were typed into a panel: the key does not sign"}},
		{"two records", dnstest.TXT(name, rsa.Record()) + dnstest.TXT(name, "v=spf1 -all"), []string{short, "error: s1._domainkey.example.org has 2 TXT records, and verifiers take any of them: the key does not sign"}},
		{"swapped", dnstest.TXT(name, ed.Record()), []string{short, "error: the record shows the key of s2._domainkey.example.org, so that selectors were swapped: the key does not sign"}},
		{"another key", dnstest.TXT(name, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="), []string{short, "error: the record shows another key: the key does not sign"}},
		{"revoked", dnstest.TXT(name, "v=DKIM1; p="), []string{short, "error: the record revokes the key (p= is empty): the key does not sign"}},
		{"no key", dnstest.TXT(name, "hello"), []string{short, `error: the record is not a key: "hello" is not a tag: it has no equals sign: the key does not sign`}},
		{"test mode", dnstest.TXT(name, rsa.Record()+"; t=y"), []string{short, "warning: t=y: verifiers treat signatures as if there were none"}},
		{"hash", dnstest.TXT(name, rsa.Record()+"; h=sha1"), []string{short, "error: h= excludes sha256, by which we sign"}},
		{"service", dnstest.TXT(name, rsa.Record()+"; s=tls"), []string{short, "error: s= excludes mail"}},
		{"wildcard", dnstest.TXT(name, rsa.Record()) + dnstest.TXT("*._domainkey.example.org", "x"), []string{short, "warning: the DNS answers for every selector: a wildcard stands at or above _domainkey.example.org"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, r := dnstest.Start(t, tt.zone)
			var got []string
			for _, f := range Check(t.Context(), r, rsa, others) {
				got = append(got, string(f.Severity)+": "+f.Text)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	_, r := dnstest.Start(t, dnstest.TXT(ed.Name(), ed.Record()))
	if got := Check(t.Context(), r, ed, others); len(got) != 1 || got[0].Text != "the DNS shows the key" {
		t.Errorf("a sound key: %+v", got)
	}
}
