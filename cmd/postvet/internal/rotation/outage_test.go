package rotation

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
)

// TestDNSDeadForADay: for 25 hours no name server answers, in one of several ways. Mail is
// signed all the time by the key that signed before, also by a service that starts anew,
// and the key that waits for the DNS goes on waiting. Afterwards it takes over.
func TestDNSDeadForADay(t *testing.T) {
	t.Parallel()
	for _, fault := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Lame} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c := &clock{at: noon}
			old, next := s.create("old", "rsa2048"), s.create("next", "rsa2048")
			s.put(old.Name(), old.Record())
			err := s.source.States().Update(func(known map[string]states.Key) {
				known[states.ID(old.Fingerprint(), old.Name())] = states.Key{Name: old.Name(), Type: "rsa", State: states.Active, Since: noon, Published: noon}
				known[states.ID(next.Fingerprint(), next.Name())] = states.Key{Name: next.Name(), Type: "rsa", State: states.Pending, Since: noon, Rotation: true}
			})
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Plan: wholePlan, Publisher: s}
			// cache has no answer from before.
			cache := func() *dnscache.Resolver {
				r, err := dnscache.New(dnscache.Options{Upstreams: []string{s.servers[0].Addr()}, Timeout: 200 * time.Millisecond, Now: c.now})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close() })
				return r
			}
			signedBy := func(r *dnscache.Resolver, want string) {
				t.Helper()
				checker := policy.NewChecker(policy.Options{
					Resolver: r, AuthservID: "mx.example.org", Exempt: policy.Exempt{Authenticated: true}, Now: c.now, Signing: &policy.Signing{Keys: s.open()},
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, selector, err := signOne(ctx, checker, 1); err != nil || selector != want {
					t.Fatalf("%s: signed by %q, %v; %v", c.now(), selector, err, s.lives(s.open().States()))
				}
			}
			r := cache()
			signedBy(r, "old")
			for _, server := range s.servers {
				server.SetFault("*", "*", fault)
			}
			for range 5 {
				if d := cmp.Diff(map[string]string{"old": "active", "next": "pending"}, s.step(o, c)); d != "" {
					t.Fatalf("%s (-want +got):\n%s", c.now(), d)
				}
				signedBy(r, "old")
				signedBy(cache(), "old")
				c.pass(5 * time.Hour)
			}
			for _, server := range s.servers {
				server.SetFault("*", "*", "")
			}
			s.put(next.Name(), next.Record())
			s.steps(o, c, 2*time.Hour, map[string]string{"old": "retiring", "next": "active"})
			signedBy(cache(), "next")
		})
	}
}
