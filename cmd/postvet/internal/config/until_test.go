package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// TestReadUntil has the time zone stated: that of the machine, unless the value has an
// offset. On 2026-10-25 Berlin's day has 25 hours.
func TestReadUntil(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("skipped: no time zones are installed")
	}
	for value, want := range map[string]string{
		"2026-12-31":                "2026-12-31T23:00:00Z",
		"2026-10-25":                "2026-10-25T23:00:00Z",
		"2024-02-29":                "2024-02-29T23:00:00Z",
		"2026-12-31T18:00:00":       "2026-12-31T17:00:00Z",
		"2026-12-31 18:00:00.5":     "2026-12-31T17:00:00.5Z",
		"2026-12-31T18:00:00Z":      "2026-12-31T18:00:00Z",
		"2026-12-31T18:00:00-05:00": "2026-12-31T23:00:00Z",
		"18:00:00":                  "is a time without a date",
		`"2026-12-31"`:              `is the string "2026-12-31"`,
		"20261231":                  "is the integer 20261231",
	} {
		var tree map[string]any
		if err := toml.Unmarshal([]byte("v = "+value), &tree); err != nil {
			t.Fatal(err)
		}
		u, problem, remedy := readUntil(tree["v"], berlin)
		got := problem
		if problem == "" {
			got = u.end.UTC().Format(time.RFC3339Nano)
		}
		if got != want || (problem == "") != (remedy == "") {
			t.Errorf("%s: %s (%s), want %s", value, got, remedy, want)
		}
	}
}

// TestExpired has one setting of each kind that has ended, ends soon, and ends late.
func TestExpired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, shadow := filepath.Join(dir, "main.toml"), filepath.Join(dir, "shadow.toml")
	for file, text := range map[string]string{
		main: `shadow_rules = ["shadow.toml"]
[trust]
forwarders = [
  "192.0.2.1",
  { entry = "192.0.2.2", until = 2026-01-31T00:00:00Z },
  { entry = "mx.example.org", until = 2026-02-10T00:00:00Z },
  { entry = "mx.example.net", until = 2027-01-31T00:00:00Z },
]
[author_overrides]
"late.example" = { policy = "none", until = 2026-01-31T00:00:00Z }
never.example = "none"
[[rule]]
name = "old"
action = "accept"
until = 2026-01-31T12:00:00Z
[[rule]]
name = "last-day"
action = "reject"
until = 2026-02-15T12:00:00Z
`,
		shadow: `[policy]
own_domains = [{ entry = "own.example", until = 2025-12-31 }]
`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct{ got, want Errors }{
		"ended": {c.Expired(now), Errors{
			{File: main, Line: 5, Key: "trust.forwarders", Problem: `"192.0.2.2" has ended (until = 2026-01-31T00:00:00Z) and has no effect`},
			{File: main, Line: 10, Key: "author_overrides", Problem: `"late.example" has ended (until = 2026-01-31T00:00:00Z) and has no effect`},
			{File: main, Line: 12, Key: "rule old", Problem: "has ended (until = 2026-01-31T12:00:00Z) and has no effect"},
			{File: shadow, Line: 2, Key: "policy.own_domains", Problem: `"own.example" has ended (until = 2025-12-31) and has no effect`},
		}},
		"soon": {c.EndingSoon(now), Errors{
			{File: main, Line: 6, Key: "trust.forwarders", Problem: `"mx.example.org" ends soon (until = 2026-02-10T00:00:00Z)`},
			{File: main, Line: 16, Key: "rule last-day", Problem: "ends soon (until = 2026-02-15T12:00:00Z)"},
		}},
	} {
		for _, e := range tc.got {
			if e.Remedy == "" {
				t.Errorf("no remedy: %v", e)
			}
			e.Remedy = ""
		}
		if d := cmp.Diff(tc.want, tc.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestUntilRefuses has what is no end, and ends where none can be.
func TestUntilRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[trust]\nsealers = [{ entry = \"a.example\", until = \"soon\" }]":              `x:2: trust.sealers: entry 1: until is the string "soon"; write a date without quotes`,
		"[trust]\nsealers = [{ entry = \"a.example\" }]":                                `x:2: trust.sealers: entry 1 is a table without the keys entry and until alone; write one such as {`,
		"[trust]\nsealers = [{ entry = 5, until = 2026-12-31 }]":                        `entry 1 is a table without the keys entry and until alone`,
		"[trust]\nsealers = [{ entry = \"a.example\", until = 2026-12-31, x = 1 }]":     `entry 1 is a table without the keys entry and until alone`,
		"[trust]\nsealers = [{ entry = \"a b\", until = 2026-12-31 }]":                  `trust.sealers: "a b" has several words`,
		"[lists]\npartners = [{ entry = \"a.example\", until = 2026-12-31 }]":           "x:2: lists.partners: has an entry with an end; write until into the rule that asks for the list",
		"[author_overrides]\n\"a.example\" = { policy = \"reject\", until = 12:00:00 }": "x:2: author_overrides.a.example: until is a time without a date",
		"[author_overrides]\n\"a.example\" = { until = 2026-12-31 }":                    "author_overrides.a.example: has no policy",
		"[author_overrides]\n\"a.example\" = { policy = \"drop\", until = 2026-12-31 }": `"drop" is not known`,
		"[author_overrides]\n\"a.example\" = { policy = \"none\", till = 2026-12-31 }":  `author_overrides.a.example: "till" is no key here`,
		"[[rule]]\nname = \"a\"\naction = \"accept\"\nuntil = \"2026-12-31\"":           `x:4: rule a: until: is the string "2026-12-31"; write a date without quotes`,
		"[[rule]]\nname = \"a\"\naction = \"accept\"\nuntil = 2026-13-31":               "not TOML",
		"[exempt]\naddresses = [{ entry = \"0.0.0.0/0\", until = 2026-12-31 }]":         "everybody",
		"[policy]\nmonitor_listeners = [{ entry = \"a\", until = 2026-12-31 }]":         "entry 1 is a table",
		"listen = [{ entry = \"inet:127.0.0.1:1\", until = 2026-12-31 }]":               "entry 1 is a table",
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}

// TestUntilIsNoDomain has domains whose last label is a key of an override.
func TestUntilIsNoDomain(t *testing.T) {
	t.Parallel()
	c, err := Parse("x", []byte("[author_overrides]\na.until = \"reject\"\nb.until.policy.example = \"none\"\nc.example = { policy = \"none\" }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a.until", "b.until.policy.example", "c.example"}, sortedKeys(c.AuthorOverrides)); d != "" {
		t.Error(d)
	}
}

// TestRuleBelowOneThatEnds is asked when that one has ended.
func TestRuleBelowOneThatEnds(t *testing.T) {
	t.Parallel()
	const rules = "[[rule]]\nname = \"a\"\naction = \"accept\"\n%s[[rule]]\nname = \"b\"\naction = \"reject\"\n"
	if _, err := Parse("x", []byte(strings.Replace(rules, "%s", "", 1))); err == nil {
		t.Error("a rule that can never match is taken")
	}
	if _, err := Parse("x", []byte(strings.Replace(rules, "%s", "until = 2026-12-31\n", 1))); err != nil {
		t.Error(err)
	}
}
