package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignTables: faults of tables have their own places, in a bounded text, and a line
// that signs less than it fits is a warning.
func TestSignTables(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const mail = "*@example.org main\n"
	tests := []struct{ name, signing, keys, more, want, warning string }{
		{"good", mail, "main example.org:s1:/k\n", "", "", ""},
		{"a warning", "* main\n", "main example.org:s1:/k\n", "", "", `DIR/s:1: "*" fits every author, and signs for those in example.org alone; write "*@example.org main", or a key whose domain is %`},
		{"two faults", mail + "*@example.net maim\n", "main example.org:s1\n", "", "DIR/k:1: the key \"main\" has not domain, selector and key with colons between; write a line such as \"mail example.org:2026a:/etc/dkimkeys/mail.private\"\nDIR/s:2: \"*@example.net\" names the key \"maim\", which the KeyTable does not have; did you mean main?", ""},
		{"a control character", "*@\x1b[1mexample.org\n", "main example.org:s1:/k\n", "", `DIR/s:1: "*@\x1b[1mexample.org" has no name of a key behind it; write a line such as "*@example.org mail" with the name of a key in the KeyTable`, ""},
		{"many", strings.Repeat("example.org\n", 100), "main example.org:s1:/k\n", "", "*", ""},
		{"a map", mail, "main example.org:s1:/k\n", "[sign.rspamd]\npath_map = \"bad.map\"\n", "DIR/postvet.toml:5: sign.rspamd: DIR/bad.map:1: \"k\" is no absolute path; write a domain, a blank and its value; mend the map", ""},
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.map"), []byte("example.org k\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		main := "[sign.opendkim]\nsigning_table = \"refile:" + dir + "/s\"\nkey_table = \"" + dir + "/k\"\n" + tt.more
		for name, text := range map[string]string{"s": tt.signing, "k": tt.keys, "postvet.toml": main} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(filepath.Join(dir, "postvet.toml"))
		got, warning := "", ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		} else {
			warning = strings.ReplaceAll(c.Warnings().Error(), dir, "DIR")
		}
		if tt.want == "*" && len(got) < 6000 && strings.Contains(got, "sign.opendkim: 80 more lines of the tables are wrong") {
			continue
		}
		if got != tt.want || warning != tt.warning {
			t.Errorf("%s: %s\nwarning %s", tt.name, got, warning)
		}
	}
}
