package service

import (
	"fmt"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/result"
)

// status returns the status that "postvet status" shows.
func (d *daemon) status(now time.Time) control.Status {
	s, counts, totals := d.state.Load(), d.server.Stats(), d.totals()
	c := s.config
	out := control.Status{
		Postvet: d.opt.Build, PID: os.Getpid(), Started: s.began, UptimeSeconds: now.Sub(s.began).Seconds(),
		State: control.StateServing, Drain: s.drain, NotReady: d.metrics.NotReady(),
		Mode: string(c.Mode), AuthservID: s.authservID, Listeners: d.addresses, Sockets: d.sockets,
		Sessions: control.Sessions{Open: counts.Open, Busy: counts.Busy, Limit: d.started.Limits.Connections, Total: counts.Connections},
		Messages: control.Messages{
			Total: totals, Would: byAction(counts.Would),
			PerMinute: control.PerMinute{
				Last1:  d.rates.Over(time.Minute, now, totals),
				Last5:  d.rates.Over(5*time.Minute, now, totals),
				Last15: d.rates.Over(15*time.Minute, now, totals),
			},
			Aborted: counts.Aborted, Undelivered: counts.Undelivered, Faults: counts.Panics,
			Shadowed: counts.Shadowed, ShadowDiffers: counts.ShadowDiffers,
		},
		Config: control.Config{File: d.opt.File, Loaded: s.loaded, LastReload: s.lastReload, NeedsRestart: s.needsRestart, Expired: len(c.Expired(now))},
		Log:    d.level(),
		Keys:   d.describeKeys(),
		Watch:  d.describeWatch(),
	}
	out.DNS, out.Cache = describeDNS(d.dns.Stats(), int64(c.DNS.CacheSize))
	out.Patterns = d.patterns.describe()
	out.Journal = d.journalState()
	if s.drain != nil {
		out.State = control.StateDraining
	}
	return out
}

// describeDNS returns the counters of a resolver in the form of a status. limit is the
// size of its cache in octets.
func describeDNS(s dnscache.Stats, limit int64) (control.DNS, control.Cache) {
	d := control.DNS{Degraded: s.Degraded, InFlight: s.InFlight, Upstreams: []control.Upstream{}}
	for _, u := range s.Upstreams {
		d.Upstreams = append(d.Upstreams, control.Upstream{
			Address: u.Addr, Queries: u.Queries, Failures: u.Failures, Timeouts: u.Timeouts,
			LatencyMS: milliseconds(u.Latency), BackOff: u.BackOff,
			Retransmitted: u.Retransmitted, Lost: u.Lost, RetransmitAfterMS: milliseconds(u.RetransmitAfter),
			Refused: u.Refused, InFlight: u.InFlight, ConcurrencyLimit: u.Limit, Waited: u.Waited,
			StreamQueries: u.TCP, OpenConnections: u.OpenConnections, MostConnections: u.MostConnections, Resent: u.Resent,
			Certificate: u.Certificate, WithoutEDNS: u.WithoutEDNS, WithoutRandomCase: u.WithoutMixing,
		})
	}
	hits := s.Hits.Total()
	c := control.Cache{
		Entries: s.Entries, Bytes: s.Bytes, Limit: limit, Hits: hits, Lookups: hits + s.Misses + s.Joined,
		Stale: s.Stale, Evicted: s.Evicted,
	}
	if c.Lookups > 0 {
		c.HitRatio = float64(c.Hits) / float64(c.Lookups)
	}
	return d, c
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// totals returns the number of messages so far, by action.
func (d *daemon) totals() control.Totals { return byAction(d.server.Stats().Messages) }

func byAction(m map[result.Action]int64) control.Totals {
	return control.Totals{
		Accept: m[result.Accept], Quarantine: m[result.Quarantine], Reject: m[result.Reject], TempFail: m[result.TempFail],
		Redirect: m[result.Redirect], Discard: m[result.Discard],
	}
}

// reportStatus sends the status to the service manager if it has changed. While the
// service drains, it also logs the progress.
func (d *daemon) reportStatus() {
	s := d.server.Stats()
	if drain := d.state.Load().drain; drain != nil {
		d.log.Info("waiting for messages in flight", zap.Int64("messages", s.Busy), zap.Int64("connections", s.Open),
			zap.Duration("at_most", time.Until(drain.Until).Round(time.Second)))
		d.notify("STATUS=waiting for " + layout.Count(s.Busy, "message") + " in flight" + extendStop)
		return
	}
	if line := d.describe(); line != d.statusLine {
		d.statusLine = line
		d.notify("STATUS=" + line)
	}
}

// describe returns the line that "systemctl status" shows.
func (d *daemon) describe() string {
	s, t := d.server.Stats(), d.totals()
	var b strings.Builder
	if d.dns.Degraded() {
		b.WriteString("DNS IS DOWN; ")
	}
	if r := d.state.Load().lastReload; r != nil && len(r.Errors) > 0 {
		b.WriteString("the last reload was refused, the log says why; ")
	}
	fmt.Fprintf(&b, "%s: %d accepted, %d held, %d rejected, %d deferred", layout.Count(t.All(), "message"), t.Accept, t.Quarantine, t.Reject, t.TempFail)
	if n := t.Redirect + t.Discard; n > 0 {
		fmt.Fprintf(&b, ", %d redirected or discarded", n)
	}
	fmt.Fprintf(&b, "; %s, %d of them busy", layout.Count(s.Open, "connection"), s.Busy)
	return b.String()
}
