package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettings reads back what "postvet config show" writes.
func TestSettings(t *testing.T) {
	t.Parallel()
	c := Default()
	if err := c.SetFlag("--authserv-id", "authserv_id", "mx.example.org"); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := c.Write(&text); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c.Settings(), ParseSettings(text.String())); d != "" {
		t.Errorf("settings that are read back (-want +got):\n%s", d)
	}
	other := ParseSettings(text.String())
	other["dkim.min_rsa_bits"], other["policy.dmarc"] = "2048", `"mark"`
	delete(other, "trust.relays") // a version that did not have it
	keys := c.EvaluationKeys()
	if d := cmp.Diff([]string{"dkim.min_rsa_bits"}, c.Settings().Differ(other, keys)); d != "" {
		t.Errorf("evaluation keys that differ (-want +got):\n%s", d)
	}
	for _, name := range []string{"policy.sender_domain", "policy.organizational_domain", "exempt.addresses", "limits.signatures", "sign.networks"} {
		if !slices.Contains(keys, name) {
			t.Errorf("%s is no evaluation key", name)
		}
	}
	monitor, err := c.With("--mode", "mode", "monitor")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"mode"}, monitor.Settings().Differ(c.Settings(), EarlyKeys())); d != "" {
		t.Errorf("keys that differ with a flag (-want +got):\n%s", d)
	}
	if _, err := c.With("--mode", "mode", "watch"); err == nil {
		t.Error("a bad value of a flag is taken")
	}
	all := c.Settings()
	for _, name := range append(keys, EarlyKeys()...) {
		if _, ok := all[name]; !ok {
			t.Errorf("%s is no key", name)
		}
	}
}
