// Package metrics is what Postvet tells about itself while it runs: Prometheus
// metrics, two pages for health checks, and a [Snapshot] of the same numbers for
// people.
//
// It counts each message from its [filter.Decision] and reads the rest (the
// milter server's counters, the DNS cache's) when it is asked. All is registered
// on a registry that the caller gives; the package has no state of its own.
//
// # Labels
//
// No label takes a value from the outside: an attacker who chooses domains,
// selectors or addresses must not be able to fill the memory of Postvet or of
// the Prometheus behind it. Every label's values are known beforehand (the words
// of the standards, the names of the rules, the configured resolvers); whatever
// is not among them counts as "other".
package metrics

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
)

// Filter is where the numbers of the milter server come from.
type Filter interface{ Stats() filter.Stats }

// DNS is where those of the resolver come from. They may begin anew, as when a
// reload names other resolvers.
type DNS interface{ Stats() dnscache.Stats }

// Options make Metrics. The zero value works.
type Options struct {
	// Registry takes all metrics, and is what Handler shows. Default: a new one.
	Registry *prometheus.Registry
	// Version and Commit are those of the build.
	Version, Commit string
	// Rules are the names of the configuration's own rules, see SetRules.
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
	filter    Filter
	dns       DNS
	listeners int
	reload    Reload
	drain     Drain
}

// Reload is how the last reading of the configuration ended; the one at the
// start counts.
type Reload struct {
	At        time.Time
	Succeeded time.Time // when one last did; what is in force is of then
	OK        bool
	// Done and Refused count the reloads since the start.
	Done, Refused uint64
}

// Drain is the end of the service while messages are still in flight.
type Drain struct {
	Since   time.Time // zero if the service is not ending
	Timeout time.Duration
}

// New registers everything. It panics if the registry has metrics of these
// names already.
func New(o Options) *Metrics {
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Metrics{opt: o, started: o.Now(), message: newMessageMetrics()}
	m.reload = Reload{At: m.started, Succeeded: m.started, OK: true}
	m.SetRules(o.Rules)
	o.Registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{m},
	)
	m.message.register(o.Registry)
	return m
}

// Watch tells whose numbers to read from now on, and how many listeners the
// filter is to have.
func (m *Metrics) Watch(f Filter, d DNS, listeners int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.filter, m.dns, m.listeners = f, d, listeners
}

// Reloaded notes how a reload of the configuration ended.
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

// Draining notes that the service ends, at the latest after timeout.
func (m *Metrics) Draining(timeout time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drain = Drain{Since: m.opt.Now(), Timeout: timeout}
}

// Snapshot is all numbers at one moment. They are read one after the other, so
// they may disagree by what happens meanwhile.
type Snapshot struct {
	At, Started                time.Time
	Version, Commit, GoVersion string
	// Listeners is how many there are to be; Filter.Listening how many there are.
	Listeners int
	Filter    filter.Stats
	DNS       dnscache.Stats
	// Messages are counted by action and rule, Results by method and result
	// word; counts of 0 are left out.
	Messages, Results []Count
	Reload            Reload
	Drain             Drain
	// NotReady says why no mail should be sent here, one sentence each; empty if it may.
	NotReady []string
}

// Snapshot reads all numbers. Before Watch those of the other rooms are zero.
func (m *Metrics) Snapshot() Snapshot {
	m.mu.Lock()
	s := Snapshot{
		At: m.opt.Now(), Started: m.started,
		Version: m.opt.Version, Commit: m.opt.Commit, GoVersion: runtime.Version(),
		Listeners: m.listeners, Reload: m.reload, Drain: m.drain,
	}
	f, d := m.filter, m.dns
	m.mu.Unlock()
	if f != nil {
		s.Filter = f.Stats()
	}
	if d != nil {
		s.DNS = d.Stats()
	}
	s.Messages, s.Results = m.message.messages.list(), m.message.results.list()
	s.NotReady = s.notReady()
	return s
}

// notReady says why no mail should be sent here. A refused configuration is no
// reason: the old one is in force and works.
func (s *Snapshot) notReady() []string {
	var why []string
	switch up := int(s.Filter.Listening); {
	case !s.Drain.Since.IsZero():
		why = append(why, "stopping: messages in flight get their verdicts, new ones are not taken")
	case s.Listeners == 0:
		why = append(why, "starting: not listening yet")
	case up < s.Listeners:
		why = append(why, "not listening on every socket; the log says why")
	}
	if s.DNS.Degraded {
		why = append(why, "dns is down: look-ups fail whatever is asked; look at the resolvers")
	}
	return why
}
