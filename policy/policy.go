// Package policy decides about one message: it runs the evaluators while the
// message streams in, and applies the rules to what they found.
//
// The conversation follows SMTP: [Checker.Connect], [Conn.Helo],
// [Conn.Message], then on the message Recipient, Field, EndOfHeader, Write and
// Finish, whose [Results] [Rules.Decide] turns into a [Verdict]. Each step
// starts the DNS work whose input it completes, so that it overlaps the
// arrival of the rest; the body is hashed once and not kept.
//
// The package has no socket, no file and no clock of its own.
//
// # The order of decisions
//
// Faults of ours and exemptions are decided first, then the administrator's own
// rules are asked, see [CustomRule]: one that decides has the last word but for
// mode, and for a client that may be exempt by a name which DNS trouble hides.
// Then come messages without one author. After these each line may change what
// those above it decided:
//
//	what                     asks                                  changes
//	DMARC                    what does the author's domain want?   -
//	author_overrides         what do we want for that domain?      any action, up and down
//	trust.forwarders         did a trusted client hand it on?      reject, hold, defer -> accept
//	trust.sealers            did a trusted chain see it pass?      reject, hold -> accept
//	policy.mailing_lists     does it look like a list's work?      reject, hold -> hold, accept
//	policy.sender_domain     does the sender accept mail?          accept, hold -> reject (not for
//	                                                               what was trusted above)
//	on_own_domain,           is it proven, signed, permitted?      accept -> hold, defer, reject
//	on_unsigned, spf_*       (the strictest answer; not for what
//	                         was trusted above)
//	policy.on_degraded       could we ask at all?                  reject -> defer; see there
//	names hidden by DNS      would the client be trusted?          reject -> defer
//	mode, monitor_*,         is it to be carried out?              all -> accept
//	enforce_domains
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
//
// What turns an action away from what the author's domain asks for is an
// [Override] of the verdict; what nearly did is in Refused, with the reason.
package policy

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// Resolver is what the evaluators need of the DNS.
type Resolver interface {
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// degraded reports whether a resolver that can tell is in trouble.
func degraded(r Resolver) bool {
	d, ok := r.(interface{ Degraded() bool })
	return ok && d.Degraded()
}

// Results is all that was found about one message. It is a plain value.
type Results struct {
	Client ClientResult  `json:"client"`
	IPRev  iprev.Result  `json:"iprev"`
	SPF    []spf.Result  `json:"spf"`
	DKIM   []dkim.Result `json:"dkim"`
	ARC    arc.Result    `json:"arc"`
	DMARC  dmarc.Result  `json:"dmarc"`

	// PartialBody is what a passing signature with an unsigned rest of the body
	// counts as, see [Results.Counts].
	PartialBody dkim.Status `json:"partial_body"`
	// MailFrom is the reverse-path, "" for the null sender.
	MailFrom string `json:"mail_from"`
	// User is who authenticated, "" for nobody.
	User string `json:"user"`
	// SenderDomains says whether the sender's domains accept mail; empty unless
	// Options.SenderDomain is set.
	SenderDomains []SenderDomain `json:"sender_domains"`
	// Author is what the From fields say.
	Author message.Author `json:"author"`
	// Recipients are the accepted recipients, at most 1000.
	Recipients []string `json:"recipients"`
	// RecipientsIncomplete tells that there were more.
	RecipientsIncomplete bool `json:"recipients_incomplete"`
	// List are the marks of a mailing list; anybody can write them.
	List message.List `json:"list"`
	// Size is the octets of header and body.
	Size int64 `json:"size"`
	// Header are the fields as they were received; nil if the message was not
	// checked.
	Header message.Header `json:"-"`
	// Exempt says why nothing was checked: "authenticated", "local submission",
	// "exempt address", "exempt name"; "" if the message was checked.
	Exempt string `json:"exempt"`
	// ExemptUndecided tells that the client may be exempt by its name, and that
	// DNS trouble hides the name.
	ExemptUndecided bool `json:"exempt_undecided"`
	// Oversize says which limit of the header was exceeded; "" if none.
	Oversize string `json:"oversize"`
	// Marks are what header and envelope show of forwarders, read if DMARC does
	// not pass.
	Marks Marks `json:"marks"`
	// Claims are the fields that a sender wrote in our name, by field name and
	// 1-based occurrence of that name, in the order received.
	Claims []FieldRef `json:"claims"`
	// ClaimsIncomplete tells that there were more such fields than we keep track of.
	ClaimsIncomplete bool `json:"claims_incomplete"`
	// Faults are the checks in which we failed ourselves.
	Faults []string `json:"faults"`
	// DNS is what the look-ups of this message cost.
	DNS DNSCost `json:"dns"`
	// Trace is filled if Options.Trace is set.
	Trace []Event `json:"trace"`
}

// ClientResult is the client that was evaluated: the one that connected or, if
// that is a trusted relay, the first outside of those that it handed on from.
type ClientResult struct {
	IP   string `json:"ip"`
	Helo string `json:"helo"`
	PTR  string `json:"ptr"` // verified by iprev; "" if none is
	// Listener is the MTA's {daemon_name}, TLS the protocol version of the SMTP
	// session.
	Listener string `json:"listener"`
	TLS      string `json:"tls"`
	// Socket is the address of ours that the MTA connected to, as in
	// message.Client.
	Socket string `json:"socket"`

	// Relay is the address of the trusted relay that connected, and RelayHelo its
	// HELO; "" if the client connected itself.
	Relay     string `json:"relay"`
	RelayHelo string `json:"relay_helo"`
	// Hops is how many trusted relays stand before the client.
	Hops int `json:"hops"`
	// Hidden says why the client behind the relay is not known; IP and Helo are ""
	// then. "" if it is known.
	Hidden string `json:"hidden"`
	// Inside tells that there is no client, as the message was made on a relay.
	Inside bool `json:"inside"`
}

// DNSCost sums the look-ups of a message.
type DNSCost struct {
	// Lookups is how many questions were asked of the cache.
	Lookups int `json:"lookups"`
	// WaitMS is for how long at least one look-up was under way.
	WaitMS float64 `json:"wait_ms"`
	// Failed is how many ended in ServFail, Refused or Timeout.
	Failed int `json:"failed"`
	// Degraded tells that the resolver itself was in trouble when the message
	// ended: look-ups failed whatever was asked.
	Degraded bool `json:"degraded"`
}

// Event is one line of a trace.
type Event struct {
	AtMS float64 `json:"at_ms"` // since the connection began
	What string  `json:"what"`  // dns, message, iprev, spf, dkim, arc, dmarc, mx, policy
	Text string  `json:"text"`
	// Check is what the event belongs to: of a look-up, who asked. It is What,
	// but for SPF, which has an identity behind it: "spf helo", "spf mailfrom".
	Check string `json:"check"`
}

// FieldRef names one of several fields of a name; Occurrence counts from 1 at
// the top.
type FieldRef struct {
	Name       string `json:"name"`
	Occurrence int    `json:"occurrence"`
}

// Action is what is to be done with a message.
type Action string

// The actions.
const (
	Accept     Action = "accept"
	Quarantine Action = "quarantine"
	Reject     Action = "reject"
	TempFail   Action = "tempfail"
	// Redirect sends the message to another address instead of its recipients,
	// Discard makes it vanish while the client believes it delivered. Only rules
	// of the admin's own lead to these.
	Redirect Action = "redirect"
	Discard  Action = "discard"
)

// Delivers reports whether a message with this verdict goes on to somebody or
// into a queue, so that its header is ours to edit.
func (a Action) Delivers() bool { return a == Accept || a == Quarantine || a == Redirect }

// Verdict is the decision about one message.
type Verdict struct {
	Action Action `json:"action"`
	// Intended is the action that the rules chose before Mode applied.
	Intended Action `json:"intended"`
	// Code is the SMTP reply and enhanced code, "550 5.7.26"; "" unless the
	// message is refused.
	Code string `json:"code"`
	// Text is the reply's text or the reason of the quarantine: printable ASCII,
	// one line, at most 450 octets. '%' is not doubled.
	Text string `json:"text"`
	// Rule is the name of the rule that decided.
	Rule string `json:"rule"`
	// Overrides name what turned the action away from what the domain asks for,
	// in the order in which they did.
	Overrides []Override `json:"overrides"`
	// Why says in sentences how the action came about, the decisive one first,
	// for every message that is not simply accepted; at most 12.
	Why []string `json:"why"`
	// Hints are likely stories behind a failure. They decided nothing.
	Hints []Hint `json:"hints"`
	// RedirectTo is who gets the message instead of its recipients if Action is
	// Redirect.
	RedirectTo string `json:"redirect_to"`
	// Matched are the rules of the admin's own that matched, in order.
	Matched []RuleMatch `json:"matched"`
	// Faults are the rules that failed and were passed over.
	Faults []string `json:"faults"`

	// Refused are overrides that nearly applied, and why they did not.
	Refused []Override `json:"refused_overrides"`

	// Remove are the fields to take out, in the order received.
	Remove []FieldRef `json:"-"`
	// Insert are the fields to put on top, the last one uppermost.
	Insert []message.Field `json:"-"`
	// AuthenticationResults is the value of our field, "" if none is written.
	AuthenticationResults string `json:"-"`
}

// Report is what `postvet check --json` prints: the contract of the command line.
type Report struct {
	*Results
	Verdict               Verdict `json:"verdict"`
	AuthenticationResults string  `json:"authentication_results"`
	// Shadow is what the shadow policy would have done; nil if there is none.
	Shadow *Verdict `json:"shadow,omitempty"`
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
	// evaluated but whom they name, see [ClientResult].
	Relays *addrlist.List
	// SenderDomain has looked up whether the domains of MAIL FROM and of the
	// author accept mail.
	SenderDomain bool
	// SPFTimeout bounds one SPF evaluation; default 20s.
	SPFTimeout time.Duration
	// MessageTimeout bounds what Finish waits for after the message's end;
	// what is out then ends in temperror. Default 20s.
	MessageTimeout time.Duration
	// MaxHeaderBytes and MaxFields bound what is kept of a message; more makes
	// it oversize. Defaults 1 MiB and 2000.
	MaxHeaderBytes, MaxFields int
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
