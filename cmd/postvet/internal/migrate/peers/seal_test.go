package peers

import (
	"strings"
	"testing"
)

// TestSealing is about what becomes of openarc's sealing.
func TestSealing(t *testing.T) {
	t.Parallel()
	const arc = "Domain Example.org\nSelector arc\nKeyFile /etc/openarc/arc.private\nSocket local:/run/openarc.sock\n"
	const sealed = "Mode sv\n" + arc
	const dkim = "Mode s\nDomain example.org\nSelector arc\nKeyFile /etc/openarc/arc.private\n"
	const onlySeals = `files = ["example.org:arc:/etc/openarc/arc.private"]`
	const all = "openarc sealed all mail that passed"
	for _, c := range []struct {
		name, file, opendkim string
		want, not            []string // lines of the configuration or of the list
		keeps                bool
	}{
		{"all mail", sealed, "", []string{
			onlySeals, "dry_run = true", `state = "/var/lib/postvet/keys.json"`, `domain = "example.org"`, `selector = "arc"`, `networks = ["127.0.0.1"]`,
			all, "chmod 0640 /etc/openarc/arc.private", "Mode: changed: only what these clients hand in again is sealed", "KeyFile: kept: ",
		}, []string{"leave only list servers"}, false},
		{"internal hosts", arc + "InternalHosts 127.0.0.1,192.0.2.7,lists.example.org,localhost\n", "", []string{
			`networks = ["127.0.0.1", "192.0.2.7", "::1"]`, "leave only list servers and filters in seal.networks", "without lists.example.org: a name proves nothing",
		}, []string{all}, false},
		{"peers are not sealed", sealed + "InternalHosts 192.0.2.0/24,198.51.100.7\nPeerList 192.0.2.1,198.51.100.7\n", "", []string{
			`networks = ["!192.0.2.1", "!198.51.100.7", "192.0.2.0/24"]`,
		}, nil, false},
		{"all are peers", sealed + "PeerList 127.0.0.1\n", "", []string{"see [seal] recipients, networks and listeners"}, []string{"[seal]\n", "[sign]\n"}, true},
		{"names alone", sealed + "InternalHosts .example.org\n", "", []string{"see [seal] recipients, networks and listeners"}, []string{"[seal]\n", "[sign]\n"}, true},
		{"a file that is not there", sealed + "InternalHosts /etc/openarc/hosts\n", "", []string{"cannot be read"}, []string{"[seal]\n", "[sign]\n"}, true},
		{"the key of opendkim", sealed, dkim, []string{onlySeals, `domain = "example.org"`}, []string{"\ndry_run = true", "when openarc is purged"}, false},
		{"another key than opendkim's", sealed, strings.Replace(dkim, "Selector arc", "Selector mail", 1), []string{
			`add "example.org:arc:/etc/openarc/arc.private" to [sign] files, and write [seal] domain = "example.org", selector = "arc", networks = ["127.0.0.1"]`,
		}, []string{"\n[seal]\n", "\ndry_run = true"}, true},
		{"opendkim with tables", sealed, "Mode s\nKeyTable /k\nSigningTable /s\n", []string{"may take the place of the keys that sign now"}, []string{"\n[seal]\n", "\nfiles = "}, true},
		{"opendkim stays", sealed, "Mode s\nKeyTable dsn:x\nSigningTable dsn:y\n", []string{onlySeals, "dry_run = true", `domain = "example.org"`}, nil, false},
		{"a relative path", strings.Replace(sealed, "/etc/openarc/", "", 1), "", []string{"is not absolute"}, []string{"[seal]\n"}, true},
		{"no selector", strings.Replace(sealed, "Selector arc\n", "", 1), "", []string{"Selector names no selector"}, []string{"[seal]\n"}, true},
		{"no domain", strings.Replace(sealed, "Example.org", "localhost", 1), "", []string{"Domain names no domain"}, []string{"[seal]\n"}, true},
		{"a verifier", "Mode v\n" + arc, "", []string{"Mode: kept"}, []string{"[seal]\n", "[sign]\n"}, false},
		{"no key", "Mode sv\nSocket local:/run/openarc.sock\n", "", []string{"Mode: kept"}, []string{"[seal]\n", "[sign]\n"}, false},
		{"the form", sealed + "Canonicalization relaxed/simple\nSignatureAlgorithm rsa-sha256\nSealHeaderChecks /c\nSignatureTTL 60\nRequireSafeKeys no\n", "", []string{
			"Canonicalization: changed: relaxed/relaxed", "SignatureAlgorithm: kept", "SealHeaderChecks: without counterpart", "SignatureTTL: changed: seals do not expire", `key_permissions = "warn"`,
		}, nil, false},
	} {
		settings, err := Read(OpenARC, "openarc.conf", []byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		if c.opendkim != "" {
			more, err := Read(OpenDKIM, "opendkim.conf", []byte(c.opendkim))
			if err != nil {
				t.Fatal(err)
			}
			settings = append(settings, more...)
		}
		p, err := Translate(settings, Files{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		all := p.TOML("")
		for _, i := range p.Items {
			if i.Outcome == "" {
				t.Errorf("%s: %s has no outcome", c.name, i.Name)
			}
			if i.Peer == OpenARC {
				all += i.Name + ": " + string(i.Outcome) + ": " + i.Note + "\n"
			}
		}
		for _, x := range p.Differences {
			all += x.Text + "\n"
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
		lines := p.EditPostfix("main.cf", "smtpd_milters = unix:/run/openarc.sock\n", "inet:127.0.0.1:8890").Lines
		if len(lines) == 0 || strings.Contains(lines[0].New, "openarc") != c.keeps {
			t.Errorf("%s: it stays: %v, %+v", c.name, !c.keeps, lines)
		}
	}
}
