package metrics

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

var morning = time.Unix(1_700_000_000, 0)

// numbers are counters of other packages.
type numbers struct {
	filter.Stats
	dns dnscache.Stats
}

func (n *numbers) sources() (filterSource, dnsSource) { return filterOf{n}, dnsOf{n} }

type (
	filterOf struct{ n *numbers }
	dnsOf    struct{ n *numbers }
)

func (f filterOf) Stats() filter.Stats { return f.n.Stats }
func (d dnsOf) Stats() dnscache.Stats  { return d.n.dns }
func usual(rules ...string) (*Metrics, *numbers) {
	n := &numbers{Stats: filter.Stats{Counts: milter.Counts{Listening: 1}}}
	m := New(Options{Version: "v1", Commit: "c", Rules: rules, Now: func() time.Time { return morning }})
	f, d := n.sources()
	m.Watch(f, d, 1)
	return m, n
}

// forgery returns a message as the filter reports it.
func forgery() filter.Decision {
	return filter.Decision{
		Results: &result.Results{
			SPF: []spf.Result{
				{Identity: spf.HELO, Status: spf.None, Domain: "helo.example"},
				{Identity: spf.MailFrom, Status: spf.Fail, Domain: "evil.example"},
			},
			DKIM: []dkim.Result{
				{Status: dkim.Pass, Domain: "list.example", Selector: "a"},
				{Status: dkim.Pass, Partial: true, Domain: "evil.example", Selector: "b"},
			},
			PartialBody: dkim.Policy,
			ARC:         arc.Result{Status: arc.None},
			DMARC:       dmarc.Result{Status: dmarc.Fail},
			IPRev:       iprev.Result{Status: iprev.TempError},
			DNS:         result.DNSCost{Lookups: 7, WaitMS: 30},
			SenderDomains: []result.SenderDomain{
				{Identity: result.SenderAuthor, Result: mx.Result{Domain: "null.example", Status: mx.NullMX}},
			},
		},
		Verdict: result.Verdict{
			Action: result.Reject, Rule: result.RuleDMARCReject,
			Overrides: []result.Override{{Reason: result.ReasonLocalPolicy}},
		},
		Began: morning, Ended: morning.Add(2 * time.Second), Took: 3 * time.Millisecond,
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	m, _ := usual("vip", "no-reply")
	m.Message(forgery())
	m.Message(forgery())
	d := forgery()
	d.Verdict = result.Verdict{Action: result.Accept, Rule: "vip", Overrides: []result.Override{{Reason: "of our own"}}}
	d.Results.Faults, d.Faults = []string{"arc: panic"}, []string{"no quarantine"}
	d.Results.DKIM = nil
	d.Verdict.Matched = []result.RuleMatch{{Rule: "vip"}, {Rule: "no-reply", Monitor: true}, {Rule: "gone"}}
	d.Shadow = &result.Verdict{Action: result.Reject}
	d.Verdict.Hints = []result.Hint{{Word: result.HintList}, {Word: "new"}}
	m.Message(d)
	exempt := filter.Decision{Results: &result.Results{Exempt: result.ExemptLocal}, Verdict: result.Verdict{Action: result.Accept, Rule: result.RuleExempt}}
	m.Message(exempt)

	if diff := cmp.Diff([]count{{"accept", "exempt", 1}, {"accept", "vip", 1}, {"reject", "dmarc-reject", 2}}, m.message.messages.list()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]count{
		{"arc", "none", 3},
		{"dkim", "none", 1},
		{"dkim", "pass", 2},
		{"dkim", "policy", 2},
		{"dmarc", "fail", 3},
		{"iprev", "temperror", 3},
		{"mx", "null-mx", 3},
		{"spf", "fail", 3},
		{"spf-helo", "none", 3},
	}, m.message.results.list()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]count{{A: "local_policy", N: 2}, {A: "other", N: 1}}, m.message.overrides.list()); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]string{
		"postvet_faults_total":                                                     "2",
		`postvet_rule_matches_total{rule="no-reply"}`:                              "1",
		`postvet_hints_total{hint="altered_by_list"}`:                              "1",
		`postvet_hints_total{hint="other"}`:                                        "1",
		`postvet_rule_matches_total{rule="other"}`:                                 "1",
		`postvet_shadow_differences_total{action="accept",shadow_action="reject"}`: "1",
		`postvet_shadow_differences_total{action="reject",shadow_action="accept"}`: "0",
		`postvet_messages_total{action="accept",rule="vip"}`:                       "1",
		`postvet_messages_total{action="reject",rule="vip"}`:                       "0",
		"postvet_verdict_seconds_count":                                            "4",
		`postvet_verdict_seconds_bucket{le="0.0025"}`:                              "1", // the exempt one
		`postvet_verdict_seconds_bucket{le="0.005"}`:                               "4",
		"postvet_dns_wait_seconds_count":                                           "3",
		"postvet_dns_wait_seconds_sum":                                             "0.09",
		"postvet_message_seconds_sum":                                              "6.009",
	} {
		if got := scrape(t, m)[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Unknown words make no series.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m, n := usual()
	n.dns.Upstreams = make([]dnscache.UpstreamStats, 200)
	for i := range n.dns.Upstreams {
		n.dns.Upstreams[i].Addr = fmt.Sprintf("192.0.2.%d:53", i)
	}
	before := len(scrape(t, m))
	for i := range 2000 {
		strange := "x" + strconv.Itoa(i) + "\n\x00\xff"
		d := forgery()
		d.QueueID, d.Helo, d.From, d.Client.Name, d.Client.Listener = strange, strange, strange, strange, strange
		d.Verdict = result.Verdict{Action: result.Action(strange), Rule: strange, Code: strange, Overrides: []result.Override{{Reason: result.OverrideReason(strange), By: strange}}}
		d.Results.DMARC = dmarc.Result{Status: dmarc.Status(strange), AuthorDomain: strange}
		d.Results.SPF[0] = spf.Result{Status: spf.Status(strange), Identity: spf.Identity(strange), Domain: strange}
		m.Message(d)
		d.Verdict = result.Verdict{Action: result.Accept, Rule: strange}
		m.Message(d)
	}
	after := scrape(t, m)
	if len(after) != before {
		t.Errorf("%d series became %d", before, len(after))
	}
	for name, want := range map[string]string{
		`postvet_messages_total{action="other",rule="other"}`:  "2000",
		`postvet_messages_total{action="accept",rule="other"}`: "2000",
		`postvet_results_total{method="dmarc",result="other"}`: "4000",
		`postvet_overrides_total{reason="other"}`:              "2000",
	} {
		if after[name] != want {
			t.Errorf("%s is %q, want %q", name, after[name], want)
		}
	}
	if u := strings.Count(strings.Join(names(after), "\n"), "postvet_dns_upstream_queries_total{"); u != maxUpstreams {
		t.Errorf("%d upstreams have series", u)
	}
	// A configuration may name a thousand rules.
	var many []string
	for i := range 1000 {
		many = append(many, "r"+strconv.Itoa(i))
	}
	m.SetRules(many)
	if n := len(*m.message.messages.cells.Load()); n > len(actions)*(maxRules+len(rules.BuiltinRules())+1)+1 {
		t.Errorf("%d series of rules", n)
	}
}

// A reload changes the rules while messages are counted.
func TestSetRules(t *testing.T) {
	t.Parallel()
	m, _ := usual("old", "stays")
	var wg sync.WaitGroup
	message := func(rule string) {
		m.Message(filter.Decision{Results: &result.Results{Exempt: "x"}, Verdict: result.Verdict{Action: result.Accept, Rule: rule}})
	}
	for range 4 {
		wg.Go(func() {
			for range 500 {
				message("stays")
			}
		})
	}
	message("old")
	m.SetRules([]string{"stays", "new"})
	message("old")
	message("new")
	wg.Wait()
	want := []count{{"accept", "new", 1}, {"accept", "other", 1}, {"accept", "stays", 2000}}
	if diff := cmp.Diff(want, m.message.messages.list()); diff != "" {
		t.Error(diff)
	}
}

func TestConventions(t *testing.T) {
	t.Parallel()
	m, n := usual("vip")
	n.dns.Upstreams = []dnscache.UpstreamStats{{Addr: "192.0.2.1:53"}}
	problems, err := testutil.GatherAndLint(m.opt.Registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	all, err := m.opt.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if name := f.GetName(); !strings.HasPrefix(name, "postvet_") && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s", name)
		}
	}
}

