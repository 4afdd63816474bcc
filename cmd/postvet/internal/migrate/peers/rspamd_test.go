package peers

import (
	"strings"
	"testing"
)

func TestRspamd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		want, not  []string
	}{
		{"defaults", "# nothing\nenabled = true;\n", []string{
			`path = "/var/lib/rspamd/dkim/$domain.$selector.key"`, `selector = "dkim"`, "subdomains = true", `networks = ["127.0.0.0/8", "::1/128"]`,
		}, []string{"exempt", "[sign.redis]"}},
		{"off", "enabled = false;\n", nil, []string{"[sign"}},
		{"maps", "selector_map = \"$LOCAL_CONFDIR/maps.d/selectors.map\";\npath_map = \"/etc/rspamd/maps.d/paths.map\";\nuse_esld = false;\nsign_local = false;", []string{
			`selector_map = "/etc/rspamd/maps.d/selectors.map"`, `path_map = "/etc/rspamd/maps.d/paths.map"`, "subdomains = false", "local = false",
		}, []string{"127.0.0.0/8"}},
		{"domains", "domain {\n  example.org {\n    path = \"/keys/$domain.pem\"; selector = \"a\";\n  }\n  \"Example.net\" { selectors [ { path: \"/k/1\", selector: \"s1\" }, { path: \"/k/2\"; selector: \"s2\" } ] }\n}\n", []string{
			`files = ["example.org:a:/keys/example.org.pem", "example.net:s1:/k/1", "example.net:s2:/k/2"]`,
		}, nil},
		{"redis", "use_redis = true; key_prefix = \"DKIM_PRIV_KEYS\"; selector_prefix = \"DKIM_SELECTORS\"; servers = \"/run/redis/redis.sock\"; db = \"2\"\n", []string{
			`address = "unix:/run/redis/redis.sock"`, `keys = "DKIM_PRIV_KEYS"`, `selectors = "DKIM_SELECTORS"`, "database = 2",
		}, nil},
		{"redis elsewhere", "use_redis = true;\n", []string{"the server stands in redis.conf"}, nil},
		{"vault", "vault_url = \"https://vault.example.org:8200\"; vault_token = \"hvs.open-sesame\"; vault_path = \"secret/dkim\"; vault_kv_version = 2;\n", []string{
			`url = "https://vault.example.org:8200"`, `path = "secret/dkim"`, "kv = 2", `token_file = "/etc/postvet/vault.token"`, "name that in sign.vault.token_file",
		}, nil},
		{"networks", "sign_networks = [192.0.2.0/24, \"2001:db8::/32\"];\n", []string{`"192.0.2.0/24", "2001:db8::/32"]`}, nil},
		{"remarks", "/* a\n b */ selector = 'x'; # y\n", []string{`selector = "x"`}, nil},
		{"Lua", "sign_condition = \"return function(task) return true end\";\n", []string{"a function in Lua is not read"}, nil},
	} {
		settings, err := Read(Rspamd, "dkim_signing.conf", []byte(c.file))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		p, err := Translate(settings, Files{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		all := p.TOML("")
		for _, i := range p.Items {
			all += i.Name + ": " + i.Note + "\n"
		}
		for _, x := range p.Traps {
			all += x.Text + "\n"
		}
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is missing in\n%s", c.name, w, all)
			}
		}
		for _, n := range c.not {
			if strings.Contains(all, n) {
				t.Errorf("%s: %q is in\n%s", c.name, n, all)
			}
		}
	}
}

