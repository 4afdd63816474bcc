package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// TestWebPasswd prints a line that the configuration understands.
func TestWebPasswd(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		args  []string
		input string
		code  int
		want  string // in the error
	}{
		"admin":            {[]string{"ann"}, "correct horse\n", exitDone, ""},
		"support":          {[]string{"ann@example.org", "--role", "support"}, "correct horse\r\nmore", exitDone, ""},
		"no end":           {[]string{"jörg", "--role", "viewer"}, "correct horse", exitDone, ""},
		"role":             {[]string{"ann", "--role", "root"}, "correct horse\n", exitUsage, `the role "root" is not known; write viewer`},
		"nobody":           {[]string{"ann", "--role", "nobody"}, "correct horse\n", exitUsage, "write viewer"},
		"name":             {[]string{"a b"}, "correct horse\n", exitUsage, "has a name with a blank"},
		"colon":            {[]string{"a:b"}, "correct horse\n", exitUsage, "colon"},
		"short":            {[]string{"ann"}, "secret\n", exitUsage, "6 octets; choose one of 8 to 72"},
		"empty":            {[]string{"ann"}, "", exitUsage, "0 octets"},
		"long":             {[]string{"ann"}, strings.Repeat("x", 73) + "\n", exitUsage, "73 octets"},
		"endless":          {[]string{"ann"}, strings.Repeat("x", 1<<20), exitUsage, "144 octets"},
		"without a name":   {nil, "", exitUsage, "an argument is missing"},
		"too many of them": {[]string{"ann", "bob"}, "", exitUsage, "too many arguments"},
	} {
		in := filepath.Join(t.TempDir(), "in")
		writeConfig(t, in, x.input)
		f, err := os.Open(in)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var out, errOut strings.Builder
		code := run(append([]string{"web", "passwd", "--stdin"}, x.args...), f, &out, &errOut)
		if code != x.code || !strings.Contains(errOut.String(), x.want) || (out.Len() > 0) != (code == exitDone) {
			t.Errorf("%s: %d, %q, %q", name, code, out.String(), errOut.String())
			continue
		}
		if code != exitDone {
			continue
		}
		a, problem, _ := access.ParseAccount(strings.TrimSuffix(out.String(), "\n"))
		if problem != "" || a.Name != x.args[0] || a.Cost() < access.MinCost {
			t.Errorf("%s: %q: %s", name, out.String(), problem)
		}
		if _, err := config.Parse("x", []byte("[web]\nlisten = \"inet:127.0.0.1:8895\"\nusers = [\""+strings.TrimSpace(out.String())+"\"]")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWebPasswdInput: what cannot be read is told.
func TestWebPasswdInput(t *testing.T) {
	t.Parallel()
	if _, err := readPassword(io.MultiReader(strings.NewReader("abc"), brokenReader{})); codeOf(err) != exitFailed {
		t.Errorf("a broken input: %v", err)
	}
	code, out, errOut := runIn(t, "web", "passwd", "ann")
	if code != exitUsage || out != "" || !strings.Contains(errOut, "--stdin") {
		t.Errorf("without a terminal: %d, %q, %q", code, out, errOut)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestWebURL(t *testing.T) {
	t.Parallel()
	const hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for text, want := range map[string]string{
		"listen = \"unix:/run/postvet/web.sock\"\nbase = \"/postvet\"":                                                                        "ssh -N -L localhost:8895:/run/postvet/web.sock root@mx\nhttp://localhost:8895/postvet/\n",
		"listen = \"inet:8896@127.0.0.1\"\nusers = [\"a:" + hash + ":admin\"]":                                                                "ssh -N -L localhost:8895:127.0.0.1:8896 root@mx\nhttp://localhost:8895/\n",
		"listen = \"inet:*:8895\"\nallow_remote = true\nusers = [\"a:" + hash + ":admin\"]\ntls_cert = \"/a\"\ntls_key = \"/b\"":              "https://mx:8895/\n",
		"listen = \"inet:[2001:db8::25]:8895\"\nallow_remote = true\nusers = [\"a:" + hash + ":admin\"]\ntls_cert = \"/a\"\ntls_key = \"/b\"": "https://[2001:db8::25]:8895/\n",
	} {
		c, err := config.Parse("x", []byte("[web]\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := webURL(&c.Web, "mx"); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", text, got, want)
		}
	}
	file := filepath.Join(t.TempDir(), "postvet.toml")
	writeConfig(t, file, "")
	if code, _, errOut := runIn(t, "web", "url", "--config", file); code != exitNo || !strings.Contains(errOut, "no web page is served; write") {
		t.Errorf("without a page: %d, %q", code, errOut)
	}
	if code, out, _ := runIn(t, "web", "url", "--config", file+".none"); code != exitFailed && code != exitUsage || out != "" {
		t.Errorf("without a file: %d, %q", code, out)
	}
}
