package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/rules"
)

// inFolder writes files to a folder and returns its name.
func inFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func ruleNames(c *Config) (names []string) {
	for i, r := range c.RuleList() {
		names = append(names, r.Name+" "+filepath.Base(c.RulePlaces()[i]))
	}
	return names
}

const ruleA = "[[rule]]\nname = \"a\"\nfrom = [\"a.example\"]\naction = \"accept\"\n"

// otherRule is ruleA for another domain, with another name.
func otherRule(name string) string {
	return strings.NewReplacer("\"a\"", "\""+name+"\"", "a.example", name+".example").Replace(ruleA)
}

func TestRuleFiles(t *testing.T) {
	t.Parallel()
	dir := inFolder(t, map[string]string{
		"main.toml":   "rules = [\"one.toml\", \"two.toml\"]\nshadow_rules = [\"next.toml\"]\n" + ruleA,
		"one.toml":    otherRule("b") + "\n" + otherRule("c"),
		"two.toml":    "policy.quarantine = \"tag\"\n" + otherRule("d"),
		"next.toml":   "mode = \"monitor\"\n[policy]\nquarantine = \"reject\"\n" + otherRule("e"),
		"keys.toml":   "shadow_rules = [\"only.toml\"]\n[author_overrides]\n\"a.example\" = \"reject\"\n\"b.example\" = \"reject\"\n" + ruleA,
		"only.toml":   "mode = \"monitor\"\n[author_overrides]\n\"a.example\" = \"none\"\n",
		"shadow.toml": otherRule("x"),
	})
	c, err := Load(filepath.Join(dir, "main.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a main.toml:3", "b one.toml:1", "c one.toml:6", "d two.toml:2"}, ruleNames(c)); d != "" {
		t.Error(d)
	}
	if c.Policy.Quarantine != "tag" || c.Mode != "enforce" {
		t.Errorf("quarantine %q, mode %q", c.Policy.Quarantine, c.Mode)
	}
	s := c.Shadow()
	if d := cmp.Diff([]string{"e next.toml:4"}, ruleNames(s)); d != "" {
		t.Error(d)
	}
	if r := c.ShadowRules("id"); r.Quarantine != "reject" || r.Mode != rules.Monitor || r.AuthservID != "id" || len(r.Custom) != 1 {
		t.Errorf("%+v", r)
	}
	if len(c.Rules("id").Custom) != 4 {
		t.Error("the rules do not reach the policy")
	}
	// A flag also sets the key of the shadow, unless its file does.
	for _, f := range [][2]string{{"mode", "monitor"}, {"authserv_id", "flag.example"}} {
		if err := c.SetFlag("--x", f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetFlag("--mode", "mode", "enforce"); err != nil {
		t.Fatal(err)
	}
	if c.Mode != "enforce" || s.Mode != "monitor" || s.AuthservID != "flag.example" {
		t.Errorf("mode %s, of the shadow %s; its authserv-id %s", c.Mode, s.Mode, s.AuthservID)
	}
	// A shadow without rules of its own has those of the configuration.
	if c, err = Load(filepath.Join(dir, "keys.toml")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a keys.toml:5"}, ruleNames(c.Shadow())); d != "" || c.Shadow().Mode != "monitor" || c.Mode != "enforce" {
		t.Errorf("%s, mode %s", d, c.Mode)
	}
	// A section of domains replaces the one before it.
	if d := cmp.Diff(map[string]AuthorOverride{"a.example": {Policy: "none"}}, c.Shadow().AuthorOverrides, sameSettings); d != "" || len(c.AuthorOverrides) != 2 {
		t.Errorf("%s %v", d, c.AuthorOverrides)
	}
	// Overlay does not change the configuration.
	o, err := c.Overlay(filepath.Join(dir, "shadow.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"x shadow.toml:1"}, ruleNames(o)); d != "" || len(c.RuleList()) != 1 || o.Shadow() != nil {
		t.Error(d)
	}
	if Default().ShadowRules("id") != nil || Default().Rules("id").Custom != nil {
		t.Error("rules out of nothing")
	}
}

func TestRuleFilesRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("# nothing\n", maxFile/10+1)
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{
			"unreadable",
			map[string]string{"main.toml": "\nrules = [\"absent.toml\"]\n"},
			`DIR/main.toml:2: rules: "DIR/absent.toml" cannot be read: no such file or directory; name a readable file of rules`,
		},
		{
			"a folder",
			map[string]string{"main.toml": "shadow_rules = [\".\"]\n"},
			`DIR/main.toml:1: shadow_rules: "DIR" cannot be read: is a directory; name a readable file of rules`,
		},
		{
			"too large",
			map[string]string{"main.toml": "rules = [\"large.toml\"]\n", "large.toml": large},
			`DIR/main.toml:1: rules: "DIR/large.toml" is larger than 1 MB; name a readable file of rules`,
		},
		{
			"no TOML",
			map[string]string{"main.toml": "rules = [\"r.toml\"]\n", "r.toml": "\n[[rule]\n"},
			`DIR/r.toml:2: not TOML: expected ']]' to close array table name (column 7); write one key = value per line, strings in quotes`,
		},
		{
			"keys of the main file",
			map[string]string{"main.toml": "rules = [\"r.toml\"]\n", "r.toml": "listen = []\n[dns]\ntimeout = \"1s\"\n[policy]\norganizational_domain = \"psl\"\n"},
			"DIR/r.toml:1: listen: does not belong into a file of rules; write it into the main configuration\n" +
				"DIR/r.toml:2: dns: does not belong into a file of rules; write it into the main configuration\n" +
				"DIR/r.toml:5: policy.organizational_domain: does not belong into a file of rules; write it into the main configuration",
		},
		{
			"unknown words",
			map[string]string{"main.toml": "rules = [\"r.toml\"]\n", "r.toml": "[[rules]]\nname = \"a\"\n"},
			`DIR/r.toml:1: rules: does not belong into a file of rules; write it into the main configuration`,
		},
		{
			"a key set twice",
			map[string]string{"main.toml": "mode = \"monitor\"\nrules = [\"r.toml\"]\n", "r.toml": "mode = \"enforce\"\n"},
			`DIR/r.toml:1: mode: is set in DIR/main.toml:1 too; remove one`,
		},
		{
			"a name in two files",
			map[string]string{"main.toml": "rules = [\"r.toml\"]\n" + ruleA, "r.toml": ruleA},
			`DIR/r.toml:1: rule a: the name is that of DIR/main.toml:2 too; choose another`,
		},
		{
			"never asked for what an earlier file decides",
			map[string]string{"main.toml": "rules = [\"r.toml\"]\n[[rule]]\nname = \"all\"\naction = \"accept\"\n", "r.toml": ruleA},
			`DIR/r.toml:1: rule a: can never match: all in DIR/main.toml:2 decides about every message; put it above that rule`,
		},
		{
			"a shadow with a fault",
			map[string]string{"main.toml": "shadow_rules = [\"r.toml\"]\n", "r.toml": otherRule("b") + "text = \"x\"\n"},
			`DIR/r.toml:5: rule b: text: nobody is told a text where the action is accept; remove the key`,
		},
		{
			"too many files",
			map[string]string{"main.toml": "rules = [" + strings.Repeat("\"r.toml\",", 51) + "]\n"},
			`DIR/main.toml:1: rules: there are 51 files of rules; name at most 50`,
		},
		{
			"too many rules",
			map[string]string{"main.toml": manyRules(maxRules+1, "dmarc = [\"fail\"]")},
			"DIR/main.toml:5001: rule r1000: there are 1001 rules; write at most 1000; lists of addresses and domains may be long",
		},
		{
			"expressions that cost too much together",
			map[string]string{"main.toml": manyRules(20, "if = 'any(rcpts, # in rcpt_domains)'")},
			"DIR/main.toml:96: rule r19: all expressions together could take 60120020 steps for one message, 50000000 are allowed; use plain keys instead of expressions over rcpts and signatures",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := inFolder(t, tt.files)
			_, err := Load(filepath.Join(dir, "main.toml"))
			if err == nil {
				t.Fatal("accepted")
			}
			if d := cmp.Diff(tt.want, strings.ReplaceAll(err.Error(), dir, "DIR")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// manyRules returns n rules for different domains.
func manyRules(n int, condition string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[[rule]]\nname = \"r%d\"\nfrom = [\"d%d.example\"]\n%s\naction = \"accept\"\n", i, i, condition)
	}
	return b.String()
}

// A fault in an expression shows its place.
func TestExcerpt(t *testing.T) {
	t.Parallel()
	_, err := Parse("x", []byte("[[rule]]\nname = \"a\"\naction = \"accept\"\nif = '''\nlist and\n\tdmarc == \"failed\"'''\n"))
	errs, ok := err.(Errors)
	if !ok || len(errs) != 1 {
		t.Fatal(err)
	}
	if errs[0].Line != 6 || errs[0].Excerpt != " dmarc == \"failed\"\n          ^" {
		t.Errorf("line %d:\n%s", errs[0].Line, errs[0].Excerpt)
	}
}
