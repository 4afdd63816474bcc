package advice

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
)

// wildcard returns the name of a host or domain of the organization, at a name or above it,
// that has its records of a wildcard alone; "" for none.
func (a *Adviser) wildcard(name string) string {
	// Nobody needs what a wildcard says of _dmarc and the like, or of what is below them.
	if i := strings.LastIndex("."+name, "._"); i >= 0 {
		_, name, _ = strings.Cut(name[i:], ".")
	}
	for at := name; at != a.Organization && strings.Contains(at, "."); _, at, _ = strings.Cut(at, ".") {
		if OfWildcard(a.Context, a.Lookups, at) {
			return at
		}
	}
	return ""
}

// OfWildcard reports whether a name has its MX records or addresses of a wildcard. A record
// at it, or below it, would end them (RFC 4592 section 2.2.1).
func OfWildcard(ctx context.Context, r lookups.Resolver, name string) bool {
	_, above, _ := strings.Cut(name, ".")
	for _, t := range []dnscache.Type{dnscache.MX, dnscache.A, dnscache.AAAA} {
		has := r.Lookup(ctx, name, t)
		// Below a name that exists, the wildcard beside it does not hold.
		if has.Outcome == dnscache.Found && equal(has, r.Lookup(ctx, lookups.NoName+"."+name, t)) && equal(has, r.Lookup(ctx, lookups.NoName+"."+above, t)) {
			return true
		}
	}
	return false
}

// equal reports whether two answers have the same MX records and addresses.
func equal(a, b *dnscache.Answer) bool {
	return b.Outcome == dnscache.Found && contains(a.MX, b.MX) && contains(b.MX, a.MX) && contains(a.Addrs, b.Addrs) && contains(b.Addrs, a.Addrs)
}

func contains[T dnscache.Exchange | netip.Addr](all, some []T) bool {
	return !slices.ContainsFunc(some, func(x T) bool { return !slices.Contains(all, x) })
}

// besides ends the advice to publish a record at a name with records of a wildcard, or below.
func besides(name string) string {
	_, above, _ := strings.Cut(name, ".")
	return ", and beside it for " + name + " all records that it has of the wildcard *." + above + ", which ends for a name with records of its own or below it (RFC 4592 section 2.2.1)"
}

// Cautious returns a fix that is one record at a name, in words where the name has its other
// records of a wildcard.
func Cautious(ctx context.Context, r lookups.Resolver, name, record string) finding.Fix {
	if OfWildcard(ctx, r, name) {
		return finding.Advise(Publish(name, record) + besides(name))
	}
	return Propose(name, record)
}
