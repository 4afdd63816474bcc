package mx_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/mx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zone = `
usual.example. MX 10 mx1.usual.example.
mx1.usual.example. A 192.0.2.1
six.example. MX 10 mx.six.example.
mx.six.example. AAAA 2001:db8::1
second.example. MX 10 gone.second.example.
second.example. MX 20 mx.second.example.
mx.second.example. A 192.0.2.1
null.example. MX 0 .
null.example. A 192.0.2.1
nullhigh.example. MX 50 .
beside.example. MX 0 .
beside.example. MX 10 mx1.usual.example.
only.example. MX 0 .
only.example. MX 10 .
implicit.example. A 192.0.2.1
implicit6.example. AAAA 2001:db8::1
nothing.example. TXT "nobody here"
dead.example. MX 10 gone.dead.example.
many.example. MX 1 a.gone.example.
many.example. MX 2 b.gone.example.
many.example. MX 3 c.gone.example.
many.example. MX 4 d.gone.example.
many.example. MX 5 e.gone.example.
many.example. MX 6 mx1.usual.example.
alias.example. CNAME usual.example.
lost.example. CNAME lost.usual.example.
sub.parent.example. A 192.0.2.1
servfail.example. A 192.0.2.1
$FAULT servfail.example MX SERVFAIL
refused.example. A 192.0.2.1
$FAULT refused.example MX REFUSED
halfdark.example. TXT "x"
$FAULT halfdark.example A SERVFAIL
halflit.example. AAAA 2001:db8::1
$FAULT halflit.example A SERVFAIL
darkmx.example. MX 10 dark.host.example.
$FAULT dark.host.example A SERVFAIL
darkfirst.example. MX 10 dark.host.example.
darkfirst.example. MX 20 mx1.usual.example.
`

func TestCheck(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, zone)
	for _, tt := range []struct {
		name, domain string
		want         mx.Status
		reason       string
	}{
		{"an exchanger", "usual.example", mx.Accepts, "exchanger mx1.usual.example"},
		{"in capitals, with a dot", "Usual.Example.", mx.Accepts, "exchanger mx1.usual.example"},
		{"IPv6 alone", "six.example", mx.Accepts, "exchanger mx.six.example"},
		{"the second exchanger exists", "second.example", mx.Accepts, "exchanger mx.second.example"},
		{"RFC 7505 section 3 null MX", "null.example", mx.NullMX, "null MX record"},
		{"null MX of another preference", "nullhigh.example", mx.NullMX, "null MX record"},
		{"RFC 7505 section 3 null MX beside another", "beside.example", mx.Accepts, "exchanger mx1.usual.example"},
		{"null MX twice", "only.example", mx.NoAddress, "no exchanger has an address"},
		{"RFC 5321 section 5.1 implicit MX", "implicit.example", mx.Accepts, "no MX record, but an address"},
		{"implicit MX, IPv6", "implicit6.example", mx.Accepts, "no MX record, but an address"},
		{"a domain with nothing for mail", "nothing.example", mx.NoAddress, "neither an MX record nor an address"},
		{"the exchanger does not exist", "dead.example", mx.NoAddress, "no exchanger has an address"},
		{"not all exchangers are looked at", "many.example", mx.Accepts, "an exchanger is named; no address of the first five"},
		{"an alias", "alias.example", mx.Accepts, "exchanger mx1.usual.example"},
		{"an alias of nothing", "lost.example", mx.NoAddress, "the domain is an alias of a name that does not exist"},
		{"NXDOMAIN", "gone.example", mx.NoDomain, "no such domain"},
		{"an empty non-terminal exists", "parent.example", mx.NoAddress, "neither an MX record nor an address"},
		{"SERVFAIL", "servfail.example", mx.TempError, ""},
		{"REFUSED", "refused.example", mx.TempError, ""},
		{"DNS failure of  one family", "halfdark.example", mx.TempError, ""},
		{"DNS failure of  one family, the other found", "halflit.example", mx.Accepts, "no MX record, but an address"},
		{"DNS failure of  the exchanger", "darkmx.example", mx.TempError, ""},
		{"DNS failure of  the first exchanger", "darkfirst.example", mx.Accepts, "exchanger mx1.usual.example"},
		{"no domain", "", mx.None, "no domain"},
		{"an address literal", "[192.0.2.1]", mx.None, "no domain"},
		{"no domain name", "a b\x00.example", mx.None, "not a domain name"},
		{"too long", strings.Repeat("a.", 200) + "example", mx.None, "not a domain name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := mx.Check(t.Context(), resolver, tt.domain)
			if got.Status != tt.want || tt.reason != "" && got.Reason != tt.reason {
				t.Errorf("got %+v, want %s (%s)", got, tt.want, tt.reason)
			}
		})
	}
}

// silent answers only when the caller's context ends.
type silent struct{}

func (silent) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if got := mx.Check(ctx, silent{}, "a.example"); got.Status != mx.TempError {
		t.Errorf("got %+v", got)
	}
}

// scripted returns a given answer for each type.
type scripted map[dnscache.Type]*dnscache.Answer

func (s scripted) Lookup(ctx context.Context, _ string, t dnscache.Type) *dnscache.Answer {
	if a := s[t]; a != nil {
		return a
	}
	<-ctx.Done() // like a lookup that is cancelled
	return &dnscache.Answer{Outcome: dnscache.Timeout}
}

// TestStaleAbsenceIsNoEvidence: a record that a stale answer denies may exist
// by now. RFC 8767 is about answers with records.
func TestStaleAbsenceIsNoEvidence(t *testing.T) {
	t.Parallel()
	for _, outcome := range []dnscache.Outcome{dnscache.NXDomain, dnscache.NoData} {
		r := scripted{dnscache.MX: {Outcome: outcome, Stale: true}}
		if got := mx.Check(t.Context(), r, "a.example"); got.Status != mx.TempError {
			t.Errorf("%v: got %+v", outcome, got)
		}
	}
}

func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	server, resolver := dnstest.Start(t, zone)
	mx.Check(t.Context(), resolver, "many.example")
	if n := len(server.Queries()); n > 11 {
		t.Errorf("%d queries: %v", n, server.Queries())
	}
}
