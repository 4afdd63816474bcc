package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// fillTwoDays writes 100 messages of three days ago and 100 of just now, and returns an old one
// that was not plainly accepted.
func fillTwoDays(t *testing.T, dir string) (old *rows.Row) {
	t.Helper()
	m := newMailbag()
	for _, age := range []time.Duration{72 * time.Hour, 0} {
		store, err := sqlite.Open(sqlite.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: store, Every: time.Hour})
		for n := range 100 {
			row := m.row(time.Now().Add(-age - time.Duration(100-n)*time.Millisecond))
			if r.Add(row); old == nil && row.Class() == rows.Rest {
				old = row
			}
		}
		r.Close(context.Background())
	}
	return old
}

// The pages that read messages, those that read counts, and those that say how all is.
const (
	readsOld   = "/messages?action=reject /messages?q=company0.example /held /messages/OLD /domains/company0.example"
	readsToday = "/messages /messages?action=reject /messages?q=company0.example /held /domains/company0.example"
	readsCount = "/domains /domains/company0.example /forwarders /own /"
	overviews  = "/ /status"
	tells      = "cannot be read|was set aside"
	late       = tells + "|[Ss]earched back to|not found in time"
	seen       = "Files of the journal are damaged|Files with a problem"
)

// says are words that pages must have, as a regular expression, the pages separated by blanks.
type says struct{ pages, words string }

