package spf

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// deafDNS answers at once, except for names below slow.example. Their lookups
// end in a timeout after the time that a resolver allows.
type deafDNS struct{ *zone }

func (d deafDNS) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if !strings.HasSuffix(name, ".slow.example") {
		return d.zone.Lookup(ctx, name, t)
	}
	d.zone.Lookup(ctx, name, t) // to record the question
	select {
	case <-time.After(8 * time.Second):
	case <-ctx.Done():
	}
	return &dnscache.Answer{Outcome: dnscache.Timeout}
}

// TestClientNamesAreBounded: the owner of the reverse zone chooses the names,
// but must not delay the evaluation of another domain's record.
func TestClientNamesAreBounded(t *testing.T) {
	for _, tc := range []struct {
		name, record string
		names        []string // %d becomes 0 to 9
		want         Status
		took         time.Duration
		queries      int
	}{
		{"5.5 ten slow names, ptr", "v=spf1 ptr:slow.example -all", []string{"h%d.slow.example"}, Fail, 5 * time.Second, 12},
		{"7.3 ten slow names, p", "v=spf1 exists:%{p}.p.example.org -all", []string{"h%d.slow.example"}, Fail, 5 * time.Second, 13},
		{"5.5 one budget for all terms", "v=spf1 ptr:h0.slow.example ptr:h1.slow.example ptr:slow.example -all", []string{"h%d.slow.example"}, Fail, 5 * time.Second, 3},
		{"5.5 ten names that are no host names", "v=spf1 ptr:slow.example -all", []string{"h+%d.slow.example"}, Fail, 0, 2},
		{"7.3 ten names that are no host names", "v=spf1 exists:%{p}.p.example.org -all", []string{"h+%d.slow.example"}, Fail, 0, 3},
		{"5.5 a valid name before slow ones", "v=spf1 ptr:good.slow.example ptr:example.net -all", []string{"good.example.net", "h%d.slow.example"}, Pass, 0, 3},
		{"5.5 a valid name behind slow ones", "v=spf1 ptr:example.net -all", []string{"h0.slow.example", "good.example.net"}, Pass, 0, 3},
		{"7.3 a valid name behind a slow one", "v=spf1 exists:%{p}.p.example.org -all", []string{"h0.slow.example", "good.example.net"}, Pass, 5 * time.Second, 5},
		{"5.5 the same name again", "v=spf1 ptr:slow.example -all", []string{"h.slow.example", "H.slow.example", "h.slow.example."}, Fail, 5 * time.Second, 3},
	} {
		for _, sequential := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/sequential=%v", tc.name, sequential), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					z := newZone().txt("example.org", tc.record).addr("good.example.net", client.String()).
						addr("good.example.net.p.example.org", "127.0.0.2")
					for _, n := range tc.names {
						for i := range 10 {
							if name := strings.ReplaceAll(n, "%d", fmt.Sprint(i)); name != n || i == 0 {
								z.ptr("1.2.0.192.in-addr.arpa", name)
							}
						}
					}
					start := time.Now()
					got := Check(t.Context(), deafDNS{z}, from("example.org"), Options{Sequential: sequential})
					if took := time.Since(start); got.Status != tc.want && !sequential || took != tc.took || got.Status == TempError {
						t.Errorf("got %+v after %v, want %s after %v", got, took, tc.want, tc.took)
					}
					if q := z.queries(); !sequential && len(q) != tc.queries {
						t.Errorf("%d queries, want %d: %q", len(q), tc.queries, q)
					}
				})
			})
		}
	}
	t.Run("4.6.4 slow PTR", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			z := newZone().txt("example.org", "v=spf1 ptr a:h.example.org -all").addr("h.example.org", client.String())
			start := time.Now()
			got := Check(t.Context(), slowDNS{z, 0, "1.2.0.192.in-addr.arpa"}, from("example.org"), Options{})
			if took := time.Since(start); got.Status != Pass || took != 5*time.Second {
				t.Errorf("got %+v after %v", got, took)
			}
		})
	})
}
