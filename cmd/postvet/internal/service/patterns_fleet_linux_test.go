package service

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/contrib/keyservers"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// TestPatternsOfFleet: two nodes that get half of the mail each know the whole, until the
// database is away. What is replayed to one of them changes nothing.
func TestPatternsOfFleet(t *testing.T) {
	t.Parallel()
	server := keyservers.PostgreSQL(t, "secret")
	var nodes []*config.Config
	for _, name := range []string{"mx1", "mx2"} {
		c := config.Default()
		c.Journal.Directory = filepath.Join(t.TempDir(), "journal")
		c.Journal.Node, c.Journal.AutoMigrate = name, true
		c.Journal.Postgres = server.DSN("postgres")
		nodes = append(nodes, c)
	}
	for i := range 10 { // a node is restarted after each day
		d := learning(t, nodes[i%2])
		for range 5 {
			d.learn(genuineMail("a.example", i))
		}
		if i%2 == 1 {
			replayed := genuineMail("a.example", i)
			replayed.Results.Client.IP = "203.0.113.1"
			replayed.Results.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "a.example", Status: spf.Fail}}
			replayed.Results.DMARC.SPFAligned = false
			unsigned := failingMail("a.example")
			unsigned.DMARC.Status = dmarc.Fail
			d.patterns.learner.Learn(replayed.Results, nil)
			d.patterns.learner.Learn(unsigned, nil)
		}
		d.closePatterns()
		d.closeJournal()
	}
	knows := func(d *daemon, c *config.Config) result.Presence {
		return d.observer(c).Observe(failingMail("a.example"), false).SignsAll.State
	}
	for _, c := range nodes {
		d := learning(t, c)
		d.patterns.read(t.Context())
		if got := knows(d, c); got != result.Present {
			t.Errorf("%s: %q", c.Journal.Node, got)
		}
		k, ok := d.patterns.known.Load().Domain("a.example")
		if _, forwarders := d.patterns.known.Load().Size(); !ok || k.Passes != 50 || k.Days != 10 || k.Unsigned != 0 || forwarders != 0 {
			t.Errorf("%s: %+v, %d forwarders", c.Journal.Node, k, forwarders)
		}
		server.Kill()
		d.patterns.read(t.Context())
		if got := knows(d, c); got != "" || !d.patterns.fleet.away.Load() {
			t.Errorf("%s, the database is away: %q", c.Journal.Node, got)
		}
		server.Start()
		waitFor(t, func() bool {
			d.patterns.read(t.Context())
			return knows(d, c) == result.Present && !d.patterns.fleet.away.Load()
		})
		d.closePatterns()
		d.closeJournal()
	}
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for range 1200 {
		if holds() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("it takes too long")
}
