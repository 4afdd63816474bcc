package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	load := func(files map[string]string) *Config {
		t.Helper()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(filepath.Join(dir, "main.toml"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load(map[string]string{"hosts": "192.0.2.1\n192.0.2.2\n", "shadow.toml": "[[rule]]\nname = \"s\"\naction = \"accept\"\n", "main.toml": `
listen = ["inet:127.0.0.1:8890"]
shadow_rules = ["shadow.toml"]
[policy]
quarantine = "hold"
[trust]
forwarders = ["file:DIR/hosts", "mx.example.org"]
sealers = [{ entry = "list.example", until = 2026-12-31 }]
[author_overrides]
"a.example" = "reject"
"b.example" = "none"
"c.example" = "none"
[lists]
partners = ["a.example"]
gone = ["b.example"]
[[rule]]
name = "one"
from = "a.example"
action = "accept"
[[rule]]
name = "two"
from = "b.example"
action = "reject"
[[rule]]
name = "three"
from = "c.example"
add_header = ["X-Three: yes"]
[[rule]]
name = "four"
from = "d.example"
action = "reject"
`})
	after := load(map[string]string{"hosts": "192.0.2.2\n192.0.2.3\n192.0.2.4\n", "shadow.toml": "[[rule]]\nname = \"s\"\naction = \"reject\"\n", "main.toml": `
listen = ["inet:127.0.0.1:8891"]
shadow_rules = ["shadow.toml"]
[policy]
quarantine = "tag"
[trust]
forwarders = ["file:DIR/hosts"]
sealers = [{ entry = "list.example", until = 2027-12-31 }]
[author_overrides]
"a.example" = "quarantine"
"b.example" = "none"
"d.example" = "none"
[lists]
partners = ["a.example", "c.example"]
[[rule]]
name = "three"
from = "c.example"
add_header = ["X-Three: no"]
[[rule]]
name = "one"
from = "a.example"
action = "accept"
[[rule]]
name = "four"
from = "d.example"
action = "reject"
until = 2026-12-31
[[rule]]
name = "five"
from = "e.example"
action = "reject"
`})
	var got []string
	for _, c := range before.Changes(after) {
		got = append(got, c.String())
	}
	want := []string{
		`listen: ["inet:127.0.0.1:8890"] -> ["inet:127.0.0.1:8891"] (needs a restart)`,
		`policy.quarantine: "hold" -> "tag"`,
		"trust.forwarders: 2 added, 2 removed",
		"trust.sealers: 1 added, 1 removed",
		"author_overrides: 1 added, 1 removed, 1 changed",
		"lists.gone: 1 removed",
		"lists.partners: 1 added",
		"rule: 1 added (five), 1 removed (two), 2 changed (three, four), the others in another order",
		"shadow_rules: 1 changed (s)",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if same := before.Changes(before); len(same) > 0 {
		t.Errorf("a configuration differs from itself: %v", same)
	}
}
