package control

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// busy returns a status in which every part has something to show.
func busy() Status {
	until := noon.Add(9*time.Minute + 30*time.Second)
	s := Status{
		Postvet: "postvet 1.2.3 go1.26 linux/amd64", PID: 4711, Started: noon.Add(-52 * time.Hour), UptimeSeconds: (52 * time.Hour).Seconds(),
		State: StateServing, Mode: "enforce", AuthservID: "mx.example.org",
		Listeners: []string{"unix:postvet/postvet.sock", "unix:/run/postvet/postvet.sock", "inet:127.0.0.1:8890"},
		Sessions:  Sessions{Open: 12, Busy: 3, Limit: 1000, Total: 45678},
		Messages: Messages{
			Total: Totals{Accept: 123456, Quarantine: 12, Reject: 3456, TempFail: 78, Redirect: 2, Discard: 1},
			PerMinute: PerMinute{
				Last1:  Rate{Accept: 41.2, Reject: 3},
				Last5:  Rate{Accept: 39.96, Quarantine: 0.2, Reject: 2.4},
				Last15: Rate{Accept: 40.1, Quarantine: 0.1, Reject: 2.6, TempFail: 0.1},
			},
			Would: Totals{Quarantine: 4, Reject: 1230, TempFail: 1}, Aborted: 5, Undelivered: 1, Shadowed: 1000, ShadowDiffers: 7,
		},
		Config: Config{File: "/etc/postvet/postvet.toml", Loaded: noon.Add(-3 * time.Hour)},
		Log:    LogLevel{Level: "debug", Configured: "info", Until: &until},
	}
	s.DNS = DNS{InFlight: 1, Upstreams: []Upstream{
		{Address: "127.0.0.1:53", Queries: 9001, Failures: 3, Timeouts: 1, LatencyMS: 1.234, Retransmitted: 17, Lost: 15, RetransmitAfterMS: 21.3, Refused: 40, InFlight: 1, ConcurrencyLimit: 105, Waited: 312, StreamQueries: 25, Resent: 2, OpenConnections: 1, MostConnections: 3, WithoutEDNS: true, WithoutRandomCase: true},
		{Address: "[2001:db8::53]:53", Queries: 12, Failures: 12, Timeouts: 12, BackOff: true},
		{Address: "tls://192.0.2.53:853#dns.example.org", Queries: 4, Failures: 4, BackOff: true, Certificate: "the certificate of dns.example.org has expired at 2026-11-28T09:00:00Z; renew it on the resolver"},
	}}
	s.Keys = &Keys{ByState: map[string]int{"active": 3, "pending": 1, "gone": 0}, Next: "2026a._domainkey.example.org", NextAt: noon.Add(50 * time.Hour)}
	s.Watch = &Domains{ByVerdict: map[string]int{"sound": 12, "faulty": 12, "waiting": 1}, Errors: 16, Faulty: []Faulty{{"example.org", 3}, {"example.net", 1}}, LastCheck: noon.Add(-17 * time.Minute)}
	s.Journal = &JournalState{Directory: "/var/lib/postvet/journal", Running: true, Dropped: map[string]int64{"accepted": 0, "rest": 0}}
	s.Cache = Cache{Entries: 8123, Bytes: 9 << 20, Limit: 64 << 20, Lookups: 100000, Hits: 90000, HitRatio: 0.9, Evicted: 4}
	return s
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80, 132} {
		text := busy().Text(noon, width)
		golden(t, fmt.Sprintf("status-%d.txt", width), text)
		for line := range strings.Lines(text) {
			if n := len([]rune(line)) - 1; n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
		}
	}
	bad := busy()
	bad.State, bad.Drain = StateDraining, &Drain{Since: noon.Add(-5 * time.Second), Until: noon.Add(55 * time.Second)}
	bad.DNS.Degraded = true
	bad.Keys = &Keys{ByState: map[string]int{"active": 1}, Unpublished: 2, Lost: []string{"a._domainkey.example.org"}, NotBegun: 1, Next: "b._domainkey.example.org", NextAt: noon}
	bad.Config.LastReload = &Reloaded{At: noon.Add(-90 * time.Second), Errors: []string{`/etc/postvet/postvet.toml:7: mode: "x" is not known; write "enforce" or "monitor"`, "two", "three"}}
	bad.Watch = &Domains{ByVerdict: map[string]int{"undetermined": 1}, Unsaved: "open /var/lib/postvet/watch.json.new: read-only file system", Unsent: "451 not\x1b[2J now"}
	bad.Journal = &JournalState{Directory: "/j", Problem: "mkdir /j: permission\x1b[2J denied"}
	bad.Config.NeedsRestart = []string{"listen", "socket.mode"}
	golden(t, "status-trouble.txt", bad.Text(noon, 80))
}

// TestDNSState: the word for the DNS is never better than the state of its resolvers.
func TestDNSState(t *testing.T) {
	t.Parallel()
	good, fails, refused := Upstream{Queries: 9}, Upstream{Queries: 9, BackOff: true}, Upstream{Certificate: "expired"}
	for _, tc := range []struct {
		name        string
		dns         DNS
		word, wrong string
	}{
		{"one works", DNS{Upstreams: []Upstream{good}}, "works", ""},
		{"not asked", DNS{Upstreams: []Upstream{{}}}, "not asked yet", ""},
		{"one of two asked", DNS{Upstreams: []Upstream{good, {}}}, "works", ""},
		{"one of two fails", DNS{Upstreams: []Upstream{good, fails}}, "works", "1 of 2 resolvers fail"},
		{"the only one fails", DNS{Upstreams: []Upstream{fails}}, "fails", "no resolver answered the last queries"},
		{"both fail", DNS{Upstreams: []Upstream{fails, refused}}, "fails", "no resolver answered the last queries"},
		{"down", DNS{Degraded: true, Upstreams: []Upstream{good, fails}}, "down", "lookups of all names fail"},
	} {
		if word, wrong := tc.dns.State(); word != tc.word || wrong != tc.wrong {
			t.Errorf("%s: %q, %q, want %q, %q", tc.name, word, wrong, tc.word, tc.wrong)
		}
	}
}

func TestJournalStateText(t *testing.T) {
	t.Parallel()
	for want, j := range map[string]JournalState{
		"is written to /j": {Directory: "/j", Running: true},
		"is written to /j; LACKS 5 messages since the start":                                    {Directory: "/j", Running: true, Dropped: map[string]int64{"accepted": 2, "rest": 3}},
		"NOT WRITTEN at present: disk full; LACKS 1 message since the start":                    {Directory: "/j", Running: true, Problem: "disk full", Dropped: map[string]int64{"rest": 1}},
		"NOT OPENED, so that nothing is remembered: mkdir; mend that, then restart the service": {Directory: "/j", Problem: "mkdir"},
		"off, as journal.privacy says":                                                          {Directory: "/j"},
	} {
		if got := j.text(); got != want {
			t.Errorf("%+v: %q, want %q", j, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59400 * time.Millisecond: "59s", 59600 * time.Millisecond: "1m 0s",
		61 * time.Minute: "1h 1m", 49 * time.Hour: "2d 1h",
	} {
		if got := short(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
