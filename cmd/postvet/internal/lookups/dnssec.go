package lookups

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// DNSSEC says whether an answer can have been forged on the way to the resolver.
type DNSSEC string

// The states of RFC 4033 section 5. Undetermined means that the lookup failed, or that
// no resolver is trusted to validate.
const (
	Secure       DNSSEC = "secure"
	Insecure     DNSSEC = "insecure"
	Bogus        DNSSEC = "bogus"
	Undetermined DNSSEC = "unknown"
)

// signedZones are zones that are signed. Their name servers show whether the resolver
// validates, without a lookup in the zone that is inspected.
var signedZones = []string{"org", "com"}

// Validates reports whether the resolver is trusted to validate, and does so. A resolver
// that has not shown it yet is not believed that records are bogus, so that an inspection
// begins with this.
func (l *Lookups) Validates(ctx context.Context) bool {
	for _, zone := range signedZones {
		l.mu.Lock()
		signed := l.signed
		l.mu.Unlock()
		if signed {
			return true
		}
		if a := l.Lookup(ctx, zone, dnscache.NS); !a.Outcome.Known() {
			break // the resolver does not work
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.signed
}

// ValidatesNot reports whether the resolver showed that it does not validate, or is not
// trusted to.
func (l *Lookups) ValidatesNot(ctx context.Context) bool {
	if l.Validates(ctx) {
		return false
	}
	for _, zone := range signedZones {
		if !l.Lookup(ctx, zone, dnscache.NS).Outcome.Known() {
			return false
		}
	}
	return true
}

// DNSSECOf returns the state of an answer.
func (l *Lookups) DNSSECOf(ctx context.Context, a *dnscache.Answer) DNSSEC {
	switch {
	case a.Bogus():
		return Bogus
	case !a.Outcome.Known():
		return Undetermined
	case a.Authentic:
		return Secure
	case l.Validates(ctx):
		return Insecure
	}
	return Undetermined
}

// TTL returns for how many seconds an answer holds, 0 if that is not known.
func (l *Lookups) TTL(a *dnscache.Answer) int {
	if a.Outcome != dnscache.Found || a.Expires.IsZero() || a.Stale {
		return 0
	}
	left := a.Expires.Sub(l.now())
	return int(max(0, (left+time.Second-1)/time.Second))
}
