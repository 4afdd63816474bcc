package policy_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
)

// partly is a DNS that knows some answers, says of others that there is nothing,
// and is silent about the rest.
type partly struct {
	known  map[string]*dnscache.Answer // by name and type
	silent map[string]bool
}

func (p partly) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	key := name + " " + t.String()
	if a := p.known[key]; a != nil {
		return a
	}
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	if p.silent[key] {
		<-ctx.Done()
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// A lookup that is given up as its answer is no longer needed has not failed;
// one that ran out of time has.
func TestFailedLookups(t *testing.T) {
	t.Parallel()
	address := &dnscache.Answer{Outcome: dnscache.Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.66")}}
	none := &dnscache.Answer{Outcome: dnscache.NoData}
	for _, tt := range []struct {
		name   string
		known  map[string]*dnscache.Answer
		failed int
	}{
		{"an IPv4 address", map[string]*dnscache.Answer{"sender.example MX": none, "sender.example A": address}, 0},
		{"no address in time", map[string]*dnscache.Answer{"sender.example MX": none}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := partly{known: tt.known, silent: map[string]bool{"sender.example AAAA": true}}
				conn := policy.NewChecker(policy.Options{Resolver: r, AuthservID: "mx.test.example", SenderDomain: true}).
					Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.66")})
				defer conn.Close()
				conn.Helo("client.example")
				msg := conn.Message(message.Sender{Path: "a@sender.example"})
				msg.Field(message.NewField("From", " a@sender.example"))
				res := msg.Finish(t.Context())
				if res.DNS.Failed != tt.failed {
					t.Errorf("%d failed, want %d: %+v", res.DNS.Failed, tt.failed, res.SenderDomains)
				}
			})
		})
	}
}

// distant answers after a round trip: names below example.org let everybody send,
// and the domain itself asks for rejection.
type distant struct{ roundTrip time.Duration }

func (d distant) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	time.Sleep(d.roundTrip)
	switch {
	case name == "_dmarc.example.org":
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=reject"}}
	case strings.HasSuffix(name, ".example.org") && !strings.HasPrefix(name, "_"):
		return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{"v=spf1 +all"}}
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// The lookups that a header calls for take the time of the longest chain of them
// that need each other: the Organizational Domain of MAIL FROM's domain is looked
// up together with the author's.
func TestHeaderLookupsTakeARoundTrip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const roundTrip = 20 * time.Millisecond
		conn := policy.NewChecker(policy.Options{Resolver: distant{roundTrip}, AuthservID: "mx.test.example"}).
			Connect(t.Context(), message.Client{IP: netip.MustParseAddr("192.0.2.66")})
		defer conn.Close()
		conn.Helo("client.example")
		msg := conn.Message(message.Sender{Path: "a@a.b.example.org"})
		msg.Field(message.NewField("From", " a@example.org"))
		time.Sleep(time.Minute) // what the envelope calls for
		began := time.Now()
		res := msg.Finish(t.Context())
		if took := time.Since(began); took != roundTrip || !res.DMARC.SPFAligned {
			t.Errorf("took %v, want %v: %+v", took, roundTrip, res.DMARC)
		}
	})
}
