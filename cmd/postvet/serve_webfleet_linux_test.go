package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/keyservers"
)

// hereAsLate and hereAsAway are what a page with numbers of this node alone says.
const (
	hereAsLate = "of this node alone, as the database of all nodes did not answer in time."
	hereAsAway = "of this node alone, as the database of all nodes is away: the database cannot be reached"
)

// fleetPages are the pages that ask the database of all nodes, with the texts that each has while
// the database works, while it hangs, and while it is away.
var fleetPages = []struct {
	path, works, hangs, away string
	status                   int // while it hangs or is away
}{
	{"/", "The numbers are of 1 node", hereAsLate, hereAsAway, 200},
	{"/domains", "The numbers are of 1 node", hereAsLate, hereAsAway, 200},
	{"/domains?node=mx7", "The numbers are of the node mx7", hereAsLate, hereAsAway, 200},
	{"/domains/good.example", "The numbers are of 1 node", hereAsLate, hereAsAway, 200},
	{"/forwarders", "The numbers are of 1 node", hereAsLate, hereAsAway, 200},
	{"/own", "no report about good.example has come", hereAsLate, hereAsAway, 200},
	{"/messages?fleet=1", "evil.example", "The database of all nodes did not answer in time", "The database of all nodes does not answer", 503},
	{"/fleet", "mx7", "The database of all nodes did not answer in time", "The database of all nodes cannot be asked at present", 200},
	{"/reports/in", "No report of others has come", "The store of reports", "The store of reports", 503},
	{"/reports/sent", "No report was sent yet", "The store of reports", "The store of reports", 503},
	{"/status", "Database of all nodes", "Database of all nodes", "Database of all nodes", 200},
}

// pageBound is how long a page may take beside other tests. Each page waits for the database
// for some seconds at most.
const pageBound = 9 * time.Second

// TestWebFleetAway opens each page that asks PostgreSQL while that works, while it hangs, and
// while it is stopped. Each answers in time and says what it does not show, and all show it
// again soon after the server has come back. A reload has the DSN read again.
func TestWebFleetAway(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	dir := t.TempDir()
	web, dsn := filepath.Join(dir, "w"), filepath.Join(dir, "dsn")
	if err := os.WriteFile(dsn, []byte(server.NetworkDSN("postgres")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, socket, _ := startControlled(t, "[journal]\ndirectory = \""+dir+"/j\"\nnode = \"mx7\"\nauto_migrate = true\npostgres = \"file:"+dsn+"\"\n"+
		"[web]\nlisten = \"unix:"+web+"\"\n[policy]\nown_domains = [\"good.example\"]\n[report]\ninbox = [\"dmarc@good.example\"]\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	send := func() { m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))) }
	send()
	w := newWebClient(t, web)
	type answer struct {
		status int
		body   string
		err    error
		took   time.Duration
	}
	get := func(path string) answer {
		began := time.Now()
		r, err := w.client.Get("http://postvet" + path)
		if err != nil {
			return answer{err: err}
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		return answer{r.StatusCode, string(body), err, time.Since(began)}
	}
	recovered := func(after string) {
		t.Helper()
		for _, p := range fleetPages {
			for end, slow := time.Now().Add(patience/2), false; ; time.Sleep(100 * time.Millisecond) {
				a := get(longer(p.path, slow)) // a busy machine has not all in the time of a page
				slow = !slow
				if a.err == nil && a.status == http.StatusOK && strings.Contains(a.body, p.works) && !strings.Contains(a.body, "is away") && !strings.Contains(a.body, "all nodes did not answer in time") {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("%s: %s does not say %q: %v\n%s", after, p.path, p.works, a.err, a.body)
				}
			}
		}
	}
	recovered("at the start")
	for _, x := range []struct {
		what       string
		away, back func()
		hangs      bool
	}{
		{"the server hangs", signalled(t, server.Hang), signalled(t, server.Resume), true},
		{"the server is stopped", server.Stop, server.Start, false},
	} {
		x.away()
		send() // otherwise nothing is to be sent to the database for half a minute
		answers := make([]answer, len(fleetPages))
		var all sync.WaitGroup
		for i, p := range fleetPages { // at once: each waits for the server
			all.Go(func() { answers[i] = get(p.path) })
		}
		all.Wait()
		for i, p := range fleetPages {
			want := p.away
			if x.hangs {
				want = p.hangs
			}
			// On a busy machine a page may get nothing in its time. It is read again, alone and with more.
			for try := 1; ; try++ {
				a := answers[i]
				t.Logf("%s: %s in %s", x.what, p.path, a.took.Round(time.Millisecond))
				if a.err == nil && a.status == p.status && strings.Contains(a.body, want) && a.took <= pageBound {
					break
				}
				if try == 10 {
					t.Errorf("%s: %s is %d after %s and does not say %q: %v\n%s", x.what, p.path, a.status, a.took, want, a.err, a.body)
					break
				}
				answers[i] = get(longer(p.path, try%2 == 1))
			}
		}
		x.back()
		recovered("after " + x.what)
	}
	s.waitLog("the journal is sent to PostgreSQL again", 1)

	// A reload closes the open connections, as the file has another DSN now.
	if err := os.WriteFile(dsn, []byte(server.NetworkDSN("nowhere")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGHUP)
	s.waitLog("configuration reloaded", 1)
	for end := time.Now().Add(patience / 2); ; time.Sleep(100 * time.Millisecond) {
		a := get("/fleet?wait=long")
		if a.err == nil && strings.Contains(a.body, "create the database") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after a reload: %v\n%s", a.err, a.body)
		}
	}
}

// signalled returns a function that signals a server.
func signalled(t *testing.T, signal func() error) func() {
	return func() {
		if err := signal(); err != nil {
			t.Fatal(err)
		}
	}
}
