package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// TestWebUsers: users log in on the page of a running service, and a reload changes who may.
func TestWebUsers(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	write := func(role string) {
		if err := os.WriteFile(users, []byte("ann:"+string(hash)+":"+role+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("viewer")
	s, socket, _ := startControlled(t, "[web]\nlisten = \"inet:127.0.0.1:0\"\nusers_file = \""+users+"\"\n")
	var line struct{ Listen string }
	if err := json.Unmarshal([]byte(s.waitLog(`"msg":"the web page is served"`, 1)), &line); err != nil {
		t.Fatal(err)
	}
	at := "http://" + line.Listen
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: patience}
	answer := func(r *http.Response, err error) (int, string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(body)
	}
	if code, page := answer(client.Get(at + "/status")); code != 200 || !strings.Contains(page, "<h1>Log in</h1>") {
		t.Errorf("without a session: %d\n%s", code, page)
	}
	if code, page := answer(client.PostForm(at+"/login", url.Values{"name": {"ann"}, "password": {"correct horse"}, "to": {"/status"}})); code != 200 || !strings.Contains(page, "<h1>Status</h1>") {
		t.Fatalf("after the log-in: %d\n%s", code, page)
	}
	if code, page := answer(client.Get(at + "/audit")); code != 403 || !strings.Contains(page, "It needs the role admin, and yours is viewer") {
		t.Errorf("a viewer sees the audit: %d\n%s", code, page)
	}
	write("admin")
	if _, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload}); err != nil {
		t.Fatal(err)
	}
	if code, page := answer(client.Get(at + "/audit")); code == 403 {
		t.Errorf("an admin does not see the audit: %d\n%s", code, page)
	}
	if err := os.WriteFile(users, []byte("bob:"+string(hash)+":viewer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload}); err != nil {
		t.Fatal(err)
	}
	if _, page := answer(client.Get(at + "/status")); !strings.Contains(page, "<h1>Log in</h1>") {
		t.Errorf("a user who is gone still sees a page:\n%s", page)
	}
	if line := s.waitLog(`"msg":"log-in"`, 1); !strings.Contains(line, `"user":"ann","address":"127.0.0.1","role":"viewer"`) {
		t.Errorf("logged %s", line)
	}
	if line := s.waitLog(`"msg":"configuration reloaded"`, 1); !strings.Contains(line, "web.users_file: 1 changed") || strings.Contains(line, string(hash)) {
		t.Errorf("logged %s", line)
	}
}

// TestWebExposed: the service logs at its start and at each reload that others can read the hashes
// of users, and nothing once they cannot.
func TestWebExposed(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := errors.Join(os.WriteFile(users, []byte("ann:"+string(hash)+":viewer\n"), 0o600), os.Chmod(users, 0o644)); err != nil {
		t.Fatal(err)
	}
	s, socket, file := startControlled(t, "[web]\nlisten = \"inet:127.0.0.1:0\"\nusers_file = \""+users+"\"\nusers = [\"bob:"+string(hash)+":admin\"]\n")
	reloads := 0
	reload := func(user, config os.FileMode) {
		t.Helper()
		reloads++
		if err := errors.Join(os.Chmod(users, user), os.Chmod(file, config)); err != nil {
			t.Fatal(err)
		}
		if _, err := asked[control.Reload](t, socket, control.Request{Do: control.DoReload}); err != nil {
			t.Fatal(err)
		}
	}
	// wants compares the lines before the next reload with texts, in order.
	wants := func(what string, texts ...string) {
		t.Helper()
		s.waitLog(`"msg":"configuration reloaded"`, reloads)
		n, seen := 0, 0
		for _, line := range s.log.All() {
			if strings.Contains(line, `"msg":"configuration reloaded"`) {
				if seen++; seen == reloads {
					break
				}
			}
			if !strings.Contains(line, `"msg":"others can read secrets of the web page, or write them"`) {
				continue
			}
			if n < len(texts) && !strings.Contains(line, texts[n]) || strings.Contains(line, string(hash)) {
				t.Errorf("%s: logged %s", what, line)
			}
			n++
		}
		if n != len(texts) {
			t.Errorf("%s: it is logged %d times, want %d", what, n, len(texts))
		}
	}
	const readable = "can be read by others or written by its group (mode 0644), who can guess passwords, or become an admin; run chmod 640 on it"
	const inside = `postvet.toml\" can be read by others (mode 0644), who can guess passwords`
	s.waitLog("others can read secrets", 1) // the start has looked
	reload(0o600, 0o644)
	wants("at the start", readable)
	reload(0o640, 0o640)
	wants("a configuration with users", readable, inside)
	reload(0o640, 0o640)
	wants("when nobody can", readable, inside)
}
