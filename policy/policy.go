// Package policy evaluates one message: it runs the evaluators while the message
// streams in, and returns what they found. Package rules decides what to do.
//
// The conversation follows SMTP: [Checker.Connect], [Conn.Helo],
// [Conn.Message], then on the message Recipient, Field, EndOfHeader, Write and
// Finish, whose results [rules.Rules.Decide] turns into a verdict. Each step
// starts the DNS work whose input it completes, so that it overlaps the
// arrival of the rest; the body is hashed once and not kept.
//
// The package has no socket, no file and no clock of its own.
//
// # Relays
//
// A client in Options.Relays is looked through: SPF and reverse DNS are about the
// client that it had, which the topmost Received fields name, and they begin when
// the header ends. It is never exempt, and never refused early. If the client
// behind it cannot be found, SPF is none and says why. DMARC then rests on the
// signatures: without an aligned one it is temperror, not fail, where MAIL FROM
// belongs to the author, so that a domain that asks for quarantine or reject has
// its mail deferred until the relay or the list is put right. What a relay made
// itself, such as its bounces, is accepted all the same.
package policy

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
)

// Resolver is what the evaluators need of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly].
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// degraded reports whether a resolver that can tell is in trouble.
func degraded(r Resolver) bool {
	d, ok := r.(interface{ Degraded() bool })
	return ok && d.Degraded()
}

// Options make a Checker. Resolver is required, the rest has defaults.
type Options struct {
	Resolver Resolver
	// AuthservID is the name that our Authentication-Results carry.
	AuthservID string
	// Now is the clock; default time.Now, given by the command.
	Now func() time.Time
	// Exempt says which messages are not checked.
	Exempt Exempt
	// Relays are clients that hand on what they got from others and say from whom
	// in a Received field of their own: backup MXs, gateways. Not they are
	// evaluated but whom they name, see [result.ClientResult].
	Relays *addrlist.List
	// SenderDomain has looked up whether the domains of MAIL FROM and of the
	// author accept mail.
	SenderDomain bool
	// SPFTimeout bounds one SPF evaluation; default 20s.
	SPFTimeout time.Duration
	// MessageTimeout bounds what Finish waits for after the message's end;
	// what is out then ends in temperror. Default 20s.
	MessageTimeout time.Duration
	// MaxHeaderBytes, MaxFields and MaxBodyBytes bound a message; more makes it
	// oversize. Defaults 1 MiB, 2000 and 1 GiB.
	MaxHeaderBytes, MaxFields int
	MaxBodyBytes              int64
	// MaxRecipients is how many recipients are remembered. Default 1000.
	MaxRecipients int
	// DKIM and DMARC are handed to the evaluators; their clocks are set from Now.
	DKIM  dkim.Options
	DMARC dmarc.Options
	// PartialBody is what a passing signature becomes whose l= leaves a part of
	// the body unsigned: Policy (the default), Neutral, Fail, or Pass to let it
	// count, as RFC 6376 section 8.2 leaves to us.
	PartialBody dkim.Status
	// Trace records every step for a person to read, and has a closer look at
	// signatures that fail. It changes no result.
	Trace bool
}
