package failures

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

var now = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func failing(ip, domain string, at time.Time) *result.Results {
	return &result.Results{Client: result.ClientResult{IP: ip}, DMARC: dmarc.Result{Status: dmarc.Fail, OrganizationalDomain: domain}, Arrived: at}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := New()
	for i, step := range []struct {
		ip, domain string
		after      time.Duration
		indirect   bool
		signed     bool
		want       int
	}{
		{"192.0.2.1", "a.example", 0, false, false, 1},
		{"192.0.2.1", "a.example", time.Minute, false, false, 1},     // again
		{"192.0.2.9", "b.example", 2 * time.Minute, false, false, 2}, // its network
		{"192.0.3.1", "c.example", 2 * time.Minute, false, false, 1}, // another network
		{"192.0.2.1", "c.example", 3 * time.Minute, true, false, 2},  // a forwarder's work does not count
		{"192.0.2.1", "c.example", 3 * time.Minute, false, true, 2},  // nor that of somebody
		{"192.0.2.1", "c.example", 4 * time.Minute, false, false, 3},
		{"192.0.2.1", "d.example", 61 * time.Minute, false, false, 3}, // a is over
		{"192.0.2.1", "d.example", 3 * time.Hour, false, false, 1},
		{"192.0.2.1", "e.example", time.Hour, false, false, 4}, // the clock went back, to the hour of a, b and c
		{"2001:db8:0:1::1", "a.example", 0, false, false, 1},
		{"2001:db8:0:2::1", "b.example", 0, false, false, 2},
		{"", "b.example", 0, false, false, 0},
	} {
		res := failing(step.ip, step.domain, now.Add(step.after))
		if step.signed {
			res.DKIM = []dkim.Result{{Domain: "x.example", Status: dkim.Pass}}
		}
		if got := table.Observe(res, step.indirect).FailedDomains; got != step.want {
			t.Errorf("step %d: %d domains, want %d", i, got, step.want)
		}
	}
}

// Mail that authenticates as somebody else counts apart.
func TestImpersonated(t *testing.T) {
	t.Parallel()
	table := New()
	for i, step := range []struct {
		domain string
		named  bool
		want   int
	}{{"a.example", true, 1}, {"a.example", true, 1}, {"b.example", false, 0}, {"c.example", true, 2}} {
		res := failing("192.0.2.1", step.domain, now)
		if step.named {
			res.DKIM = []dkim.Result{{Domain: "x.example", Status: dkim.Pass}}
		}
		if got := table.Impersonated(res); got != step.want {
			t.Errorf("step %d: %d domains, want %d", i, got, step.want)
		}
	}
	if n := table.Observe(failing("192.0.2.1", "d.example", now), false).FailedDomains; n != 1 {
		t.Errorf("%d domains failed, want 1", n)
	}
	if n := table.Impersonated(&result.Results{DKIM: []dkim.Result{{Status: dkim.Pass}}}); n != 0 {
		t.Errorf("%d domains without a client", n)
	}
}

// A flood of networks and domains stays within the bounds.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	table := New()
	var group sync.WaitGroup
	for part := range 4 {
		group.Go(func() {
			for i := range 20000 {
				ip := netip.AddrFrom4([4]byte{byte(part + 1), byte(i >> 8), byte(i), 1})
				res := failing(ip.String(), fmt.Sprintf("d%d.example", i%100), now)
				if i%2 == 0 {
					res.DKIM = []dkim.Result{{Domain: "x.example", Status: dkim.Pass}}
				}
				table.Observe(res, false)
				table.Impersonated(res)
			}
		})
	}
	group.Wait()
	for name, m := range map[string]*memory{"anonymous": &table.anonymous, "named": &table.named} {
		for i := range m {
			if n := len(m[i].networks); n > perShard || n < perShard/2 {
				t.Errorf("%s: shard %d has %d networks", name, i, n)
			}
		}
	}
	for i := range 100 {
		if n := table.Observe(failing("192.0.2.1", fmt.Sprintf("d%d.example", i), now), false).FailedDomains; n > perNetwork {
			t.Fatalf("%d domains", n)
		}
	}
}
