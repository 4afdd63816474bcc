package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

const (
	strongHash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	weakHash   = "$2a$05$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
)

// loadWeb loads a configuration with a file of users in the same directory.
func loadWeb(t *testing.T, section, users string, mode os.FileMode) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "postvet.toml")
	section = strings.ReplaceAll(section, "USERS", filepath.Join(dir, "users"))
	for name, text := range map[string]string{file: "[web]\n" + section, filepath.Join(dir, "users"): users} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "users"), mode); err != nil {
		t.Fatal(err)
	}
	return Load(file)
}

func TestWebUsersFile(t *testing.T) {
	t.Parallel()
	const listen = "listen = \"inet:127.0.0.1:8895\"\n"
	for name, x := range map[string]struct {
		section, users string
		mode           os.FileMode
		want           string // in the error
	}{
		"users":       {"users_file = \"USERS\"", "# us\n\n ann:" + strongHash + ":admin \nbob:" + weakHash + ":viewer\n", 0o640, ""},
		"relative":    {"users_file = \"users\"", "ann:" + strongHash + ":admin", 0o640, ""},
		"none":        {"users_file = \"USERS\"", "# none\n", 0o640, "names no user; write a line"},
		"twice":       {"users_file = \"USERS\"", "ann:" + strongHash + ":admin\nann:" + weakHash + ":viewer\n", 0o640, `users":2: the user "ann" stands there twice; remove`},
		"in both":     {"users = [\"ann:" + strongHash + ":admin\"]\nusers_file = \"USERS\"", "ann:" + strongHash + ":admin", 0o640, `the user "ann" stands in web.users, too; remove`},
		"no hash":     {"users_file = \"USERS\"", "\nann:secret:admin", 0o640, `users":2: ("ann") has no hash by bcrypt`},
		"no role":     {"users_file = \"USERS\"", "ann:" + strongHash + ":x\x1b", 0o640, `is not known; write the role "viewer"`},
		"writable":    {"users_file = \"USERS\"", "ann:" + strongHash + ":admin", 0o646, "can be written by everybody (mode 0646)"},
		"not there":   {"users_file = \"USERS.none\"", "", 0o600, "cannot be read: no such file"},
		"very many":   {"users_file = \"USERS\"", manyUsers(maxList + 1), 0o600, "more than 1000 users"},
		"with header": {"users_file = \"USERS\"\nproxy = [\"127.0.0.1\"]\nuser_header = \"X-User\"\nproxy_role = \"viewer\"", "", 0o600, ""},
	} {
		c, err := loadWeb(t, listen+x.section, x.users, x.mode)
		switch {
		case x.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), "postvet.toml:3: web.users_file: ") && name != "in both"):
			t.Errorf("%s: %v", name, err)
		case err != nil && strings.Contains(err.Error(), "$2a$"):
			t.Errorf("%s shows a hash: %v", name, err)
		case err == nil && len(c.Web.Access(false, false).Accounts) != strings.Count(x.users, ":$"):
			t.Errorf("%s: %+v", name, c.Web.Access(false, false))
		}
	}
}

func manyUsers(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("u" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + ":" + strongHash + ":viewer\n")
	}
	return b.String()
}

