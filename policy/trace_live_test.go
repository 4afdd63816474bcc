package policy_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/result"
)

// silentAbout is a resolver that answers everything but the lookups of one name.
type silentAbout struct{ name string }

func (r silentAbout) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if name != r.name {
		return &dnscache.Answer{Outcome: dnscache.NXDomain}
	}
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

// A trace of a live message does not wait for a lookup that no check needs: here for
// the record of MAIL FROM's domain, when the author has another.
func TestLiveTraceDelaysNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		options policy.Options
		want    time.Duration
	}{
		"live trace": {policy.Options{Trace: true, Live: true}, 0},
		"trace":      {policy.Options{Trace: true}, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.options.Resolver, tt.options.AuthservID = silentAbout{"_dmarc.sender.example"}, "mx.test.example"
				began := time.Now()
				res := converse(t, policy.NewChecker(tt.options), sample())
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
				if len(res.Trace) == 0 {
					t.Error("no trace")
				}
			})
		})
	}
}

// The trace of a message that is refused before it is sent ends with SPF.
func TestEarlyTrace(t *testing.T) {
	t.Parallel()
	checker := policy.NewChecker(policy.Options{Resolver: silentAbout{}, AuthservID: "mx.test.example", Trace: true, Live: true})
	g := sample()
	conn := checker.Connect(t.Context(), g.client)
	defer conn.Close()
	conn.Helo(g.helo)
	m := conn.Message(g.sender)
	res := m.Early(t.Context())
	var texts []string
	seen := map[string]bool{}
	for _, e := range res.Trace {
		texts = append(texts, e.Text)
		seen[e.Check] = true
	}
	if all := strings.Join(texts, "\n"); !strings.Contains(all, "gives the sender <a@sender.example>") || !seen[result.CheckIPRev] || !seen[result.CheckMailFrom] || seen[result.CheckDKIM] || seen[result.CheckDMARC] && strings.Contains(all, "not signed") {
		t.Error(all)
	}
}
