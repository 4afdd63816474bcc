package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postvet/postvet/dnscache"
)

// series is a metric without labels and where a snapshot has its value.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*snapshot) float64
}

func counter(name, help string, of func(*snapshot) float64) series {
	return series{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, of}
}

func gauge(name, help string, of func(*snapshot) float64) series {
	return series{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, of}
}

// plain are all metrics without a label.
var plain = append([]series{
	gauge("postvet_listeners", "Sockets on which connections of the MTA are accepted now.",
		func(s *snapshot) float64 { return float64(s.Filter.Listening) }),
	gauge("postvet_connections", "Connections of the MTA that are open now.",
		func(s *snapshot) float64 { return float64(s.Filter.Open) }),
	counter("postvet_connections_total", "Connections of the MTA that were accepted.",
		func(s *snapshot) float64 { return float64(s.Filter.Connections) }),
	counter("postvet_sessions_total", "SMTP sessions that the MTA showed.",
		func(s *snapshot) float64 { return float64(s.Filter.Sessions) }),
	gauge("postvet_messages_in_flight", "Messages between MAIL and their verdict now.",
		func(s *snapshot) float64 { return float64(s.Filter.Busy) }),
	counter("postvet_messages_aborted_total", "Messages that ended without a verdict: reset, refused by the MTA, or the client left.",
		func(s *snapshot) float64 { return float64(s.Filter.Aborted) }),
	counter("postvet_verdicts_undelivered_total", "Verdicts that could not be sent because the MTA had left.",
		func(s *snapshot) float64 { return float64(s.Filter.Undelivered) }),
	counter("postvet_progress_packets_total", "Progress packets sent to the MTA, which make it wait longer.",
		func(s *snapshot) float64 { return float64(s.Filter.Progress) }),
	counter("postvet_panics_total", "Panics that were caught; each cost one message a temporary failure, or one DNS lookup its answer.",
		func(s *snapshot) float64 { return float64(s.Filter.Panics) + float64(s.DNS.Panics) }),
	counter("postvet_protocol_errors_total", "Connections closed because the MTA broke the milter protocol.",
		func(s *snapshot) float64 { return float64(s.Filter.ProtocolErrors) }),
	counter("postvet_timeouts_total", "Connections closed because the MTA was silent for too long.",
		func(s *snapshot) float64 { return float64(s.Filter.Timeouts) }),
	counter("postvet_accept_errors_total", "Failures to accept a connection.",
		func(s *snapshot) float64 { return float64(s.Filter.AcceptErrors) }),
	counter("postvet_connection_limit_reached_total", "Connections that waited because limits.connections was reached.",
		func(s *snapshot) float64 { return float64(s.Filter.Limited) }),
	counter("postvet_dropped_fields_total", "Header fields ignored because the header was too large.",
		func(s *snapshot) float64 { return float64(s.Filter.DroppedFields) }),
	counter("postvet_absorbed_replies_total", "Replies made up or dropped to keep to the milter protocol: faults of Postvet.",
		func(s *snapshot) float64 { return float64(s.Filter.StrayReplies + s.Filter.OwedReplies) }),
	counter("postvet_forced_closes_total", "Connections closed because the time of a stop was over.",
		func(s *snapshot) float64 { return float64(s.Filter.Forced) }),

	counter("postvet_shadowed_messages_total", "Messages that the shadow policy decided about too.",
		func(s *snapshot) float64 { return float64(s.Filter.Shadowed) }),

	gauge("postvet_ready", "1 if /readyz says ready.",
		func(s *snapshot) float64 { return truth(len(s.NotReady) == 0) }),
	gauge("postvet_draining", "1 while the service stops and messages are still in flight.",
		func(s *snapshot) float64 { return truth(!s.Drain.Since.IsZero()) }),
	gauge("postvet_drain_start_timestamp_seconds", "When the stop began, 0 if none has.",
		func(s *snapshot) float64 { return unix(s.Drain.Since) }),
	gauge("postvet_drain_timeout_seconds", "How long the stop may take, 0 if none has begun.",
		func(s *snapshot) float64 { return s.Drain.Timeout.Seconds() }),
	gauge("postvet_config_last_reload_successful", "1 if the configuration was accepted when it was last read.",
		func(s *snapshot) float64 { return truth(s.Reload.OK) }),
	gauge("postvet_config_last_reload_timestamp_seconds", "When the configuration was last read.",
		func(s *snapshot) float64 { return unix(s.Reload.At) }),
	gauge("postvet_config_last_reload_success_timestamp_seconds", "When the active configuration was read.",
		func(s *snapshot) float64 { return unix(s.Reload.Succeeded) }),

	gauge("postvet_keys_unpublished", "Keys that signed mail, and whose records the DNS does not show any more.",
		func(s *snapshot) float64 { return float64(s.Keys.Unpublished) }),
	gauge("postvet_key_rotations_not_begun", "Rotations of keys that are due and could not be begun.",
		func(s *snapshot) float64 { return float64(s.Keys.NotBegun) }),

	gauge("postvet_dns_degraded", "1 while lookups of all names fail.",
		func(s *snapshot) float64 { return truth(s.DNS.Degraded) }),
	gauge("postvet_dns_cache_entries", "Answers in the cache.",
		func(s *snapshot) float64 { return float64(s.DNS.Entries) }),
	gauge("postvet_dns_cache_size_bytes", "Memory that the answers in the cache take.",
		func(s *snapshot) float64 { return float64(s.DNS.Bytes) }),
	gauge("postvet_dns_cache_limit_bytes", "Memory that they may take, dns.cache_size.",
		func(s *snapshot) float64 { return float64(s.DNS.Limit) }),
	counter("postvet_dns_cache_hits_total", "Lookups answered from the cache within the TTL.",
		func(s *snapshot) float64 { return float64(s.DNS.Hits.Total()) }),
	counter("postvet_dns_cache_misses_total", "Lookups that started a question.",
		func(s *snapshot) float64 { return float64(s.DNS.Misses) }),
	counter("postvet_dns_cache_joined_total", "Lookups that found their question under way.",
		func(s *snapshot) float64 { return float64(s.DNS.Joined) }),
	counter("postvet_dns_cache_stale_total", "Answers used after their TTL because the servers failed.",
		func(s *snapshot) float64 { return float64(s.DNS.Stale) }),
	counter("postvet_dns_cache_refreshed_total", "Answers renewed before they expired.",
		func(s *snapshot) float64 { return float64(s.DNS.Refreshed) }),
	counter("postvet_dns_cache_evictions_total", "Answers evicted to make room.",
		func(s *snapshot) float64 { return float64(s.DNS.Evicted) }),
	gauge("postvet_dns_questions_in_flight", "Questions to the upstreams under way now.",
		func(s *snapshot) float64 { return float64(s.DNS.InFlight) }),
	counter("postvet_dns_questions_queued_total", "Questions that waited because dns.max_in_flight others were under way.",
		func(s *snapshot) float64 { return float64(s.DNS.Queued) }),
}, slices.Concat(journalSeries, reportSeries, inboxSeries, sendingSeries, failureSeries)...)

