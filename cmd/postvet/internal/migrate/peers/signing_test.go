package peers

import (
	"strings"
	"testing"
)

// TestSigning is about what becomes of opendkim's signing.
func TestSigning(t *testing.T) {
	t.Parallel()
	const key = "Mode s\nDomain example.org, Example.net\nSelector 2026a\nKeyFile /etc/dkimkeys/mail.private\n"
	for _, c := range []struct {
		name, file string
		want, not  []string // lines of the configuration or of the list
		keeps      bool
	}{
		{"one key", key, []string{
			`files = ["example.org:2026a:/etc/dkimkeys/mail.private", "example.net:2026a:/etc/dkimkeys/mail.private"]`,
			"subdomains = false", `networks = ["127.0.0.1"]`, `state = "/var/lib/postvet/keys.json"`,
		}, []string{"local = false", "expires", "key_permissions"}, false},
		{"the default selector", strings.Replace(key, "Selector 2026a\n", "", 1), []string{"example.org:default:/etc"}, nil, false},
		{"subdomains", key + "SubDomains yes\n", []string{"subdomains = true"}, nil, false},
		{"a lifetime", key + "SignatureTTL 86400\n", []string{`expires = "24h0m0s"`}, nil, false},
		{"unsafe keys", key + "RequireSafeKeys no\n", []string{`key_permissions = "warn"`}, nil, false},
		{"no key, no signature", key + "On-SignatureError accept\n", []string{`on_key_error = "unsigned"`}, nil, false},
		{"other hosts", key + "InternalHosts 192.0.2.0/24, mx.example.org, .example.com\n", []string{
			`networks = ["192.0.2.0/24"]`, "local = false", "without mx.example.org, .example.com: a name proves nothing",
		}, nil, false},
		{"loopback by name", key + "InternalHosts localhost, 192.0.2.0/24\n", []string{`networks = ["192.0.2.0/24"]`}, []string{"local = false"}, false},
		{"all of 127", key + "InternalHosts 127.0.0.0/8\n", nil, []string{"local = false"}, false},
		{"daemons", key + "MTA MSA,submission\n", []string{`listeners = ["MSA", "submission"]`}, nil, false},
		{"macros", key + "MacroList daemon_name=ORIGINATING|MSA\n", []string{`listeners = ["ORIGINATING", "MSA"]`}, nil, false},
		{"simple", key + "Canonicalization simple/simple\n", []string{"relaxed/relaxed: simple breaks"}, nil, false},
		{"fields that are left", key + "SignHeaders From,Subject,X-Mailer\nOversignHeaders From,Sender\n", []string{"but does not sign x-mailer", "but does not oversign sender"}, nil, false},
		{"SHA-1", key + "SignatureAlgorithm rsa-sha1\n", []string{"receivers ignore SHA-1"}, nil, false},
		{"tables", "Mode sv\nKeyTable /etc/opendkim/KeyTable\nSigningTable refile:/etc/opendkim/SigningTable\nMultipleSignatures yes\nSubDomains yes\nDomain example.org\n", []string{
			`signing_table = "refile:/etc/opendkim/SigningTable"`, `key_table = "/etc/opendkim/KeyTable"`, "multiple = true", "subdomains = false",
			"it had no effect beside the tables",
		}, []string{"files ="}, false},
		{"tables in a database", "Mode sv\nKeyTable dsn:pgsql://x@y/z\nSigningTable refile:/etc/opendkim/SigningTable\n", []string{"the KeyTable is in a database (dsn)"}, []string{"[sign]"}, true},
		{"one table", "Mode sv\nKeyTable /etc/opendkim/KeyTable\n", []string{"without the other"}, []string{"[sign]"}, true},
		{"a script", key + "SetupPolicyScript /etc/opendkim/setup.lua\n", []string{"a script decides who signs"}, []string{"[sign]"}, true},
		{"no domain", "Mode s\nKeyFile /etc/dkimkeys/mail.private\n", []string{"its domains cannot be read"}, []string{"[sign]"}, true},
		{"a verifier", "Mode v\nKeyFile /etc/dkimkeys/mail.private\nDomain example.org\n", nil, []string{"[sign]"}, false},
		{"l=", key + "BodyLengthDB /etc/x\nMaximumSignedBytes 100\n", []string{"l= is not offered"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings, err := Read(OpenDKIM, "opendkim.conf", []byte(c.file))
			if err != nil {
				t.Fatal(err)
			}
			p, err := Translate(settings, Files{})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			b.WriteString(p.TOML(""))
			for _, i := range p.Items {
				b.WriteString(i.Name + " " + i.Note + "\n")
			}
			for _, x := range p.Traps {
				b.WriteString(x.Text + "\n")
			}
			for _, w := range c.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("%q is missing in\n%s", w, b.String())
				}
			}
			for _, n := range c.not {
				if strings.Contains(b.String(), n) {
					t.Errorf("%q is in\n%s", n, b.String())
				}
			}
			if p.KeepsSigner != c.keeps {
				t.Errorf("opendkim stays: %v", p.KeepsSigner)
			}
		})
	}
}
