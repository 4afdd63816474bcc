package metrics

import (
	"runtime"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reportcount"
	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/cmd/postvet/internal/reportinbox"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
)

// reloadState is how the configuration was last read. The start counts as a reload.
type reloadState struct {
	At        time.Time
	Succeeded time.Time // when the active configuration was read
	OK        bool
	// Done and Refused count the reloads since the start.
	Done, Refused uint64
}

// drainState is the end of the service while messages are still in flight.
type drainState struct {
	Since   time.Time // zero if the service does not stop
	Timeout time.Duration
}

// snapshot is all counters at one moment. They are read one after the other, so
// they may differ by what happens meanwhile.
type snapshot struct {
	At, Started                time.Time
	Version, Commit, GoVersion string
	// Listeners is how many there must be, Filter.Listening how many there are.
	Listeners int
	Filter    filter.Stats
	DNS       dnscache.Stats
	Keys      KeyStats
	Journal   JournalStats
	Reports   reportcount.Stats
	Failures  reportfailures.Stats
	Sending   reportsending.Stats
	Inbox     reportinbox.Stats
	Peers     PeerStats
	Watch     WatchStats
	Held      HeldStats
	Web       WebStats
	Reload    reloadState
	Drain     drainState
	// NotReady are the reasons why no mail should be sent here, a sentence each.
	NotReady []string
}

// snapshot reads all counters. Before Watch those of other packages are zero.
func (m *Metrics) snapshot() snapshot {
	s := m.readiness()
	s.At, s.Version, s.Commit, s.GoVersion = m.opt.Now(), m.opt.Version, m.opt.Commit, runtime.Version()
	m.mu.Lock()
	s.Started, s.Reload = m.started, m.reload
	keys, journal, peers, domains, held := m.keys, m.journal, m.peers, m.domains, m.held
	reports, failures, sending, inbox, web := m.reports, m.failures, m.sending, m.inbox, m.web
	m.mu.Unlock()
	s.Keys, s.Journal, s.Peers, s.Watch, s.Held = read(keys), read(journal), read(peers), read(domains), read(held)
	s.Reports, s.Failures, s.Sending, s.Inbox, s.Web = read(reports), read(failures), read(sending), read(inbox), read(web)
	return s
}

// readiness reads what says whether mail should be sent here, which costs little.
func (m *Metrics) readiness() snapshot {
	m.mu.Lock()
	s := snapshot{Listeners: m.listeners, Drain: m.drain}
	f, d := m.filter, m.dns
	m.mu.Unlock()
	if f != nil {
		s.Filter = f.Stats()
	}
	if d != nil {
		s.DNS = d.Stats()
	}
	s.NotReady = s.notReady()
	return s
}

// read returns the counters of a source; zero ones before it is set.
func read[T any](source func() T) (counters T) {
	if source != nil {
		counters = source()
	}
	return counters
}

// NotReady returns the reasons why no mail should be sent here, which /readyz says too.
func (m *Metrics) NotReady() []string {
	return m.readiness().NotReady
}

// notReady returns the reasons why no mail should be sent here. A refused
// configuration is not a reason: the old one is active and works.
func (s *snapshot) notReady() []string {
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
		why = append(why, "dns is down: lookups of all names fail; look at the resolvers")
	}
	return why
}