// TestWebWarnings names ways in that are wider than they need to be.
func TestWebWarnings(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ section, want string }{
		"socket":          {`listen = "unix:/run/postvet/web.sock"`, ""},
		"nowhere":         {`users = ["ann:` + weakHash + `:admin"]`, ""},
		"open socket":     {"listen = \"unix:/run/postvet/web.sock\"\nmode = \"0666\"", "postvet.toml:3: web.mode: every user of this machine may connect (mode 0666)"},
		"loopback proxy":  {"listen = \"inet:127.0.0.1:8895\"\nproxy = [\"::1\"]\nuser_header = \"X-User\"\nproxy_role = \"viewer\"", "every program of this machine can connect from a loopback address"},
		"proxy, no TLS":   {"listen = \"inet:*:8895\"\nallow_remote = true\nproxy = [\"192.0.2.1\"]\nuser_header = \"X-User\"\nproxy_role = \"viewer\"", "has no TLS"},
		"all are admins":  {"listen = \"unix:/run/postvet/web.sock\"\nproxy = [\"unix\"]\nuser_header = \"X-User\"\nproxy_role = \"admin\"", "everybody whom the proxy lets in is an admin"},
		"weak hash":       {"listen = \"inet:127.0.0.1:8895\"\nusers = [\"ann:" + weakHash + ":admin\"]", `the hash of "ann" has the cost 5`},
		"readable file":   {"listen = \"inet:127.0.0.1:8895\"\nusers_file = \"USERS\"", "can be read by others or written by its group (mode 0644)"},
		"users, loopback": {"listen = \"inet:127.0.0.1:8895\"\nusers = [\"ann:" + strongHash + ":admin\"]", ""},
	} {
		c, err := loadWeb(t, x.section, "bob:"+strongHash+":viewer", 0o644)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := c.Warnings().Error()
		if (x.want == "") != (len(c.Warnings()) == 0) || !strings.Contains(got, x.want) || strings.Contains(got, "$2a$") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestWebExposed is about hashes in the configuration itself.
func TestWebExposed(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		section string
		mode    os.FileMode
		want    string
	}{
		"readable":    {"listen = \"inet:127.0.0.1:8895\"\nusers = [\"ann:" + strongHash + ":admin\"]", 0o644, "postvet.toml:3: web.users: "},
		"of a group":  {"listen = \"inet:127.0.0.1:8895\"\nusers = [\"ann:" + strongHash + ":admin\"]", 0o640, ""},
		"not used":    {"users = [\"ann:" + strongHash + ":admin\"]", 0o644, ""},
		"without any": {"listen = \"unix:/run/postvet/web.sock\"", 0o644, ""},
	} {
		file := filepath.Join(t.TempDir(), "postvet.toml")
		if err := errors.Join(os.WriteFile(file, []byte("[web]\n"+x.section), 0o600), os.Chmod(file, x.mode)); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file)
		if err != nil {
			t.Fatal(err)
		}
		got := c.WebExposed().Error()
		if (x.want == "") != (got == "") || !strings.Contains(got, x.want) || x.want != "" && !strings.Contains(got, "can be read by others (mode 0644), who can guess passwords; run chmod 640") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestShownWithoutHashes: neither the page nor the journal gets a hash of a password, which
// could be guessed from it.
func TestShownWithoutHashes(t *testing.T) {
	t.Parallel()
	c, err := loadWeb(t, `listen = "inet:127.0.0.1:8895"`+"\nusers = [\"ann:"+strongHash+":admin\", \"bob:"+weakHash+":viewer\"]", "", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"shown": c.Shown(), "the journal's": c.Generation().Text} {
		if strings.Contains(text, "$2a$") || !strings.Contains(text, `users = ["ann:(hash):admin", "bob:(hash):viewer"]`) {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// TestWebChanges: a reload reports how many users changed, and shows no hash.
func TestWebChanges(t *testing.T) {
	t.Parallel()
	load := func(users, file string) *Config {
		c, err := loadWeb(t, "listen = \"inet:127.0.0.1:8895\"\nusers = ["+users+"]\nusers_file = \"USERS\"", file, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := load(`"ann:`+strongHash+`:admin", "bob:`+strongHash+`:viewer"`, "eve:"+strongHash+":viewer")
	after := load(`"ann:`+weakHash+`:admin", "joe:`+strongHash+`:viewer"`, "eve:"+strongHash+":admin")
	after.Web.UsersFile = before.Web.UsersFile
	var got []string
	for _, c := range before.Changes(after) {
		got = append(got, c.String())
	}
	if want := "web.users: 1 added, 1 removed, 1 changed|web.users_file: 1 changed"; strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
	if r := before.NeedsRestart(after); len(r) > 0 {
		t.Errorf("%q need a restart", r)
	}
}

func TestWebAccess(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Web.Access(false, true)
	if len(s.Accounts) != 2 || !s.TLS || s.Unix || s.Base != "/postvet" || len(s.Proxy.From) != 2 || s.Proxy.Unix || s.Proxy.Role != access.Viewer ||
		s.Proxy.User != "Remote-User" || s.Proxy.Groups != "Remote-Groups" || s.Proxy.Roles["mail-admins"] != access.Admin || s.Proxy.Roles["cn=desk:1"] != access.Support {
		t.Errorf("%+v", s)
	}
}