// The metrics with labels.
var (
	buildInfo = prometheus.NewDesc("postvet_build_info", "Always 1; the labels describe the build.",
		[]string{"version", "commit", "goversion"}, nil)
	reloads = prometheus.NewDesc("postvet_config_reloads_total", "Reloads of the configuration, by how they ended.",
		[]string{"result"}, nil)
	lookups = prometheus.NewDesc("postvet_dns_lookups_total", "Lookups that the cache or the upstreams answered, by outcome.",
		[]string{"source", "outcome"}, nil)
	lookupTook = prometheus.NewDesc("postvet_dns_question_seconds", "Time of the questions to the upstreams with all their retries, by outcome.",
		[]string{"outcome"}, nil)
)

// upstream is one metric of each upstream.
type upstream struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*dnscache.UpstreamStats) float64
}

func upstreamDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("postvet_dns_upstream_"+name, help, []string{"upstream"}, nil)
}

func upstreamCounter(name, help string, of func(*dnscache.UpstreamStats) uint64) upstream {
	return upstream{upstreamDesc(name, help), prometheus.CounterValue, func(u *dnscache.UpstreamStats) float64 { return float64(of(u)) }}
}

func upstreamGauge(name, help string, of func(*dnscache.UpstreamStats) float64) upstream {
	return upstream{upstreamDesc(name, help), prometheus.GaugeValue, of}
}

