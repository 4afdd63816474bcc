package lookups

import (
	"context"
	"strings"

	"github.com/postvet/postvet/dnscache"
)

// NoName is a label that nobody uses. What has records at it has them of a wildcard.
const NoName = "postvet-no-such-name"

// AliasOwner returns where the CNAME stands by which a name leads to canonical: at the name
// itself, or at the wildcard that covers it (RFC 4592 section 2.2.1).
func AliasOwner(ctx context.Context, r Resolver, name string, t dnscache.Type, canonical string) string {
	_, at, _ := strings.Cut(name, ".")
	for at != "" && r.Lookup(ctx, at, t).Canonical == canonical { // it does not exist, and is covered too
		_, at, _ = strings.Cut(at, ".")
	}
	if at != "" && r.Lookup(ctx, NoName+"."+at, t).Canonical == canonical {
		return "*." + at
	}
	return name
}
