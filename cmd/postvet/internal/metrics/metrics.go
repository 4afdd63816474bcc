// Package metrics shows how a running Postvet does: Prometheus metrics, and two
// pages for health checks.
//
// It counts each message from its [filter.Decision]. The counters of the milter
// server and of the DNS cache are read at each scrape. All metrics are
// registered on one registry, which the caller may pass in; the package has no
// state.
//
// # Labels
//
// No label takes a value from outside: an attacker who chooses domains, selectors
// or addresses must not fill the memory of Postvet or of the Prometheus behind
// it. The values of every label are known beforehand: the words of the standards,
// the names of the rules, the configured resolvers. Any other value counts as
// "other".
//
// # To add a metric
//
// A number that another package counts already is an entry of plain in series.go,
// or of upstreams if there is one for each resolver. A number that comes with each
// message is a field of messageMetrics. Its labels' words go to words.go. The
// tests check the naming conventions of Prometheus, and contrib/monitoring lists
// what its dashboard and alerts use.
package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
)

// filterSource has the counters of the milter server.
type filterSource interface{ Stats() filter.Stats }

// dnsSource has the counters of the resolver. They may start at zero again, as
// when a reload names other resolvers.
type dnsSource interface{ Stats() dnscache.Stats }

// Options make Metrics. The zero value works.
type Options struct {
	// Registry receives all metrics. Default: a new one.
	Registry *prometheus.Registry
	// Version and Commit are those of the build.
	Version, Commit string
	// Rules are the names of the rules in the configuration, see SetRules.
	Rules []string
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Metrics is safe for concurrent use.
type Metrics struct {
	opt     Options
	started time.Time
	message *messageMetrics

	mu        sync.Mutex
	filter    filterSource
	dns       dnsSource
	keys      func() KeyStats
	journal   func() JournalStats
	reports   func() reportcount.Stats
	failures  func() reportfailures.Stats
	sending   func() reportsending.Stats
	inbox     func() reportinbox.Stats
	peers     func() PeerStats
	domains   func() WatchStats
	held      func() HeldStats
	web       func() WebStats
	listeners int
	reload    reloadState
	drain     drainState
}

// New registers all metrics. It panics if the registry has metrics of these names
// already.
func New(o Options) *Metrics {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Metrics{opt: o, started: o.Now(), message: newMessageMetrics()}
	m.reload = reloadState{At: m.started, Succeeded: m.started, OK: true}
	m.SetRules(o.Rules)
	o.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{m},
	)
	m.message.register(o.Registry)
	return m
}

// Watch sets whose counters to read from now on, and how many listeners the filter
// must have to be ready.
func (m *Metrics) Watch(f filterSource, d dnsSource, listeners int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.filter, m.dns, m.listeners = f, d, listeners
}

// Reloaded counts a reload of the configuration, which failed with err if that is
// not nil.
func (m *Metrics) Reloaded(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reload.At, m.reload.OK = m.opt.Now(), err == nil
	if err != nil {
		m.reload.Refused++
		return
	}
	m.reload.Done++
	m.reload.Succeeded = m.reload.At
}

// Draining notes that the service stops, at the latest after timeout.
func (m *Metrics) Draining(timeout time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drain = drainState{Since: m.opt.Now(), Timeout: timeout}
}