func TestOtherPackages(t *testing.T) {
	t.Parallel()
	m, n := usual()
	n.Stats = filter.Stats{
		Counts: milter.Counts{
			Open: 3, Busy: 2, Listening: 1, Connections: 10, Sessions: 20, ProtocolErrors: 7, Timeouts: 8, Progress: 9, Forced: 11,
			StrayReplies: 13, OwedReplies: 14, AcceptErrors: 15, Limited: 16,
		},
		Aborted: 4, Undelivered: 5, Panics: 6, DroppedFields: 12,
	}
	n.dns = dnscache.Stats{
		Hits: dnscache.OutcomeCounts{dnscache.Found: 5, dnscache.NoData: 1}, Misses: 2, Joined: 3, Stale: 4, Queued: 5, Refreshed: 6,
		Wire:  dnscache.OutcomeCounts{dnscache.Found: 2, dnscache.Timeout: 1},
		Bytes: 1000, Limit: 2000, Entries: 30, Evicted: 7, InFlight: 8, Degraded: true, Panics: 100,
	}
	n.dns.TookBy[dnscache.Timeout][14], n.dns.TookSum[dnscache.Timeout] = 1, 20*time.Second
	n.dns.TookBy[dnscache.Found][0], n.dns.TookBy[dnscache.Found][3] = 1, 1
	n.dns.Upstreams = []dnscache.UpstreamStats{{
		Addr: "192.0.2.1:53", Queries: 9, Failures: 2, Timeouts: 1, Overtaken: 3, Hedged: 4, TCP: 5, Connections: 6, Retransmitted: 7, Lost: 6, RetransmitAfter: 25 * time.Millisecond, Refused: 21, InFlight: 22, Limit: 23, Waited: 24,
		OpenConnections: 25, MostConnections: 26, Resent: 27, Certificate: "expired", WithoutEDNS: true, WithoutMixing: true,
		Took: dnscache.Histogram{1: 4}, TookSum: 6 * time.Millisecond, Latency: 1500 * time.Microsecond, BackOff: true,
	}}
	got := scrape(t, m)
	for name, want := range map[string]string{
		"postvet_connections": "3", "postvet_messages_in_flight": "2", "postvet_connections_total": "10", "postvet_sessions_total": "20",
		"postvet_messages_aborted_total": "4", "postvet_verdicts_undelivered_total": "5", "postvet_panics_total": "106",
		"postvet_protocol_errors_total": "7", "postvet_timeouts_total": "8", "postvet_progress_packets_total": "9",
		"postvet_forced_closes_total": "11", "postvet_dropped_fields_total": "12", "postvet_absorbed_replies_total": "27",
		"postvet_accept_errors_total": "15", "postvet_connection_limit_reached_total": "16", "postvet_listeners": "1",
		"postvet_ready": "0", "postvet_draining": "0", "postvet_drain_start_timestamp_seconds": "0",
		"postvet_dns_degraded": "1", "postvet_dns_cache_entries": "30", "postvet_dns_cache_size_bytes": "1000",
		"postvet_dns_cache_limit_bytes": "2000", "postvet_dns_cache_hits_total": "6", "postvet_dns_cache_misses_total": "2",
		"postvet_dns_cache_joined_total": "3", "postvet_dns_cache_stale_total": "4", "postvet_dns_cache_refreshed_total": "6",
		"postvet_dns_cache_evictions_total": "7", "postvet_dns_questions_in_flight": "8", "postvet_dns_questions_queued_total": "5",
		`postvet_dns_lookups_total{outcome="found",source="cache"}`:         "5",
		`postvet_dns_lookups_total{outcome="nodata",source="cache"}`:        "1",
		`postvet_dns_lookups_total{outcome="timeout",source="upstream"}`:    "1",
		`postvet_dns_question_seconds_bucket{outcome="found",le="0.001"}`:   "1",
		`postvet_dns_question_seconds_bucket{outcome="found",le="0.008"}`:   "2",
		`postvet_dns_question_seconds_bucket{outcome="timeout",le="8.192"}`: "0",
		`postvet_dns_question_seconds_bucket{outcome="timeout",le="+Inf"}`:  "1",
		`postvet_dns_question_seconds_sum{outcome="timeout"}`:               "20",
		`postvet_dns_upstream_healthy{upstream="192.0.2.1:53"}`:             "0",
		`postvet_dns_upstream_latency_seconds{upstream="192.0.2.1:53"}`:     "0.0015",
		`postvet_dns_upstream_query_seconds_count{upstream="192.0.2.1:53"}`: "4",
		`postvet_dns_upstream_failures_total{upstream="192.0.2.1:53"}`:      "2",

		`postvet_dns_upstream_retransmissions_total{upstream="192.0.2.1:53"}`:    "7",
		`postvet_dns_upstream_losses_total{upstream="192.0.2.1:53"}`:             "6",
		`postvet_dns_upstream_refused_total{upstream="192.0.2.1:53"}`:            "21",
		`postvet_dns_upstream_in_flight{upstream="192.0.2.1:53"}`:                "22",
		`postvet_dns_upstream_concurrency_limit{upstream="192.0.2.1:53"}`:        "23",
		`postvet_dns_upstream_waited_total{upstream="192.0.2.1:53"}`:             "24",
		`postvet_dns_upstream_open_connections{upstream="192.0.2.1:53"}`:         "25",
		`postvet_dns_upstream_connection_limit{upstream="192.0.2.1:53"}`:         "26",
		`postvet_dns_upstream_stream_resent_total{upstream="192.0.2.1:53"}`:      "27",
		`postvet_dns_upstream_certificate_accepted{upstream="192.0.2.1:53"}`:     "0",
		`postvet_dns_upstream_without_edns{upstream="192.0.2.1:53"}`:             "1",
		`postvet_dns_upstream_without_random_case{upstream="192.0.2.1:53"}`:      "1",
		`postvet_dns_upstream_retransmit_after_seconds{upstream="192.0.2.1:53"}`: "0.025",

		`postvet_config_last_reload_successful`:                "1",
		`postvet_config_last_reload_success_timestamp_seconds`: "1.7e+09",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	m.Reloaded(errors.New("no"))
	m.Draining(time.Minute)
	got = scrape(t, m)
	for name, want := range map[string]string{
		"postvet_config_last_reload_successful": "0", `postvet_config_reloads_total{result="refused"}`: "1",
		`postvet_config_reloads_total{result="done"}`: "0", "postvet_draining": "1", "postvet_drain_timeout_seconds": "60",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// A panic while counters are read costs these metrics, not the service.
func TestFaultsOfTheSource(t *testing.T) {
	t.Parallel()
	m, n := usual("rule \xff")
	n.dns.Upstreams = []dnscache.UpstreamStats{{Addr: "192.0.2.1:53", Queries: 1}, {Addr: "192.0.2.1:53", Queries: 2}, {Addr: "\xff"}}
	if got := scrape(t, m); got[`postvet_dns_upstream_queries_total{upstream="192.0.2.1:53"}`] != "1" || got["postvet_ready"] != "1" {
		t.Errorf("%v", names(got))
	}
	m.Watch(panicking{}, nil, 1)
	if got := scrape(t, m); got["postvet_faults_total"] != "0" || got["postvet_ready"] != "" {
		t.Errorf("%v", names(got))
	}
}

type panicking struct{}

func (panicking) Stats() filter.Stats { panic("injected") }

func TestRegistryOfTheCaller(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	New(Options{Registry: r})
	all, err := r.Gather()
	if err != nil || len(all) < 50 {
		t.Fatalf("%d metrics, %v", len(all), err)
	}
	// Before Watch there is nothing to read, and the service is not ready.
	if s := New(Options{}).snapshot(); len(s.NotReady) != 1 || !strings.HasPrefix(s.NotReady[0], "starting") {
		t.Errorf("%q", s.NotReady)
	}
}

func BenchmarkMessage(b *testing.B) {
	m, _ := usual("vip", "no-reply")
	d := forgery()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Message(d)
		}
	})
}
