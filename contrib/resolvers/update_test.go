//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/authority"
)

// tsigSecret is that of the key which may make updates.
const tsigSecret = "cG9zdHZldCBwb3N0dmV0IHBvc3R2ZXQgcG9zdHZldA=="

// zoneText is a zone with the name that a program is asked for when it starts.
const zoneText = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 5\n@ NS ns\nns A 127.0.0.1\n@ TXT ready\n"

// namedPrimary are the lines of a server of zones that asks nobody.
const namedPrimary = "  recursion no;\n  dnssec-validation no;\n  notify no;\n"

// primary is Debian's named as the server of zones: one that takes updates signed by a key,
// one that takes none, and one that its file does not let change.
var primary = program{"named", "bind9", "usr/sbin/named", "", "named.conf", func(s setting) (string, []string) {
	return namedOptions(s, namedPrimary+"  allow-transfer { any; };\n") + fmt.Sprintf(`key "postvet" { algorithm hmac-sha256; secret "%s"; };
zone "ready.example" { type primary; file "ready.zone"; };
zone "example.org" { type primary; file "org.zone"; allow-update { key postvet; }; };
zone "fixed.example" { type primary; file "fixed.zone"; };
`, tsigSecret), []string{"/usr/sbin/named", "-g", "-4", "-n", "1", "-c", dir + "/named.conf"}
}}

var zoneFiles = map[string]string{"ready.zone": zoneText, "org.zone": zoneText, "fixed.zone": zoneText}

// needNamed skips the test where named cannot run, and says why.
func needNamed(t *testing.T) *site {
	t.Helper()
	needPrograms(t)
	s, err := newSite(primary, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func start(t *testing.T, s *site, p program, behind netip.AddrPort) (*process, netip.AddrPort) {
	t.Helper()
	x, err := s.run(t.Context(), p, setting{files: zoneFiles, behind: behind})
	if err != nil {
		t.Fatal(err)
	}
	return x, x.setting.addr
}

func tsig(t *testing.T, name, secret string) *authority.Key {
	t.Helper()
	k, err := authority.ParseKey(fmt.Sprintf("key %q { algorithm hmac-sha256; secret %q; };", name, secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestUpdate makes the updates of a key's life at a real name server, and those that fail.
func TestUpdate(t *testing.T) {
	t.Parallel()
	s := needNamed(t)
	x, addr := start(t, s, primary, netip.AddrPort{})
	const name = "s1._domainkey.example.org"
	key := tsig(t, "postvet", tsigSecret)
	long := "v=DKIM1; k=rsa; p=" + strings.Repeat("A", 500)
	ask := func() (texts []string) {
		r, err := authority.Ask(t.Context(), addr, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range r.Records {
			texts = append(texts, r.Text)
		}
		return texts
	}
	current := func() []authority.Record {
		r, err := authority.Ask(t.Context(), addr, name)
		if err != nil {
			t.Fatal(err)
		}
		return r.Records
	}
	if r, err := authority.Ask(t.Context(), addr, name); err != nil || r.NegativeTTL != 5*time.Second || r.Zone != "example.org" {
		t.Fatalf("%+v, %v", r, err)
	}
	steps := []struct {
		name string
		key  *authority.Key
		c    authority.Change
		err  string
		want []string
	}{
		{"an unknown key", tsig(t, "other", tsigSecret), authority.Change{Name: name, To: long}, "the server does not know the TSIG key other (BADKEY)", nil},
		{"another secret", tsig(t, "postvet", "b3RoZXI="), authority.Change{Name: name, To: long}, "the server has another secret or algorithm for the TSIG key postvet (BADSIG)", nil},
		{"no key", nil, authority.Change{Name: name, To: long}, "the server refuses (REFUSED)", nil},
		{"a zone without updates", key, authority.Change{Name: "s1._domainkey.fixed.example", To: long}, "the server refuses (REFUSED)", nil},
		{"another server's zone", key, authority.Change{Name: "s1._domainkey.example.net", To: long}, "the server refuses (REFUSED)", nil},
		{"published", key, authority.Change{Name: name, To: long, TTL: time.Hour}, "", []string{long}},
		{"twice", key, authority.Change{Name: name, To: "v=DKIM1; p=x"}, authority.ErrConflict.Error(), []string{long}},
	}
	for _, st := range steps {
		if err := authority.Update(t.Context(), addr, st.key, st.c); err == nil && st.err != "" || err != nil && err.Error() != st.err {
			t.Errorf("%s: %v, want %q", st.name, err, st.err)
		}
		if d := cmp.Diff(st.want, ask()); d != "" {
			t.Errorf("%s (-want +got):\n%s", st.name, d)
		}
	}
	old := current()
	if err := authority.Update(t.Context(), addr, key, authority.Change{Name: name, From: old, To: `v=DKIM1; n="a\b"; p=`, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`v=DKIM1; n="a\b"; p=`}, ask()); d != "" {
		t.Errorf("revoked (-want +got):\n%s", d)
	}
	if err := authority.Update(t.Context(), addr, key, authority.Change{Name: name, From: old}); !errors.Is(err, authority.ErrConflict) {
		t.Errorf("what has changed is removed: %v", err)
	}
	if err := authority.Update(t.Context(), addr, key, authority.Change{Name: name, From: current()}); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != nil {
		t.Errorf("removed: %q", got)
	}
	x.stop()
	if err := authority.Update(t.Context(), addr, key, authority.Change{Name: name, To: long}); err == nil || !strings.HasPrefix(err.Error(), "no answer") {
		t.Errorf("nobody there: %v", err)
	}
}
