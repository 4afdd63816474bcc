package service

import (
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// liveDaemon returns a daemon that shows mail as it comes, and a decision.
func liveDaemon(privacy rows.Level) (*daemon, *filter.Decision) {
	c := config.Default()
	c.Journal.Privacy = privacy
	d := &daemon{started: c, live: &live.Ring{}}
	return d, &filter.Decision{
		Recipients: 2, Ended: time.Date(2026, 11, 29, 16, 0, 0, 0, time.UTC),
		Results: &result.Results{
			Reference: 1 << 30, MailFrom: "Ann@lists.example.org", Recipients: []string{"user@example.net", "x@example.net"}, Author: message.Author{Domain: "example.org"},
			DMARC: dmarc.Result{Status: dmarc.Fail},
		},
		Verdict: result.Verdict{Action: result.Accept, Intended: result.Reject, Monitored: true, Rule: result.RuleDMARCReject, Hints: []result.Hint{{Word: result.HintList}}},
	}
}

// TestShowLive: people who watch see no more of an address than the journal may keep.
func TestShowLive(t *testing.T) {
	t.Parallel()
	for level, want := range map[rows.Level][2]string{
		rows.Addresses: {"Ann@lists.example.org", "user@example.net"},
		rows.Hashed:    {"@lists.example.org", "@example.net"},
		rows.Off:       {"@lists.example.org", "@example.net"},
	} {
		d, x := liveDaemon(level)
		d.showLive(x)
		all, _, _ := d.live.After(0)
		wanted := live.Message{
			Ref: 1 << 30, At: x.Ended, From: want[0], To: want[1], More: 1, Author: "example.org",
			Action: result.Accept, Would: result.Reject, Reason: "no proof of its author; a mailing list changed it",
		}
		if len(all) != 1 || all[0] != wanted {
			t.Errorf("%s: %+v", level, all)
		}
	}
	d, x := liveDaemon(rows.Hashed)
	d.live = nil
	d.showLive(x) // without the web page, nothing
	x.Results = &result.Results{}
	d.live = &live.Ring{}
	d.showLive(x)
	if all, _, _ := d.live.After(0); len(all) != 1 || all[0].From != "<>" || all[0].To != "" || all[0].More != 2 {
		t.Errorf("a bounce: %+v", all)
	}
}

// BenchmarkShowLive measures what each message pays for people who may watch.
func BenchmarkShowLive(b *testing.B) {
	d, x := liveDaemon(rows.Addresses)
	b.ReportAllocs()
	for b.Loop() {
		d.showLive(x)
	}
}
