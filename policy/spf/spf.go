// Package spf evaluates the Sender Policy Framework, RFC 7208: may this host
// send mail in this domain's name?
package spf

import (
	"context"
	"net/netip"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the evaluation needs of the DNS.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 7208 section 2.6.
type Status string

// The results.
const (
	None      Status = "none"
	Neutral   Status = "neutral"
	Pass      Status = "pass"
	Fail      Status = "fail"
	SoftFail  Status = "softfail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Identity is which of the client's claims is checked.
type Identity string

// The identities of RFC 7208 section 2.3 and 2.4.
const (
	HELO     Identity = "helo"
	MailFrom Identity = "mailfrom"
)

// Query is one check_host() (RFC 7208 section 4.1).
type Query struct {
	Identity Identity
	IP       netip.Addr
	Helo     string
	// Sender is the MAIL FROM path without angle brackets; "" for the null
	// sender and for the HELO identity, which then is postmaster@Helo.
	Sender string
}

// Options bound and inform an evaluation. The zero value works.
type Options struct {
	// Receiver is the name for the macro %{r}; default "unknown".
	Receiver string
	// Timeout bounds the evaluation; default 20s (RFC 7208 section 4.6.4).
	Timeout time.Duration
	// Now is the clock for the macro %{t}; default time.Now.
	Now func() time.Time
}

// Result is what one check found.
type Result struct {
	Identity Identity `json:"identity"`
	// Domain is the domain whose record was evaluated, in lower-case A-labels.
	Domain string `json:"domain"`
	Status Status `json:"result"`
	// Mechanism is the term that matched, as it was written; "default" if none did.
	Mechanism string `json:"mechanism"`
	// Explanation is the domain's own text (exp=) for a fail; foreign words.
	Explanation string `json:"explanation"`
	// Reason says in words why, for everything but a plain match.
	Reason string `json:"reason"`
	// Lookups and Voids are what was counted against the limits of RFC 7208
	// section 4.6.4.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
}

// Check evaluates one identity. It always returns a result; trouble is in its
// Status and Reason.
func Check(ctx context.Context, r Resolver, q Query, o Options) Result {
	return Result{Identity: q.Identity, Status: None}
}
