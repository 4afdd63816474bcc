package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A message that the rules would let pass may be rejected at RCPT, before they are
// asked. A warning says so.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const early = "[policy]\nspf_fail = \"reject\"\nspf_early = true\n"
	accepts := func(lines string) string {
		return early + "[[rule]]\nname = \"a\"\n" + lines + "\naction = \"accept\"\n"
	}
	const byRule = "rules of your own accept (a in DIR/main.toml:4)"
	for _, tt := range []struct {
		name, text string
		want       string // what may be refused, a line each
	}{
		{"the defaults", "", ""},
		{"nothing is trusted", early, ""},
		{"forwarders by address and name", early + "[trust]\nforwarders = [\"192.0.2.1\", \".fwd.example\"]\n", ""},
		{"forwarders by signature", early + "[trust]\nforwarders = [\"192.0.2.1\", \"dkim:fwd.example\"]\n", `trust.forwarders lets pass by "dkim:"`},
		{"sealers", early + "[trust]\nsealers = [\"lists.example\"]\n", "trust.sealers lets pass"},
		{"lists", early + "mailing_lists = \"accept\"\n", "policy.mailing_lists does not refuse"},
		{"authors that are refused", early + "[author_overrides]\n\"a.example\" = \"reject\"\n\"b.example\" = \"quarantine\"\n", ""},
		{
			"authors that are not", early + "[author_overrides]\n\"d.example\" = \"none\"\n\"c.example\" = \"none\"\n\"b.example\" = \"none\"\n\"a.example\" = \"none\"\n\"e.example\" = \"reject\"\n",
			"author_overrides never refuses (a.example, b.example, c.example and 1 more)",
		},
		{"a rule by the header", accepts("from = [\"a.example\"]"), byRule},
		{"a rule by the envelope", accepts("client = [\"192.0.2.1\"]"), byRule},
		{"a rule by an expression", accepts("if = 'dmarc == \"pass\"'"), byRule},
		{"a rule that asks for SPF fail", accepts("spf = [\"fail\", \"none\"]"), byRule},
		{"a rule that asks for SPF pass", accepts("spf = [\"pass\"]"), ""},
		{"the same in an expression", accepts("if = 'spf == \"pass\" and size > 10'"), ""},
		{"a rule that asks for what is only marked", accepts("spf = [\"softfail\"]"), ""},
		{
			"a rule that asks for what is deferred", early + "on_temperror = \"tempfail\"\n[[rule]]\nname = \"a\"\nspf = [\"temperror\"]\naction = \"accept\"\n",
			"rules of your own accept (a in DIR/main.toml:5)",
		},
		{"a rule for users", accepts("authenticated = true"), ""},
		{"a rule for relays", accepts("relay = [\"192.0.2.1\"]"), ""},
		{"a rule that is only noted", accepts("from = [\"a.example\"]\nmode = \"monitor\""), ""},
		{"a rule that refuses", strings.Replace(accepts("from = [\"a.example\"]"), "accept", "reject", 1), ""},
		{"not early", "[trust]\nsealers = [\"lists.example\"]\n", ""},
		{"monitor", "mode = \"monitor\"\n" + early + "[trust]\nsealers = [\"lists.example\"]\n", ""},
		{"whoever is the author may be monitored", early + "monitor_domains = [\"a.example\"]\n[trust]\nsealers = [\"lists.example\"]\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "main.toml")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Load(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range c.Warnings() {
				if w.File != file || !strings.Contains(strings.Split(tt.text, "\n")[w.Line-1], "spf_early") || w.Key != "policy.spf_early" || w.Remedy == "" {
					t.Errorf("%+v", w)
				}
				what, _ := strings.CutPrefix(w.Problem, "may refuse at RCPT what ")
				what, _, _ = strings.Cut(what, ": ")
				got = append(got, what)
			}
			if diff := cmp.Diff(tt.want, strings.ReplaceAll(strings.Join(got, "\n"), dir, "DIR")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A relay is not one of the clients that hand in mail again, whatever seal.networks says.
func TestSealedRelay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ relays, networks, want string }{
		"others":             {`"192.0.2.0/24"`, `"198.51.100.1", "10.0.0.9"`, ""},
		"no relays":          {``, `"10.0.0.9"`, ""},
		"no networks":        {`"10.0.0.9"`, ``, ""},
		"the same":           {`"10.0.0.9"`, `"10.0.0.8", "10.0.0.9"`, "10.0.0.9/32"},
		"one of a network":   {`"10.0.0.0/8"`, `"10.0.0.9"`, "10.0.0.9/32"},
		"a network with one": {`"10.0.0.9"`, `"10.0.0.0/8"`, "10.0.0.9/32"},
		"but for that one":   {`"10.0.0.9"`, `"10.0.0.0/8", "!10.0.0.9"`, ""},
		"but for another":    {`"10.0.0.0/30", "!10.0.0.1"`, `"10.0.0.1", "10.0.0.2"`, "10.0.0.2/32"},
	} {
		c, err := Parse("main.toml", []byte("[trust]\nrelays = ["+tt.relays+"]\n[sign]\nkeys = \"/etc/postvet/keys\"\n[seal]\ndomain = \"example.org\"\nlocal = true\nnetworks = ["+tt.networks+"]\n"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, want := c.Warnings().Error(), ""
		if tt.want != "" {
			want = "main.toml:8: seal.networks: has no effect on " + tt.want + ", which is in trust.relays too: its mail is checked as that of the host before it; remove it from trust.relays if it hands in what came here before, otherwise from seal.networks"
		}
		if strings.TrimSuffix(got, "\n") != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A list server hands in what strangers wrote. A note says so, since a listener does not
// tell who is behind it.
func TestNotes(t *testing.T) {
	t.Parallel()
	const listener = "[sign]\nkeys = \"/etc/postvet/keys\"\nlisteners = [\"MAILMAN\"]\n"
	for name, tt := range map[string]struct{ text, want string }{
		"the defaults":            {"", ""},
		"no listener":             {"[sign]\nkeys = \"/etc/postvet/keys\"\n", ""},
		"a listener":              {listener, "signed if the list server removes Postvet's Authentication-Results field; write [policy] own_domains with your domains and on_own_domain = \"reject\", or have the list server keep the field"},
		"whatever came before":    {listener + "relayed = \"sign\"\n", "signed, as sign.relayed says; write [policy] own_domains with your domains and on_own_domain = \"reject\", or sign.relayed = \"unsigned\""},
		"only tried":              {listener + "dry_run = true\n", ""},
		"our domains are refused": {listener + "[policy]\nown_domains = [\"example.org\"]\non_own_domain = \"reject\"\n", ""},
		"they are held":           {listener + "[policy]\nown_domains = [\"example.org\"]\non_own_domain = \"quarantine\"\n", "signed if "},
	} {
		file := filepath.Join(t.TempDir(), "main.toml")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		notes := c.Notes()
		if tt.want == "" {
			if len(notes) > 0 {
				t.Errorf("%s: %v", name, notes)
			}
			continue
		}
		if len(notes) != 1 || notes[0].Line != 3 || !strings.HasPrefix(notes[0].Error(), file+":3: sign.listeners: if a list server is among them, ") || !strings.Contains(notes[0].Error(), tt.want) {
			t.Errorf("%s: %v", name, notes)
		}
	}
}
