// Package iprev verifies reverse DNS, RFC 8601 section 3: does the name that
// the address claims lead back to the address?
package iprev

import (
	"context"
	"net/netip"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the check needs of the DNS.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 8601 section 2.7.3.
type Status string

// The results.
const (
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Result is what the check found.
type Result struct {
	Status Status `json:"result"`
	Reason string `json:"reason"`
	// Name is the first name that leads back to the address; "" if none does.
	Name string `json:"name"`
}

// Check looks the address up and back. At most ten names are followed.
func Check(ctx context.Context, r Resolver, ip netip.Addr) Result {
	return Result{Status: PermError}
}