// TestRspamdStays: it is no peer of the MTA's list that Postvet replaces.
func TestRspamdStays(t *testing.T) {
	t.Parallel()
	settings, err := Read(Rspamd, "dkim_signing.conf", []byte("enabled = true;\n"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Translate(settings, Files{})
	if err != nil {
		t.Fatal(err)
	}
	e := p.EditPostfix("main.cf", "smtpd_milters = inet:localhost:11332\n", "inet:127.0.0.1:8890")
	if len(e.Lines) == 0 || e.Lines[0].New != "smtpd_milters = inet:127.0.0.1:8890, inet:localhost:11332" {
		t.Errorf("%+v", e)
	}
}

func TestRspamdFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"selector = \"a\";\n}":       "f:2: has a brace that closes nothing; remove it",
		"domain {\n x {\n":           "f:2: opens a section without an end; write } behind it",
		"sign_networks = [\n a, b\n": "f:1: sign_networks: is a list without an end; write ] behind it",
		"= 5\n":                      "f:1: is not understood from here on; write name = value; in each line",
		"selector":                   "f:1: selector: has no value; write name = value;",
		strings.Repeat("a {", 20):    "f:1: is not understood from here on; write name = value; in each line",
	} {
		_, err := Read(Rspamd, "f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	settings, err := Read(Rspamd, "f", []byte("selektor = a;\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Translate(settings, Files{}); err == nil || err.Error() != "f:1: selektor: is no option of rspamd; did you mean selector?" {
		t.Error(err)
	}
}

// FuzzUCL: no text takes the reader down or keeps it.
func FuzzUCL(f *testing.F) {
	f.Add("domain { a.b { path = \"x\"; } } l = [a, {b = c}] # d\n/* e */")
	f.Add("a [[[{{{\"")
	f.Fuzz(func(t *testing.T, text string) {
		for _, file := range []string{"f", "arc.conf"} {
			settings, err := Read(Rspamd, file, []byte(text))
			if err != nil {
				return
			}
			if p, err := Translate(settings, Files{}); err == nil {
				p.TOML("")
			}
		}
	})
}

// TestRspamdSealing: arc.conf has the names of dkim_signing.conf, and must not be taken for it.
func TestRspamdSealing(t *testing.T) {
	t.Parallel()
	const section = "sign_inbound = true; sign_authenticated = false;\ndomain {\n  Example.org { path = \"/arc/$domain.pem\"; selector = \"a1\"; }\n  other.example { path = \"/arc/2\"; }\n}\n"
	for _, c := range []struct {
		name, arc, dkim string
		want, not       []string
	}{
		{"a domain", section, "", []string{
			`add "example.org:a1:/arc/example.org.pem" to [sign] files, and write [seal] domain = "example.org", selector = "a1"`,
			"arc sign_inbound: without counterpart: seal.recipients: Rspamd seals all that comes in", "arc sign_authenticated: changed: : mail of users",
		}, []string{"[sign]\n", "[sign.rspamd]", "name its arc.conf"}},
		{"both", "arc {\n selector = \"x\"; path = \"/arc/$domain\"; }\n", "selector = \"mail\"; path = \"/dkim/$domain\"; sign_local = false;", []string{
			"\npath = \"/dkim/$domain\"", "\nselector = \"mail\"", `"DOMAIN:x:/arc/DOMAIN"`,
		}, []string{"path = \"/arc", "selector = \"x\"\n"}},
		{"defaults", "sign_local = true;\n", "", []string{`"DOMAIN:arc:/var/lib/rspamd/arc/DOMAIN.arc.key"`, "seal.networks: name list servers"}, nil},
		{"off", "enabled = false;\n", "", nil, []string{"goes on sealing", "[sign"}},
		{"unread", "", "selector = \"mail\";", []string{"name its arc.conf with --rspamd too"}, []string{"goes on sealing"}},
		{"odd names", "domain { x { } } domain = 5; arc = 3; domain_x = 4;\nselector = \"a\u001b\"", "", []string{`:a\u001B:`}, []string{"\x1b"}},
	} {
		var settings []Setting
		for file, text := range map[string]string{"/etc/rspamd/local.d/arc.conf": c.arc, "/etc/rspamd/local.d/dkim_signing.conf": c.dkim} {
			s, err := Read(Rspamd, file, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			settings = append(settings, s...)
		}
		p, err := Translate(settings, Files{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		all := p.TOML("")
		for _, i := range p.Items {
			all += i.Name + ": " + string(i.Outcome) + ": " + strings.Join(i.Keys, ", ") + ": " + i.Note + "\n"
		}
		for _, x := range p.Traps {
			all += x.Text + "\n"
		}
		for _, w := range c.want {
			if !strings.Contains(all, w) {
				t.Errorf("%s: %q is missing in\n%s", c.name, w, all)
			}
		}
		for _, n := range c.not {
			if strings.Contains(all, n) {
				t.Errorf("%s: %q is in\n%s", c.name, n, all)
			}
		}
	}
}
