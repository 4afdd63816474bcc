package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/policy/message"
)

// TestSourceStates: the states of a domain's keys say which of them sign, and in which
// order.
func TestSourceStates(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	second, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	active := states.Key{State: states.Active, Published: noon}
	tests := []struct {
		name string
		// rsa and more are the states of RSA keys, ed that of an Ed25519 key.
		rsa, more, ed states.Key
		want, err     string
	}{
		{"nothing is known", states.Key{}, states.Key{}, states.Key{}, "ed pending, more pending, rsa pending", ""},
		{"an active key before one that waits", active, states.Key{State: states.Pending, Rotation: true}, active, "ed active, rsa active, more pending", ""},
		{"the DNS showed one", states.Key{}, states.Key{Published: noon}, states.Key{}, "more active, ed pending, rsa pending", ""},
		{"one whose successor has come is the last", states.Key{State: states.Retiring, Successor: "more", Published: noon}, active, active, "ed active, more active, rsa pending", ""},
		{"one that was retired by hand", states.Key{State: states.Retiring, Published: noon}, active, active, "ed active, more active", ""},
		{"servers differ", states.Key{State: states.Pending, Differs: true}, active, active, "ed active, more active", ""},
		{"the DNS shows one whose servers cannot be asked", states.Key{State: states.Pending, Since: noon, Published: noon.Add(time.Hour)}, states.Key{State: states.Gone}, states.Key{State: states.Gone}, "rsa active", ""},
		{"the DNS does not show it any more", states.Key{State: states.Pending, Since: noon.Add(time.Hour), Published: noon}, states.Key{State: states.Gone}, states.Key{State: states.Gone}, "rsa pending", ""},
		{"all are revoked", states.Key{State: states.Revoked, Published: noon}, states.Key{State: states.Gone}, active, "", "more._domainkey.example.org is gone and signs no more\nrsa._domainkey.example.org is revoked and signs no more"},
		{"Ed25519 is revoked", active, active, states.Key{State: states.Revoked}, "more active, rsa active", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i, k := range []struct {
				name string
				key  crypto.Signer
			}{{"rsa", rsaKey()}, {"more", second}, {"ed", edKey()}} { // the newest is the last
				path := filepath.Join(dir, "keys", "example.org", k.name+".pem")
				store(t, path, k.key, 0o640)
				if err := os.Chtimes(path, noon, noon.Add(time.Duration(i)*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			s, err := Open(Options{Dir: filepath.Join(dir, "keys"), State: filepath.Join(dir, "keys.json"), Strict: true, Ed25519: true})
			if err != nil {
				t.Fatal(err)
			}
			entries, err := ListDomain(filepath.Join(dir, "keys"), "example.org", true)
			if err != nil || len(entries) != 3 {
				t.Fatal(entries, err)
			}
			err = s.States().Update(func(known map[string]states.Key) {
				for _, e := range entries {
					k := map[string]states.Key{"rsa": tt.rsa, "more": tt.more, "ed": tt.ed}[e.Selector]
					k.Name, k.Type = e.Key.Name(), e.Key.Type()
					known[states.ID(e.Key.Fingerprint(), e.Key.Name())] = k
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			found, err := s.SigningKeys(t.Context(), message.Mailbox{Domain: "example.org"})
			var got []string
			for _, k := range found {
				got = append(got, k.Selector+map[bool]string{true: " active", false: " pending"}[k.WasPublished])
			}
			if d := cmp.Diff(tt.want, strings.Join(got, ", ")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			text := ""
			if err != nil {
				text = err.Error()
			}
			if d := cmp.Diff(tt.err, text); d != "" {
				t.Errorf("error (-want +got):\n%s", d)
			}
		})
	}
}