var (
	upstreams = []upstream{
		upstreamGauge("healthy", "0 while the upstream fails and is asked last.",
			func(u *dnscache.UpstreamStats) float64 { return truth(!u.BackOff) }),
		upstreamGauge("latency_seconds", "Moving average of its time to answer.",
			func(u *dnscache.UpstreamStats) float64 { return u.Latency.Seconds() }),
		upstreamCounter("queries_total", "Queries that ended, with any result.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Queries }),
		upstreamCounter("failures_total", "Queries without an answer, with a broken one, or refused.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Failures }),
		upstreamCounter("timeouts_total", "Failures because no answer came in time.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Timeouts }),
		upstreamCounter("overtaken_total", "Queries given up because another upstream answered first.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Overtaken }),
		upstreamCounter("hedged_total", "Queries sent because another upstream was late.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Hedged }),
		upstreamCounter("retransmissions_total", "Queries that were sent again because no answer had come.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Retransmitted }),
		upstreamCounter("losses_total", "Queries that were answered only after that.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Lost }),
		upstreamGauge("retransmit_after_seconds", "How long an answer may take before a query is sent again.",
			func(u *dnscache.UpstreamStats) float64 { return u.RetransmitAfter.Seconds() }),
		upstreamCounter("refused_total", "Failures because it refused the query.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Refused }),
		upstreamGauge("in_flight", "Queries without an answer so far.",
			func(u *dnscache.UpstreamStats) float64 { return float64(u.InFlight) }),
		upstreamGauge("concurrency_limit", "Queries in flight at most, because of its quota; 0 without one.",
			func(u *dnscache.UpstreamStats) float64 { return float64(u.Limit) }),
		upstreamCounter("waited_total", "Queries that waited because of that.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Waited }),
		upstreamCounter("stream_queries_total", "Queries sent over TCP or TLS.",
			func(u *dnscache.UpstreamStats) uint64 { return u.TCP }),
		upstreamCounter("connections_total", "TCP or TLS connections opened for these.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Connections }),
		upstreamGauge("open_connections", "TCP or TLS connections open now.",
			func(u *dnscache.UpstreamStats) float64 { return float64(u.OpenConnections) }),
		upstreamGauge("connection_limit", "Such connections that it is expected to accept.",
			func(u *dnscache.UpstreamStats) float64 { return float64(u.MostConnections) }),
		upstreamCounter("stream_resent_total", "Queries that a connection left unanswered, so that they went to another one.",
			func(u *dnscache.UpstreamStats) uint64 { return u.Resent }),
		upstreamGauge("certificate_accepted", "0 while it is not asked for the sake of its certificate.",
			func(u *dnscache.UpstreamStats) float64 { return truth(u.Certificate == "") }),
		upstreamGauge("without_edns", "1 while it is asked without EDNS.",
			func(u *dnscache.UpstreamStats) float64 { return truth(u.WithoutEDNS) }),
		upstreamGauge("without_random_case", "1 while it changes the case of names.",
			func(u *dnscache.UpstreamStats) float64 { return truth(u.WithoutMixing) }),
	}
	upstreamTook = upstreamDesc("query_seconds", "Time of the queries that were answered.")
)
