package metrics

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/dnscache"
)

// collector collects a snapshot for each scrape.
type collector struct{ m *Metrics }

// maxUpstreams bounds the series of a configuration that names very many.
const maxUpstreams = 64

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, p := range plain {
		out <- p.desc
	}
	for _, u := range upstreams {
		out <- u.desc
	}
	for _, d := range append([]*prometheus.Desc{buildInfo, reloads, lookups, lookupTook, upstreamTook, reportReceived}, slices.Concat(keyDescs, journalDescs, peerDescs, reportDescs, watchDescs, heldDescs, sendingDescs, failureDescs, webDescs)...) {
		out <- d
	}
}

// Collect implements prometheus.Collector. It recovers from panics, since one in
// this goroutine of the registry would end the service.
func (c collector) Collect(out chan<- prometheus.Metric) {
	defer func() {
		if v := recover(); v != nil {
			out <- prometheus.NewInvalidMetric(buildInfo, fmt.Errorf("panic: %v", v))
		}
	}()
	s := c.m.snapshot()
	for _, p := range plain {
		out <- value(p.desc, p.kind, p.of(&s))
	}
	out <- value(buildInfo, prometheus.GaugeValue, 1, s.Version, s.Commit, s.GoVersion)
	out <- value(reloads, prometheus.CounterValue, float64(s.Reload.Done), "done")
	out <- value(reloads, prometheus.CounterValue, float64(s.Reload.Refused), "refused")
	for o := dnscache.Found; o <= dnscache.Timeout; o++ {
		word := strings.ReplaceAll(o.String(), " ", "") // nodata
		out <- value(lookups, prometheus.CounterValue, float64(s.DNS.Hits[o]), "cache", word)
		out <- value(lookups, prometheus.CounterValue, float64(s.DNS.Wire[o]), "upstream", word)
		out <- histogram(lookupTook, s.DNS.TookBy[o], s.DNS.TookSum[o], word)
	}
	collectKeys(out, &s.Keys)
	collectJournal(out, &s.Journal)
	collectPeers(out, &s.Peers)
	collectReports(out, &s.Reports)
	collectWatch(out, &s.Watch)
	collectHeld(out, &s.Held)
	collectWeb(out, &s.Web)
	collectSending(out, &s.Sending)
	collectFailures(out, &s.Failures)
	collectInbox(out, &s.Inbox)
	seen := map[string]bool{} // a resolver may be named twice
	for i := range s.DNS.Upstreams {
		u := &s.DNS.Upstreams[i]
		if seen[u.Addr] || len(seen) == maxUpstreams {
			continue
		}
		seen[u.Addr] = true
		for _, of := range upstreams {
			out <- value(of.desc, of.kind, of.of(u), u.Addr)
		}
		out <- histogram(upstreamTook, u.Took, u.TookSum, u.Addr)
	}
}

func histogram(desc *prometheus.Desc, h dnscache.Histogram, sum time.Duration, label string) prometheus.Metric {
	buckets, total := make(map[float64]uint64, len(h)), uint64(0)
	for i, n := range h {
		total += n
		if i < len(h)-1 {
			buckets[h.Bound(i).Seconds()] = total
		}
	}
	m, err := prometheus.NewConstHistogram(desc, total, sum.Seconds(), buckets, label)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

// value is prometheus.MustNewConstMetric without its panic.
func value(desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) prometheus.Metric {
	m, err := prometheus.NewConstMetric(desc, kind, v, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix returns a time in the form of Prometheus, 0 for the zero time.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
