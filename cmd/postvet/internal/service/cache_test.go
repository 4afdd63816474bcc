package service

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache"
)

func TestAnswerOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	at := now.Add(90 * time.Second)
	for _, tc := range []struct {
		held dnscache.Held
		want control.Answer
	}{
		{
			dnscache.Held{Name: "example.org", Type: dnscache.A, Bytes: 5, Answer: &dnscache.Answer{
				Outcome: dnscache.Found, Expires: at, Authentic: true, Canonical: "real.example.net",
				Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")},
			}},
			control.Answer{Name: "example.org", Type: "A", Outcome: "found", ExpiresSeconds: 90, Authentic: true, Canonical: "real.example.net", Records: []string{"192.0.2.1", "192.0.2.2"}, Bytes: 5},
		},
		{
			dnscache.Held{Name: "example.org", Type: dnscache.MX, Answer: &dnscache.Answer{Outcome: dnscache.Found, Expires: at, MX: []dnscache.Exchange{{Preference: 10, Host: "mx.example.org"}, {}}}},
			control.Answer{Name: "example.org", Type: "MX", Outcome: "found", ExpiresSeconds: 90, Records: []string{"10 mx.example.org", "0 ."}},
		},
		{
			dnscache.Held{Name: "192.in-addr.arpa", Type: dnscache.PTR, Answer: &dnscache.Answer{Outcome: dnscache.Found, Expires: at, Names: []string{"mx.example.org"}}},
			control.Answer{Name: "192.in-addr.arpa", Type: "PTR", Outcome: "found", ExpiresSeconds: 90, Records: []string{"mx.example.org"}},
		},
		{
			dnscache.Held{Name: "gone.example", Answer: &dnscache.Answer{Outcome: dnscache.NXDomain, Expires: at}},
			control.Answer{Name: "gone.example", Type: "any", Outcome: "nxdomain", ExpiresSeconds: 90},
		},
		{
			dnscache.Held{Name: "slow.example", Type: dnscache.TXT, Answer: &dnscache.Answer{Outcome: dnscache.Timeout, Expires: at.Add(-24 * time.Hour), Err: errors.New("no answer")}},
			control.Answer{Name: "slow.example", Type: "TXT", Outcome: "timeout", ExpiresSeconds: 90 - 24*3600, Error: "no answer"},
		},
	} {
		if d := cmp.Diff(tc.want, answerOf(tc.held, now)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.held.Name, d)
		}
	}
	// One answer cannot fill a response.
	long := make([]string, 1000)
	for i := range long {
		long[i] = strings.Repeat("x", 60000)
	}
	a := answerOf(dnscache.Held{Name: "long.example", Type: dnscache.TXT, Answer: &dnscache.Answer{Outcome: dnscache.Found, TXT: long}}, now)
	if len(a.Records) != maxRecords || len(a.Records[0]) > maxText {
		t.Errorf("%d records of %d octets", len(a.Records), len(a.Records[0]))
	}
}

func TestDescribeDNS(t *testing.T) {
	t.Parallel()
	hits := dnscache.OutcomeCounts{dnscache.Found: 90000}
	dns, cache := describeDNS(dnscache.Stats{
		Hits: hits, Misses: 9000, Joined: 1000, InFlight: 1, Entries: 8123, Bytes: 9 << 20, Evicted: 4, Stale: 5,
		Upstreams: []dnscache.UpstreamStats{{Addr: "127.0.0.1:53", Queries: 9001, Failures: 3, Timeouts: 1, Latency: 1234 * time.Microsecond, BackOff: true, Retransmitted: 17, Lost: 15, RetransmitAfter: 21 * time.Millisecond, Refused: 5, InFlight: 6, Limit: 7, Waited: 8, TCP: 9, OpenConnections: 10, MostConnections: 11, Resent: 12, Certificate: "expired", WithoutEDNS: true, WithoutMixing: true}},
	}, 64<<20)
	wantDNS := control.DNS{InFlight: 1, Upstreams: []control.Upstream{{Address: "127.0.0.1:53", Queries: 9001, Failures: 3, Timeouts: 1, LatencyMS: 1.234, BackOff: true, Retransmitted: 17, Lost: 15, RetransmitAfterMS: 21, Refused: 5, InFlight: 6, ConcurrencyLimit: 7, Waited: 8, StreamQueries: 9, OpenConnections: 10, MostConnections: 11, Resent: 12, Certificate: "expired", WithoutEDNS: true, WithoutRandomCase: true}}}
	if d := cmp.Diff(wantDNS, dns); d != "" {
		t.Errorf("DNS (-want +got):\n%s", d)
	}
	wantCache := control.Cache{Entries: 8123, Bytes: 9 << 20, Limit: 64 << 20, Lookups: 100000, Hits: 90000, HitRatio: 0.9, Evicted: 4, Stale: 5}
	if d := cmp.Diff(wantCache, cache); d != "" {
		t.Errorf("cache (-want +got):\n%s", d)
	}
	// Without a lookup there is no ratio, and the list is empty rather than null.
	if dns, cache = describeDNS(dnscache.Stats{}, 0); dns.Upstreams == nil || cache.HitRatio != 0 {
		t.Errorf("%+v, %+v", dns, cache)
	}
}
