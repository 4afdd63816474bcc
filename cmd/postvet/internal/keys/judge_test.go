package keys

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
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
		{"a private key", dnstest.TXT(name, "v=DKIM1; k=rsa; p="+base64.StdEncoding.EncodeToString(pkcs8(t, rsaKey()))), []string{short, "error: the record shows a PRIVATE key, so that whoever reads it can sign as you; remove the record and the key: the key does not sign"}},
		{"a private key in PEM", dnstest.TXT(name, string(block("PRIVATE KEY", pkcs8(t, rsaKey())))), []string{short, "error: the record shows a PRIVATE key, so that whoever reads it can sign as you; remove the record and the key: the key does not sign"}},
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

// TestCheckServers: what two name servers show, before the resolver is asked.
func TestCheckServers(t *testing.T) {
	t.Parallel()
	rsa, ed := newKey(t, "s1", rsaKey()), newKey(t, "s2", edKey())
	sound := dnstest.TXT(ed.Name(), ed.Record())
	tests := []struct {
		name, first, second string
		others              []Entry
		want                []string
		asked               bool // the resolver
	}{
		{"sound", sound, sound, []Entry{{Key: rsa}}, []string{"ok: the DNS shows the key", "ok: all name servers show the key (2 asked)"}, true},
		{"absent", "", "", []Entry{{Key: rsa}}, []string{"error: the DNS has no record at s2._domainkey.example.org: the key does not sign"}, false},
		{"one lags behind", sound, "", []Entry{{Key: rsa}}, []string{"ok: the DNS shows the key", "error: the name server B has no record, others differ"}, true},
		{"one is down", sound, "$FAULT * * REFUSED\n", []Entry{{Key: rsa}}, []string{"ok: the DNS shows the key", "warning: the name server B could not be asked: the server refuses (REFUSED)"}, true},
		{"hostile", sound, dnstest.TXT(ed.Name(), "\x1b[31mred"), []Entry{{Key: rsa}}, []string{"ok: the DNS shows the key", "error: the name server B has a record that is no key, others differ"}, true},
		{"a long TTL", "$TTL 172800\n" + sound, "$TTL 172800\n" + sound, []Entry{{Key: rsa}}, []string{"ok: the DNS shows the key", "ok: all name servers show the key (2 asked)", "warning: the TTL of the record is 48h0m0s: for as long, a revoked key still counts"}, true},
		{"Ed25519 alone", sound, sound, []Entry{{Key: ed}}, []string{"error: Ed25519 never signs alone, since large receivers do not verify it, and example.org has no RSA key", "ok: all name servers show the key (2 asked)"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, r := dnstest.Start(t, tt.first)
			b, err := dnstest.NewServer(tt.second)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			ask := &servers.Servers{Only: []string{a.Addr(), b.Addr()}}
			found, says := CheckServers(t.Context(), r, ask.Ask, ed, tt.others)
			var got []string
			for _, f := range found {
				got = append(got, strings.NewReplacer(a.Addr(), "A", b.Addr(), "B").Replace(string(f.Severity)+": "+f.Text))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			if len(says) != 2 {
				t.Errorf("%+v", says)
			}
			asked := false
			for _, q := range a.Queries() {
				asked = asked || q.Name == "postvet-no-such-selector._domainkey.example.org"
			}
			if asked != tt.asked {
				t.Errorf("the resolver was asked: %v", asked)
			}
		})
	}
	_, r := dnstest.Start(t, sound)
	if l, _ := CheckServers(t.Context(), r, (&servers.Servers{Resolver: r}).Ask, ed, []Entry{{Key: rsa}}); len(l) != 2 || l[1].Severity != "note" {
		t.Errorf("no name servers: %+v", l)
	}
}
