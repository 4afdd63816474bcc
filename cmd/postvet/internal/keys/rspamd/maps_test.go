package rspamd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/message"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	m, err := Load(Options{
		Path: "/dkim/$domain.$selector.key", Selector: "dkim",
		PathMap:     write(t, dir, "paths", "# ours\nexample.org /keys/org.pem\nBücher.example\t/keys/$domain/$selector.pem\n"),
		SelectorMap: write(t, dir, "selectors", "example.net s1\r\nxn--bcher-kva.example s2\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]string{
		"example.org":           "dkim /keys/org.pem false",
		"example.net":           "s1 /dkim/example.net.s1.key true",
		"example.com":           "dkim /dkim/example.com.dkim.key true",
		"xn--bcher-kva.example": "s2 /keys/xn--bcher-kva.example/s2.pem false",
	} {
		k := m.Keys(message.Mailbox{Local: "ann", Domain: domain})
		if len(k) != 1 {
			t.Fatalf("%s: %v", domain, k)
		}
		got := k[0].Selector + " " + k[0].Path
		if got += map[bool]string{true: " true", false: " false"}[k[0].MayLack]; got != want || k[0].Domain != domain {
			t.Errorf("%s: %s of %s, want %s", domain, got, k[0].Domain, want)
		}
	}
	if m, err = Load(Options{Selector: "dkim", PathMap: write(t, dir, "few", "example.org /k\n")}); err != nil || len(m.Keys(message.Mailbox{Domain: "example.net"})) != 0 {
		t.Errorf("a domain outside of the map has a key, %v", err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]string{
		"example.org keys/x.pem\n":                "DIR/map:1: \"keys/x.pem\" is no absolute path; write a domain, a blank and its value",
		"\n# a\nexample.org\n":                    "DIR/map:3: \"example.org\" has no value; write a domain, a blank and its value",
		"org /k\n":                                "DIR/map:1: \"org\" is no domain; write a domain, a blank and its value",
		"example.org /k/$user\n":                  "DIR/map:1: \"/k/$user\" has a variable other than $domain and $selector; write a domain, a blank and its value",
		"example.org /k/../../x\nexample.net k\n": "DIR/map:1: \"/k/../../x\" names no file; write a domain, a blank and its value (and 1 more lines)",
	} {
		_, err := Load(Options{PathMap: write(t, dir, "map", text)})
		if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Load(Options{SelectorMap: write(t, dir, "map", "example.org a/b\n")}); err == nil {
		t.Error("a selector with a slash")
	}
	if _, err := Load(Options{PathMap: "/nonexistent/map"}); err == nil || err.Error() != "/nonexistent/map: no such file or directory" {
		t.Errorf("no file: %v", err)
	}
}
