package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOverlayText(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "known")
	if err := os.WriteFile(list, []byte("192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("main", []byte("[trust]\nforwarders = [\"file:"+list+"\"]\n[[rule]]\nname = \"old\"\nif = \"list\"\naction = \"accept\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"a file that is named", "[trust]\nforwarders = [\"file:" + list + "\", \"192.0.2.2\"]\n", ""},
		{"a policy key", "[policy]\non_reject = \"always\"\n", ""},
		{"a file of passwords", "[trust]\n# why\nforwarders = [\"file:/etc/passwd\"]\n", "pasted:3: trust.forwarders: \"file:/etc/passwd\" is a file that the configuration does not name"},
		{"a file within a rule", "[[rule]]\nname = \"x\"\nclient = [\"192.0.2.1\", \"!file:/etc/passwd\"]\naction = \"accept\"\n", "\"!file:/etc/passwd\" is a file"},
		{"a file with an end", "[trust]\nforwarders = [{ entry = \"file:/etc/passwd\", until = 2030-01-01 }]\n", "is a file that"},
		{"a list of files", "[lists]\nx = [\"file:/etc/shadow\"]\n", "lists.x"},
		{"no TOML", "[[rule]\n", "pasted:1: not TOML"},
		{"another section", "[dns]\nresolvers = [\"192.0.2.1\"]\n", "does not belong into a file of rules"},
		{"a bad rule", "[[rule]]\nname = \"x\"\naction = \"fly\"\n", "pasted:3: rule x: action: \"fly\" is not known"},
		{"too much", strings.Repeat("#\n", maxOverlayText), "larger than 128 KiB"},
	} {
		o, err := c.OverlayText("pasted", []byte(tc.text))
		switch {
		case tc.want == "" && err != nil, tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		case err == nil && len(o.RuleList()) != 1:
			t.Errorf("%s: the rule of the configuration is gone", tc.name)
		case err != nil && strings.Contains(err.Error(), "root:"):
			t.Errorf("%s: shows the file: %v", tc.name, err)
		}
	}
	if c.Policy.OnReject != "judge" || c.Trust.Forwarders.Set.Len() != 1 {
		t.Error("the configuration itself has changed")
	}
}
