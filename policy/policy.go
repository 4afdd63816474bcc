// Package policy finds out who really sent a message. It runs the evaluators of SPF,
// DKIM, ARC, DMARC and reverse DNS while the message streams in, and returns what
// they found. Package rules decides what is done with it.
//
// The conversation follows SMTP: [Checker.Connect], [Conn.Helo], [Conn.Message], then
// on the message Recipient, Field, EndOfHeader, Write and Finish. Finish returns the
// results that rules.Rules.Decide turns into a verdict. Each call starts the lookups
// whose input it completes, so that they overlap the arrival of the rest. The body is
// hashed once and not kept; [Options] bound the rest.
//
// The package has no socket, no file and no clock of its own.
//
// # Relays
//
// If the client is one of Options.Relays, SPF and reverse DNS are about the client
// behind it, which the topmost Received fields name. They start at the end of the
// header. A relay is never exempt, and never refused early.
//
// If the client behind a relay cannot be found, SPF is none and says why. DMARC then
// rests on the signatures. Without an aligned one it is temperror and not fail if MAIL
// FROM belongs to the author, so mail of a domain that asks for quarantine or reject
// is deferred until the relay or the list of relays is put right. Mail that was made
// on a relay, such as its bounces, is accepted all the same.
package policy

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// Resolver is what the evaluators need of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly].
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Observer is what evidence needs of earlier mail.
type Observer interface {
	// Observe returns what is known of earlier mail when a message fails whose author's
	// domain asks for reject, and takes note of it. indirect is true if something speaks
	// for indirect mail. It is safe for concurrent use, and does not wait.
	Observe(res *result.Results, indirect bool) result.Observed
}

// degraded reports whether a resolver says that it does not work at present.
func degraded(r Resolver) bool {
	d, ok := r.(interface{ Degraded() bool })
	return ok && d.Degraded()
}

// Options make a Checker. Resolver is required, the rest has defaults.
type Options struct {
	Resolver Resolver
	// AuthservID is the name that our Authentication-Results carry.
	AuthservID string
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Exempt says which messages are not checked.
	Exempt Exempt
	// Relays are clients that relay mail from others, such as backup MXs and
	// gateways. Each adds a Received field that names the host it received the
	// message from. That host is evaluated in place of the relay, see
	// [result.ClientResult].
	Relays *addrlist.List
	// SenderDomain asks for a check whether the domains of MAIL FROM and of the
	// author accept mail.
	SenderDomain bool
	// Judgement asks SPF of the earlier hops of a message that fails and whose author's
	// domain asks for reject, see [judgement.Hops].
	Judgement bool
	// Observer knows earlier mail; nil if nobody does.
	Observer Observer
	// ForwardedTo are recipients whose mail hosts of others forward here. It is evidence
	// that a message to them is indirect mail.
	ForwardedTo *addrlist.List
	// SPFTimeout bounds one SPF evaluation; default 20s.
	SPFTimeout time.Duration
	// MessageTimeout is how long Finish waits at most. Checks that have not ended by
	// then are temperror. Default 20s.
	MessageTimeout time.Duration
	// MaxHeaderBytes, MaxFields and MaxBodyBytes bound a message. A larger one is
	// oversize. Defaults 1 MiB, 2000 and 1 GiB.
	MaxHeaderBytes, MaxFields int
	MaxBodyBytes              int64
	// MaxRecipients is how many recipients are remembered. Default 1000.
	MaxRecipients int
	// DKIM and DMARC are options of the evaluators. Their clocks are set from Now.
	DKIM  dkim.Options
	DMARC dmarc.Options
	// PartialBody is what a passing signature counts as if its l= leaves a part of
	// the body unsigned: Policy (the default), Neutral, Fail or Pass. RFC 6376
	// section 8.2 leaves the choice to us.
	PartialBody dkim.Status
	// Signing says how messages of our users are signed; nil to sign none.
	Signing *Signing
	// Sealing says how forwarded messages are sealed; nil to seal none.
	Sealing *Sealing
	// Trace records every step for a person to read, and looks for what changed
	// under a signature that fails. It changes no result.
	Trace bool
	// Live keeps a trace from delaying a message: lookups that no check waits for are
	// missing in it if they have not ended.
	Live bool
}
