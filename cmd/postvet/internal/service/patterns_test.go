package service

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/metrics"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/failures"
	"github.com/postvet/postvet/policy/patterns"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// learning returns a daemon with a journal that learns.
func learning(t *testing.T, c *config.Config) *daemon {
	t.Helper()
	d := &daemon{log: &logger{Logger: zap.NewNop()}, metrics: metrics.New(metrics.Options{}), started: c, failures: failures.New()}
	d.state.Store(&state{config: c})
	d.openJournal(c)
	d.openPatterns()
	return d
}

// began is the time at which the tests began. They count days back from it, so that midnight adds
// none.
var began = time.Now()

// genuineMail returns a signed message of a domain that passes SPF, as it came some days ago.
func genuineMail(org string, days int) *filter.Decision {
	res := &result.Results{
		MailFrom: "ann@" + org, Client: result.ClientResult{IP: "192.0.2.1"}, Arrived: began.Add(-time.Duration(days) * 24 * time.Hour),
		SPF: []spf.Result{{Identity: spf.MailFrom, Domain: org, Status: spf.Pass}}, DKIM: []dkim.Result{{Domain: org, Status: dkim.Pass}},
		DMARC: dmarc.Result{Status: dmarc.Pass, OrganizationalDomain: org, SPFAligned: true, DKIMAligned: true},
	}
	res.Author.Domain = org
	return &filter.Decision{Results: res}
}

func failingMail(org string) *result.Results {
	res := &result.Results{Client: result.ClientResult{IP: "203.0.113.1"}, Arrived: time.Now(), DMARC: dmarc.Result{Status: dmarc.Fail, Disposition: dmarc.PolicyReject, OrganizationalDomain: org}}
	res.Author.Domain = org
	return res
}

// TestPatterns: what was learned outlives a restart, is used, and is forgotten when the admin
// says so. The configuration can turn it off, for one domain or for all.
func TestPatterns(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Journal.Directory = filepath.Join(t.TempDir(), "journal")
	for i := range 10 { // the learner keeps two days alone
		d := learning(t, c)
		for _, org := range []string{"a.example", "b.example"} {
			for range 5 {
				d.learn(genuineMail(org, i))
			}
		}
		d.closePatterns()
		d.closeJournal()
	}
	d := learning(t, c)
	defer d.closeJournal()
	defer d.closePatterns()
	knows := func(org string) result.Presence {
		return d.observer(c).Observe(failingMail(org), false).SignsAll.State
	}
	wait := func(org string, want result.Presence) {
		t.Helper()
		for range 6000 {
			if knows(org) == want {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s: %q, want %q", org, knows(org), want)
	}
	wait("a.example", result.Present)
	wait("b.example", result.Present)
	wait("c.example", "")
	if got := d.patterns.describe(); got == nil || *got != (control.Patterns{Domains: 2}) {
		t.Errorf("status: %+v", got)
	}
	if s := d.journalStats(); s.KnownDomains != 2 || s.KnownForwarders != 0 {
		t.Errorf("metrics: %d domains, %d forwarders", s.KnownDomains, s.KnownForwarders)
	}
	except := *c
	except.Policy.ObservedExcept.Set, _ = addrlist.New(addrlist.Names, "b.example")
	off := *c
	off.Policy.Observed = false
	for name, x := range map[string]struct {
		c    *config.Config
		org  string
		want result.Presence
	}{"another domain is an exception": {&except, "a.example", result.Present}, "an exception": {&except, "b.example", ""}, "off": {&off, "a.example", ""}} {
		if got := d.observer(x.c).Observe(failingMail(x.org), false).SignsAll.State; got != x.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	d.learn(genuineMail("a.example", 0)) // is not written again later
	if _, err := d.forget(t.Context(), rows.Query{Domain: "a.example"}); err != nil {
		t.Fatal(err)
	}
	wait("a.example", "")
	wait("b.example", result.Present)
	d.patterns.write()
	d.patterns.read(t.Context())
	if got := knows("a.example"); got != "" {
		t.Errorf("a domain that was forgotten: %q", got)
	}
}

// TestPatternsOfIgnoredMail: what the journal leaves out, or a configuration that is off,
// teaches nothing; nor is anything learned without a journal.
func TestPatternsOfIgnoredMail(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Journal.Directory = filepath.Join(t.TempDir(), "journal")
	c.Journal.Ignore.Set, _ = addrlist.New(addrlist.Names, "council.example.org")
	d := learning(t, c)
	defer d.closeJournal()
	defer d.closePatterns()
	ignored := genuineMail("a.example", 0)
	ignored.Results.Recipients = []string{"anna@council.example.org"}
	d.learn(ignored)
	off := *c
	off.Policy.Observed = false
	d.state.Store(&state{config: &off})
	d.learn(genuineMail("a.example", 0))
	if got := d.patterns.learner.Take(patterns.DayOf(time.Now())); got != nil {
		t.Errorf("%+v", got)
	}
	without := learning(t, config.Default())
	without.learn(genuineMail("a.example", 0))
	without.patterns.forget("a.example")
	without.patterns.readAgain()
	without.closePatterns()
	if o := without.observer(c).Observe(failingMail("a.example"), false); o.SignsAll.State != "" || o.FailedDomains != 1 {
		t.Errorf("%+v", o)
	}
}

// TestPatternsThatCannotBeWritten wait in bounded memory, and are written later.
func TestPatternsThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := &observedPatterns{dir: filepath.Join(t.TempDir(), "absent"), log: zap.NewNop()}
	for i := range 3 {
		p.learner.Learn(genuineMail(fmt.Sprintf("d%d.example", i), 0).Results, nil)
		p.write()
	}
	if len(p.pending) != 6 || !p.failing {
		t.Fatalf("%d rows wait, failing: %v", len(p.pending), p.failing)
	}
	p.dir = t.TempDir()
	p.write()
	if len(p.pending) != 0 || p.failing {
		t.Errorf("%d rows wait, failing: %v", len(p.pending), p.failing)
	}
	p.pending = make([]patterns.Row, maxPending+10)
	p.dir = filepath.Join(p.dir, "absent")
	if p.write(); len(p.pending) != maxPending {
		t.Errorf("%d rows wait", len(p.pending))
	}
}
