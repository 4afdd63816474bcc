package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMTAFilesThatAreNoText: a file that is no text does not pass for one that sets
// nothing.
func TestMTAFilesThatAreNoText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	main, peer := filepath.Join(dir, "main.cf"), filepath.Join(dir, "opendmarc.conf")
	for name, text := range map[string]string{
		main: "smtpd_milters\x00", filepath.Join(dir, "master.cf"): "smtp inet n - y - - smtpd\n", peer: "Syslog true\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"config", "check", "--mta", "postfix", "--mta-config", dir},
		{"config", "check", "--mta", "sendmail", "--mta-config", main},
		{"config", "import", "--opendmarc", peer, "--milter-order", main},
	} {
		code, out, errOut := runIn(t, args...)
		if code != exitFailed || out != "" || !strings.HasPrefix(errOut, "postvet: "+main+": is no text; name ") {
			t.Errorf("%q: exit code %d, %q, %q", args, code, out, errOut)
		}
	}
}
