package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckAsksTheService: without the key listen the running service says where it
// listens, and a service that must be restarted for its file is named.
func TestCheckAsksTheService(t *testing.T) {
	t.Parallel()
	_, control, file := startControlled(t, "")
	dir := filepath.Dir(control)
	for name, text := range map[string]string{
		"main.cf":    "myhostname = mx.test.example\nsmtpd_milters = inet:127.0.0.1:8890\n",
		"master.cf":  "smtp inet n - n - - smtpd\n",
		"other.toml": "authserv_id = \"mx.test.example\"\n[control]\nsocket = \"" + control + "\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(args ...string) string {
		code, out, errOut := runIn(t, append([]string{"config", "check", "--mta", "postfix", "--mta-config", dir}, args...)...)
		if code != exitNo || errOut != "" {
			t.Errorf("%q: exit code %d, %s", args, code, errOut)
		}
		return out
	}
	listens := "Postvet listens on unix:" + dir + "/s, as "
	for _, tc := range []struct {
		want string
		args []string
	}{
		{listens + "the running service says (" + control + ")", []string{"--socket", control}},
		{listens + "the running service says (" + control + ")", []string{filepath.Join(dir, "other.toml")}},
		{listens + "listen says (" + file + ":1)", []string{file}},
	} {
		if out := check(tc.args...); !strings.Contains(out, tc.want) || !strings.Contains(out, "smtpd_milters = unix:"+dir+"/s") {
			t.Errorf("%q: no %q in\n%s", tc.args, tc.want, out)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), dir+"/s", dir+"/new", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := check(file); !strings.Contains(out, "warning  the running service still listens on unix:"+dir+"/s\n         fix: systemctl restart postvet") {
		t.Errorf("no restart is asked for:\n%s", out)
	}
}
