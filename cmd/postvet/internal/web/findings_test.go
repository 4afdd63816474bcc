package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// wellFacts are those of a service that does well.
func wellFacts() Facts {
	return Facts{
		Status: control.Status{
			State: control.StateServing, Mode: "enforce", Started: testNow.Add(-time.Hour), Listeners: []string{"unix:postvet/postvet.sock"},
			Sessions: control.Sessions{Open: 3, Limit: 1000},
			Messages: control.Messages{Total: control.Totals{Accept: 100, Reject: 5}},
			DNS:      control.DNS{Upstreams: []control.Upstream{{Address: "192.0.2.53:53", Queries: 10}}},
		},
		Journal: control.Journal{Directory: "/j", Running: true, Files: []rows.File{{Name: "2026-11-29.rest", Day: testNow}}},
		Held:    Held{Today: 3, PerDay: 1000, PerDomain: 100},
		Disk:    &Disk{Free: 50 << 30, Total: 100 << 30, Least: 5},
		Policy:  InForce{Mode: "This is carried out.", Sentences: []string{"Mail is refused."}},
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		change func(*Facts)
		want   string // names with their levels, in order
		texts  []string
	}{
		{"all is well", func(*Facts) {}, "", nil},
		{"DNS down", func(f *Facts) { f.Status.DNS.Degraded = true }, "bad dns-down", []string{"deferred meanwhile, not refused"}},
		{
			"one resolver of two fails", func(f *Facts) {
				f.Status.DNS.Upstreams = append(f.Status.DNS.Upstreams, control.Upstream{Address: "192.0.2.54:53", Queries: 9, Failures: 8, Timeouts: 7, BackOff: true})
			}, "warn resolver-failing", []string{"1 of 2 DNS resolvers", "192.0.2.54:53 fails: 8 of 9 queries, of which 7 timed out"},
		},
		{"no resolver answered lately", func(f *Facts) { f.Status.DNS.Upstreams[0].BackOff = true }, "warn resolvers-failing", []string{"answered the last queries", "unless these were queries for one domain"}},
		{"all resolvers fail", func(f *Facts) { f.Status.DNS.Upstreams[0].Certificate = "expired" }, "bad resolvers-failing", []string{"192.0.2.53:53 is not asked: expired"}},
		{"faults", func(f *Facts) { f.Status.Messages.Faults = 2 }, "bad faults", []string{"2 messages"}},
		{"undelivered, few", func(f *Facts) { f.Status.Messages.Undelivered = 5 }, "", nil},
		{"undelivered, many", func(f *Facts) { f.Status.Messages.Undelivered = 6 }, "warn undelivered", nil},
		{"connections", func(f *Facts) { f.Status.Sessions.Open = 900 }, "warn connections", []string{"900 of at most 1000"}},
		{"not ready", func(f *Facts) { f.Status.NotReady = []string{"No DNS resolver answers."} }, "warn not-ready", []string{"No DNS resolver answers."}},
		{"stopping", func(f *Facts) { f.Status.Drain = &control.Drain{} }, "warn stopping", nil},
		{
			"reload refused", func(f *Facts) {
				f.Status.Config.LastReload = &control.Reloaded{At: testNow.Add(-5 * time.Minute), Errors: []string{"postvet.toml:3: mode: bad"}}
			}, "bad reload-refused", []string{"5 minutes ago", "postvet.toml:3: mode: bad", "postvet reload"},
		},
		{"reload done", func(f *Facts) { f.Status.Config.LastReload = &control.Reloaded{At: testNow} }, "", nil},
		{"restart", func(f *Facts) { f.Status.Config.NeedsRestart = []string{"listen"} }, "warn needs-restart", []string{"listen"}},
		{
			"expired and ending", func(f *Facts) {
				f.Status.Config.Expired, f.Expired, f.Ending = 1, []string{"a:1: x"}, []string{"a:2: y"}
			},
			"warn expired; warn ending",
			[]string{"a:1: x", "a:2: y"},
		},
		{
			"keys", func(f *Facts) {
				f.Status.Keys = &control.Keys{Unpublished: 1, Lost: []string{"s1._domainkey.example.org"}, NotBegun: 2}
			}, "bad key-unpublished; warn rotation-not-begun", []string{"1 key ", "s1._domainkey.example.org", "2 domains"},
		},
		{
			"no key signs", func(f *Facts) {
				f.Status.Keys = &control.Keys{ByState: map[string]int{"pending": 2}}
			}, "bad key-pending", []string{"does not show 2 keys", "/keys#records"},
		},
		{"a new key beside one that signs", func(f *Facts) { f.Status.Keys = &control.Keys{ByState: map[string]int{"pending": 1, "active": 1}} }, "", nil},
		{"keys that are well", func(f *Facts) { f.Status.Keys = &control.Keys{} }, "", nil},
		{
			"own domain", func(f *Facts) {
				f.Status.Watch = &control.Domains{Errors: 2, Faulty: []control.Faulty{{Domain: "example.org", Errors: 2}}, Unsent: "refused", Unsaved: "full"}
			}, "bad own-domain-errors; warn watch-unsaved; warn watch-unsent", []string{"example.org: 2 errors", "/domains/example.org?dns=yes#dns", "refused", "full"},
		},
		{
			"own domains that could not be looked up", func(f *Facts) {
				f.Status.Watch = &control.Domains{ByVerdict: map[string]int{"undetermined": 2, "sound": 1}}
			}, "warn own-domain-unknown", []string{"2 domains", "/status#dns"},
		},
		{"journal off", func(f *Facts) { f.Journal = control.Journal{}; f.Disk = nil }, "", nil},
		{"journal not opened", func(f *Facts) { f.Journal.Running, f.Journal.Problem = false, "locked" }, "bad journal-closed", []string{"locked"}},
		{
			"journal failing and dropping", func(f *Facts) {
				f.Journal.Problem, f.Journal.Dropped = "no space left", map[string]int64{"rest": 3, "accepted": 0}
			}, "bad journal-failing; warn journal-dropped", []string{"no space left", "3 messages", "rest: 3"},
		},
		{"journal damaged", func(f *Facts) { f.Journal.Files[0].Problem = "malformed" }, "bad journal-damaged", []string{"2026-11-29.rest: malformed"}},
		{"disk full", func(f *Facts) { f.Disk.Free = 4 << 30 }, "bad disk-full", []string{"4.0 GiB of 100.0 GiB", "Below 5 %"}},
		{"disk low", func(f *Facts) { f.Disk.Free = 9 << 30 }, "warn disk-low", nil},
		{
			"PostgreSQL away", func(f *Facts) {
				f.Journal.Shipping = &control.Shipping{Problem: "refused", Since: testNow.Add(-10 * time.Minute), LagSeconds: 600}
			}, "warn fleet-away", []string{"for 10 minutes", "refused"},
		},
		{"PostgreSQL away for long", func(f *Facts) {
			f.Journal.Shipping = &control.Shipping{Problem: "refused", Since: testNow.Add(-2 * time.Hour), Lost: map[string]int64{"rest": 7}}
		}, "bad fleet-away; bad fleet-lost", []string{"7 messages"}},
		{"lagging", func(f *Facts) { f.Journal.Shipping = &control.Shipping{LagSeconds: 301} }, "warn fleet-lagging", []string{"5 minutes behind"}},
		{"not lagging", func(f *Facts) { f.Journal.Shipping = &control.Shipping{LagSeconds: 299} }, "", nil},
		{
			"reports", func(f *Facts) {
				f.Counting = &Counting{Problem: "locked", Dropped: 4}
				f.Sending = &Sending{Problem: "no key", Bounced: 1, Waiting: testNow.Add(-27 * time.Hour)}
			}, "bad reports-uncounted; bad reports-failing; warn reports-incomplete; warn reports-waiting; warn reports-bouncing", []string{"27 hours", "no key", "1 DMARC report bounced"},
		},
		{"reports that are well", func(f *Facts) {
			f.Counting, f.Sending = &Counting{}, &Sending{Here: true, Waiting: testNow.Add(-25 * time.Hour)}
		}, "", nil},
		{"held at the cap", func(f *Facts) { f.Held.Today, f.Held.OverDomain = 1000, 3 }, "bad held-cap", []string{"(1000)"}},
		{"held near the cap", func(f *Facts) { f.Held.Today = 900 }, "warn held-cap-near", nil},
		{"held without a cap", func(f *Facts) { f.Held = Held{Today: 9999} }, "", nil},
		{"held of a domain", func(f *Facts) { f.Held.OverDomain = 3 }, "warn held-domain-cap", []string{"3 messages"}},
		{"patterns", func(f *Facts) { f.PatternsUnwritten = true }, "warn patterns-unwritten", nil},
	} {
		f := wellFacts()
		tc.change(&f)
		var names, all []string
		for _, x := range findingsOf(&f, testNow) {
			names = append(names, x.Level+" "+x.Name)
			all = append(all, x.Text, x.Do, x.Path, strings.Join(x.Details, "\n"))
			if x.Text == "" || x.Do == "" || !strings.HasPrefix(x.Path, "/") || x.Details == nil {
				t.Errorf("%s: %+v says too little", tc.name, x)
			}
		}
		if got := strings.Join(names, "; "); got != tc.want {
			t.Errorf("%s: found %q, want %q", tc.name, got, tc.want)
		}
		holds(t, tc.name, strings.Join(all, "\n"), tc.texts...)
	}
}

