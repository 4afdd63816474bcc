package lookups_test

import (
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

const dnssecZone = `
signed.example. 3600 MX 10 mx.signed.example.
$FAULT signed.example * AD
$FAULT gone.signed.example * AD,NXDOMAIN
plain.example. 0 MX 10 mx.plain.example.
forged.example. MX 10 mx.forged.example.
$FAULT forged.example MX BOGUS,EDE:6
dead.example. MX 10 mx.dead.example.
$FAULT dead.example MX REFUSED
half.example. 60 A 185.0.2.1
half.example. 30 AAAA 2a00:db8::1
$FAULT half.example A AD
both.example. A 185.0.2.1
$FAULT both.example * AD
part.example. A 185.0.2.1
$FAULT part.example A AD
$FAULT part.example AAAA REFUSED
`

func clock() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

// TestDNSSECOf is RFC 4033 section 5.
func TestDNSSECOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, ask       string
		validates, none lookups.DNSSEC // with a resolver that validates, and one that does not
		ttl             int
	}{
		{"secure", "signed.example", lookups.Secure, lookups.Secure, 3600},
		{"secure, a proof of absence", "gone.signed.example", lookups.Secure, lookups.Secure, 0},
		{"insecure", "plain.example", lookups.Insecure, lookups.Undetermined, 5}, // the resolver's least
		{"bogus, as the resolver says itself", "forged.example", lookups.Bogus, lookups.Bogus, 0},
		{"a failure", "dead.example", lookups.Undetermined, lookups.Undetermined, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for zone, want := range map[string]lookups.DNSSEC{dnssecZone + "com. NS a.com.\n$FAULT com NS AD\n": tt.validates, dnssecZone: tt.none} {
				_, resolver := dnstest.StartAt(t, zone, clock)
				l := lookups.New(t.Context(), resolver, clock)
				a := l.Lookup(t.Context(), tt.ask, dnscache.MX)
				if got := l.DNSSECOf(t.Context(), a); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if got := l.TTL(a); got != tt.ttl {
					t.Errorf("TTL %d, want %d", got, tt.ttl)
				}
				l.Close()
			}
		})
	}
}

// TestAddressesAreSecureTogether: both families count, but not one that failed.
func TestAddressesAreSecureTogether(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.StartAt(t, dnssecZone+"org. NS a.org.\n$FAULT org NS AD\n", clock)
	l := lookups.New(t.Context(), resolver, clock)
	defer l.Close()
	for name, want := range map[string]lookups.DNSSEC{"half.example": lookups.Insecure, "both.example": lookups.Secure, "part.example": lookups.Secure} {
		if got := l.DNSSECOf(t.Context(), l.Addresses(t.Context(), name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := l.TTL(l.Addresses(t.Context(), "half.example")); got != 30 {
		t.Errorf("TTL %d", got)
	}
}