// damages are the states of a journal. OLD and TODAY are days in the names of files.
var damages = []struct {
	file, way string
	want      []says
}{
	{"OLD.rest.db", "foreign", []says{{readsOld, tells}, {overviews, seen}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "middle", []says{{readsOld, tells}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "short", []says{{readsOld, tells}, {overviews, seen}, {"/status", "it was cut short"}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "empty", []says{{readsOld, tells}, {overviews, seen}, {"/status", "it is empty, although its day is over"}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "locked", []says{{readsOld, late}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "unreadable", []says{{readsOld, tells}, {overviews, seen}, {"/status", "permission denied"}, {"POST", "OLD.rest.db could not be read"}}},
	{"OLD.rest.db", "aside", []says{{readsOld, tells}, {overviews, seen}, {"POST", "OLD.rest.db.damaged-1 could not be read"}}},
	{"OLD.accepted.db", "foreign", []says{{"/messages?q=company0.example /domains/company0.example", tells}, {overviews, seen}, {"POST", "OLD.accepted.db could not be read"}}},
	{"TODAY.rest.db", "foreign", []says{{readsToday, tells}, {overviews, seen}}},
	{"TODAY.rest.db", "middle", []says{{readsToday, tells}}},
	{"TODAY.rest.db", "short", []says{{readsToday, tells}, {overviews, seen}}},
	{"TODAY.rest.db", "locked", []says{{readsToday, late}}},
	{"TODAY.rest.db", "unreadable", []says{{readsToday, tells}, {overviews, seen}}},
	{"TODAY.rest.db", "aside", []says{{readsToday, tells}, {overviews, seen}}},
	{"state.db", "foreign", []says{{readsCount, tells}, {"/status", seen}}},
	{"state.db", "middle", []says{{readsCount, tells}, {"/status", seen}}},
	{"state.db", "short", []says{{readsCount, tells}, {"/status", seen}}},
	{"state.db", "locked", []says{{readsCount, tells}}},
	{"state.db", "unreadable", []says{{readsCount, tells}, {"/status", seen}}},
	{"", "off", []says{{"/ /status", "keeps no journal|There is no journal"}, {readsOld + " /domains /forwarders /own POST", "No journal is kept"}}},
	{"", "counts", []says{{"/messages /held /messages/OLD", "Messages are only counted"}}},
	{"", "nothing", []says{{"/messages /messages/OLD /held", "The journal is empty"}, {"/domains /forwarders /domains/company0.example", "Nothing is counted yet"}, {"POST", "The journal has no message"}, {"/", "No mail came today"}, {"/status", "none yet"}}},
	{"", "whole", []says{{readsOld + " /messages /domains /forwarders", "company0.example|OLDREF|Networks"}, {overviews, "All is well|works"}}},
}

// TestWebOfDamagedJournal: each page that reads a damaged file of the journal says so, whatever the
// damage is, and answers in time. Pages that read no such file work as before.
func TestWebOfDamagedJournal(t *testing.T) {
	t.Parallel()
	withinDay(t, 2*time.Minute)
	whole := t.TempDir()
	old := fillTwoDays(t, whole)
	names := strings.NewReplacer("OLDREF", old.Ref.String(), "/messages/OLD", "/messages/"+old.Ref.String(), "OLD", old.Ref.Time().UTC().Format(time.DateOnly), "TODAY", time.Now().UTC().Format(time.DateOnly))
	for _, x := range damages {
		t.Run(strings.TrimSpace(x.file+" "+x.way), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := filepath.Join(dir, "j")
			if err := os.CopyFS(at, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			config := fmt.Sprintf("[journal]\ndirectory = %q\nmin_free = 0\n", at)
			switch x.way {
			case "off":
				config = ""
			case "counts":
				config += "privacy = \"counts\"\n"
			case "nothing":
				if err := os.RemoveAll(at); err != nil {
					t.Fatal(err)
				}
			case "whole":
			default:
				damage(t, filepath.Join(at, names.Replace(x.file)), x.way)
			}
			w := serveWebOf(t, dir, config, x.way == "unreadable")
			for _, s := range x.want {
				wanted := regexp.MustCompile(names.Replace(s.words))
				for page := range strings.FieldsSeq(s.pages) {
					within := 10 * time.Second
					if x.file == "state.db" && x.way == "locked" {
						within = 2 * time.Second // 0.3 s on a machine that does nothing else
					}
					// A busy machine may not read all within the time of a page. It may at another try,
					// or if the page waits longer.
					for try := 1; ; try++ {
						began := time.Now()
						body := w.body(longer(names.Replace(page), try%2 == 0))
						took := time.Since(began)
						if took <= within && wanted.MatchString(body) {
							break
						}
						if try%2 == 1 && page != "POST" && !wanted.MatchString(body) && !hurried.MatchString(body) {
							t.Errorf("%s says neither %q nor that its time is over:\n%s", page, wanted, body)
							break
						}
						if try == 10 {
							t.Errorf("%s takes %v, or does not say %q:\n%s", page, took, wanted, body)
							break
						}
					}
				}
			}
			for _, page := range []string{"/live", "/fleet", "/keys", "/about"} {
				w.get(page)
			}
		})
	}
}

// serveWebOf runs a service with a web page. If bound is set, it may read no file against its mode,
// as root may.
func serveWebOf(t *testing.T, dir, config string, bound bool) *webClient {
	t.Helper()
	socket, err := os.MkdirTemp("", "pd") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(socket) })
	file := filepath.Join(dir, "postvet.toml")
	writeConfig(t, file, controlled(socket, testResolver(t))+config+"[web]\nlisten = \"unix:"+socket+"/w\"\n[policy]\nown_domains = [\"company3.example\"]\n")
	s := &serveProcess{t: t, cmd: exec.Command("postvet", "serve", "--config", file)}
	if bound && os.Geteuid() == 0 {
		path, err := exec.LookPath("setpriv")
		if err != nil {
			t.Skip("root reads all files, and there is no setpriv")
		}
		s.cmd = exec.Command(path, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search", "postvet", "serve", "--config", file)
	}
	s.start().waitLog(`"msg":"serving"`, 1)
	return newWebClient(t, filepath.Join(socket, "w"))
}

// body returns a page, whatever its status; for "POST" the answer to the form of the policy.
func (w *webClient) body(page string) string {
	w.t.Helper()
	if page == "POST" {
		r, err := w.client.PostForm("http://postvet/policy", url.Values{"token": {w.token("/policy")}, "rules": {"[policy]\ndmarc = \"mark\"\n"}, "days": {"7"}})
		if err != nil {
			w.t.Fatal(err)
		}
		return w.read(page, r.StatusCode, r, nil)
	}
	r, err := w.client.Get("http://postvet" + page)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// hurried matches a page that has not read all in its time.
var hurried = regexp.MustCompile(`Read the rest too|Go on with|in the time of a page|in time|"complete": false`)

// longer returns a page that may search and count for longer, if is is true.
func longer(page string, is bool) string {
	switch {
	case !is || page == "POST" || strings.Contains(page, "wait=long"):
		return page
	case strings.Contains(page, "?"):
		return page + "&wait=long"
	}
	return page + "?wait=long"
}

// damage damages a file in a way.
func damage(t *testing.T, path, way string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	switch way {
	case "foreign":
		err = os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600)
	case "middle": // of the file, and all that follows: an octet at the beginning of each page
		f, openErr := os.OpenFile(path, os.O_RDWR, 0)
		if openErr != nil {
			t.Fatal(openErr)
		}
		defer f.Close()
		for at := info.Size() / 2 / 4096 * 4096; at < info.Size() && err == nil; at += 4096 {
			_, err = f.WriteAt([]byte{0xff}, at)
		}
	case "short":
		err = os.Truncate(path, info.Size()/2)
	case "empty":
		err = os.Truncate(path, 0)
	case "unreadable":
		err = os.Chmod(path, 0)
	case "aside":
		err = os.Rename(path, path+".damaged-1")
	case "locked":
		lockDatabase(t, path)
	default:
		t.Fatalf("there is no damage %q", way)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lockDatabase holds an exclusive lock on a database until the test ends.
func lockDatabase(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	for _, s := range []string{"PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}