// TestFindingsBounded: a configuration with many faults makes no endless page.
func TestFindingsBounded(t *testing.T) {
	t.Parallel()
	f := wellFacts()
	f.Status.Config.LastReload = &control.Reloaded{At: testNow, Errors: slices.Repeat([]string{strings.Repeat("x", 10_000)}, 1000)}
	all := findingsOf(&f, testNow)
	if n := len(all[0].Details); n != maxDetails+1 || all[0].Details[maxDetails] != "and 980 more" || len(all[0].Details[0]) > 510 {
		t.Errorf("%d details, the first of %d octets, the last %q", n, len(all[0].Details[0]), all[0].Details[n-1])
	}
}

func TestOwnDomainFindings(t *testing.T) {
	t.Parallel()
	line := func(name string, failed, before int64) counts.Line {
		l := counts.Line{Name: name}
		l.Sums[counts.Failed], l.Former[counts.Failed] = failed, before
		return l
	}
	lines := []counts.Line{line("example.org", 40, 9), line("other.example", 500, 0), line("few.example", 4, 0), line("known.example", 40, 11)}
	got := ownDomainFindings([]string{"mail.example.org", "few.example", "known.example"}, lines)
	if len(got) != 1 || got[0].Path != "/domains/example.org?range=day" || !strings.Contains(got[0].Text, "40 messages, 9 in") {
		t.Errorf("%+v", got)
	}
}
