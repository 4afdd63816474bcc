package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchStats are the domains whose records are watched.
type WatchStats struct {
	// Domains are the domains by what was found, "" for those not inspected yet; Checks
	// are the inspections.
	Domains map[string]int
	Checks  map[string]uint64
	// Events is what was told, by its kind; Mails and MailsFailed how it was mailed.
	Events             map[string]uint64
	Mails, MailsFailed uint64
	// Oldest is the longest time since a domain was inspected without a failed lookup.
	Oldest time.Duration
	// Errors are the errors of the domains that the configuration names.
	Errors []DomainErrors
}

// DomainErrors are the errors of one domain.
type DomainErrors struct {
	Domain string
	Errors int
}

// maxWatched bounds the series of domains.
const maxWatched = 100

var (
	watchedDomains = prometheus.NewDesc("postvet_watch_domains", "Watched domains, by what was found when they were inspected last.", []string{"state"}, nil)
	watchChecks    = prometheus.NewDesc("postvet_watch_checks_total", "Inspections of watched domains, by what was found.", []string{"state"}, nil)
	watchEvents    = prometheus.NewDesc("postvet_watch_events_total", "What was told of watched domains: changed records, new errors, and errors that are gone.", []string{"kind"}, nil)
	watchMails     = prometheus.NewDesc("postvet_watch_mails_total", "Mails about watched domains, by how the attempt to hand them over ended.", []string{"result"}, nil)
	watchOldest    = prometheus.NewDesc("postvet_watch_oldest_seconds", "The longest time since a watched domain was inspected without a failed lookup.", nil, nil)
	watchErrors    = prometheus.NewDesc("postvet_watch_errors", "Errors of a domain of watch.domains; of the first 100.", []string{"domain"}, nil)
)

// watchDescs are those of collectWatch.
var watchDescs = []*prometheus.Desc{watchedDomains, watchChecks, watchEvents, watchMails, watchOldest, watchErrors}

// WatchDomains sets where to read the numbers of watched domains.
func (m *Metrics) WatchDomains(read func() WatchStats) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.domains = read
}

// collectWatch sends the metrics of watched domains.
func collectWatch(out chan<- prometheus.Metric, s *WatchStats) {
	for _, state := range []string{"sound", "faulty", "undetermined"} {
		out <- value(watchedDomains, prometheus.GaugeValue, float64(s.Domains[state]), state)
		out <- value(watchChecks, prometheus.CounterValue, float64(s.Checks[state]), state)
	}
	out <- value(watchedDomains, prometheus.GaugeValue, float64(s.Domains[""]), "unchecked")
	for _, kind := range []string{"changed", "error", "repaired"} {
		out <- value(watchEvents, prometheus.CounterValue, float64(s.Events[kind]), kind)
	}
	out <- value(watchMails, prometheus.CounterValue, float64(s.Mails), "sent")
	out <- value(watchMails, prometheus.CounterValue, float64(s.MailsFailed), "failed")
	out <- value(watchOldest, prometheus.GaugeValue, s.Oldest.Seconds())
	for _, d := range s.Errors[:min(len(s.Errors), maxWatched)] {
		out <- value(watchErrors, prometheus.GaugeValue, float64(d.Errors), d.Domain)
	}
}
