package peers

import (
	"slices"
	"strings"
	"testing"
)

func TestDKIMPy(t *testing.T) {
	t.Parallel()
	const file = "Mode sv\nDomain example.org\nSelector rsa1\nKeyFile /etc/dkimkeys/rsa.key\nSelectorEd25519 ed1\nKeyFileEd25519 /etc/dkimkeys/ed.key\nCanonicalization relaxed/simple\nInternalHosts 127.0.0.1,192.0.2.0/24\nSocket local:/run/dkimpy-milter/dkimpy-milter.sock\n"
	for _, c := range []struct {
		name, file string
		want       []string
		keeps      bool
	}{
		{"two keys", file, []string{
			`files = ["example.org:rsa1:/etc/dkimkeys/rsa.key", "example.org:ed1:/etc/dkimkeys/ed.key"]`, "ed25519 = true",
			`networks = ["127.0.0.1", "192.0.2.0/24"]`, "subdomains = false", "relaxed/relaxed: simple breaks",
		}, false},
		{"tables", "Mode s\nSigningTable refile:/etc/dkimpy-milter/SigningTable\nKeyTable /etc/dkimpy-milter/KeyTable\nKeyTableEd25519 /etc/dkimpy-milter/Ed\n", []string{
			`key_table = "/etc/dkimpy-milter/KeyTable"`, "whatever its tables say", "one KeyTable is read",
		}, false},
		{"no absolute path", "Mode s\nDomain example.org\nSelector a\nKeyFile keys/a\n", []string{"is not absolute"}, true},
		{"a verifier", "Mode v\n", nil, false},
	} {
		settings, err := Read(DKIMPy, "dkimpy-milter.conf", []byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Translate(settings, Files{})
		if err != nil {
			t.Fatal(err)
		}
		all := []string{p.TOML("")}
		for _, i := range p.Items {
			all = append(all, i.Note)
		}
		for _, x := range p.Traps {
			all = append(all, x.Text)
		}
		for _, w := range c.want {
			if !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, w) }) {
				t.Errorf("%s: %q is missing in\n%s", c.name, w, strings.Join(all, "\n"))
			}
		}
		if p.KeepsSigner != c.keeps {
			t.Errorf("%s: it stays: %v", c.name, p.KeepsSigner)
		}
	}
}
