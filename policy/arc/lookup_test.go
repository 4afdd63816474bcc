package arc

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dkim"
)

// resolverFunc is a resolver for answers that dnstest cannot give.
type resolverFunc func(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer

func (f resolverFunc) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	return f(ctx, name, t)
}

func TestNoKey(t *testing.T) {
	t.Parallel()
	h, body := splitMessage(chain(plainMail, 2))
	slow := resolverFunc(func(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
		<-ctx.Done()
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	})
	tests := []struct {
		name   string
		r      dkim.Resolver
		reason string
	}{
		{"cancelled", slow, "ARC-Message-Signature 2: looking up s._domainkey.hop2.example: timeout"},
		{"no keys", nil, "ARC-Message-Signature 2: the key was not looked up"},
	}
	for _, tt := range tests {
		var bodies dkim.Bodies
		v := NewVerifier(h, &bodies, dkim.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var keys dkim.Keys
		if tt.r != nil {
			keys = v.LookupKeys(ctx, tt.r)
		}
		bodies.Write([]byte(body))
		bodies.Close()
		if got := v.Finish(keys); got.Status != TempError || got.Reason != tt.reason {
			t.Errorf("%s: %s (%s)", tt.name, got.Status, got.Reason)
		}
	}
}

// hostile is a chain of 50 sets with 100 different keys.
func hostile() string {
	mail := plainMail
	for i := 1; i <= 50; i++ {
		mail = sealed(mail, i, sealer{selector: fmt.Sprintf("s%d", i)})
		mail = strings.Replace(mail, "d=hop", "d=as.hop", 1) // the seal is on top
	}
	return mail
}

// TestLookups checks the bounds of the lookups for a hostile chain, in number and
// concurrency, and their order from the newest set down.
func TestLookups(t *testing.T) {
	long, honest := hostile(), chain(plainMail, 50)
	for _, tc := range []struct {
		name    string
		mail    string
		missing string // the key that does not exist
		other   *dnscache.Answer
		status  Status
		names   int
		rounds  int
	}{
		{"all fail", long, "", &dnscache.Answer{Outcome: dnscache.ServFail}, TempError, maxKeys, 8},
		{"all there", long, "", &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{keyRecord()}}, Fail, maxKeys, 8},
		{"one key for each set", honest, "", &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{keyRecord()}}, Pass, 50, 7},
		{"newest message signature's missing", long, "s50._domainkey.hop50.example", &dnscache.Answer{Outcome: dnscache.ServFail}, Fail, 8 + 7, 2},
		{"an old seal's missing", long, "s30._domainkey.as.hop30.example", &dnscache.Answer{Outcome: dnscache.ServFail}, Fail, 24 + 7, 4},
		{"an old message signature's missing", long, "s49._domainkey.hop49.example", &dnscache.Answer{Outcome: dnscache.ServFail}, TempError, maxKeys, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, body := splitMessage(tc.mail)
				var mu sync.Mutex
				var asked []string
				running, most := 0, 0
				r := resolverFunc(func(_ context.Context, name string, _ dnscache.Type) *dnscache.Answer {
					mu.Lock()
					asked = append(asked, name)
					running++
					most = max(most, running)
					mu.Unlock()
					// The missing key is known a little before the others of its round.
					if name == tc.missing {
						time.Sleep(999 * time.Millisecond)
					} else {
						time.Sleep(time.Second)
					}
					mu.Lock()
					running--
					mu.Unlock()
					if name == tc.missing {
						return &dnscache.Answer{Outcome: dnscache.NXDomain}
					}
					return tc.other
				})
				var bodies dkim.Bodies
				v := NewVerifier(h, &bodies, dkim.Options{})
				start := time.Now()
				keys := v.LookupKeys(t.Context(), r)
				bodies.Write([]byte(body))
				bodies.Close()
				got := v.Finish(keys)
				rounds := int((time.Since(start) + 500*time.Millisecond) / time.Second)
				if got.Status != tc.status || most != maxConcurrent {
					t.Errorf("%+v, %d lookups at once", got, most)
				}
				t.Logf("%d names in %d rounds", len(asked), rounds)
				if len(asked) > tc.names || rounds > tc.rounds || tc.missing == "" && (len(asked) != tc.names || rounds != tc.rounds) {
					t.Errorf("%d names in %d rounds, want %d in %d", len(asked), rounds, tc.names, tc.rounds)
				}
				first := strings.Join(asked[:maxConcurrent], " ")
				for _, name := range []string{"s50._domainkey.hop50.example", "s50._domainkey.as.hop50.example", "s44._domainkey.as.hop44.example"} {
					if tc.mail == long && !strings.Contains(first, name) {
						t.Errorf("%s is not among the first: %s", name, first)
					}
				}
			})
		})
	}
}

// TestTimeout checks that a chain whose lookups get no answer takes ten seconds.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, body := splitMessage(chain(plainMail, 50))
		r := resolverFunc(func(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Second):
			}
			return &dnscache.Answer{Outcome: dnscache.Timeout}
		})
		var bodies dkim.Bodies
		v := NewVerifier(h, &bodies, dkim.Options{})
		start := time.Now()
		keys := v.LookupKeys(t.Context(), r)
		bodies.Write([]byte(body))
		bodies.Close()
		got := v.Finish(keys)
		if took := time.Since(start); got.Status != TempError || took != 10*time.Second {
			t.Errorf("%s after %v, want temperror after 10s", got.Status, took)
		}
	})
}
