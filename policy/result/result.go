// Package result has the values that an evaluation and a decision return. [Results] has
// everything that was found about a message. [Verdict] has the action, its reasons, and
// the edits of the header.
//
// They are plain values with a JSON form. The package decides nothing.
package result

import (
	"time"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// The words of Results.Exempt.
const (
	ExemptAddress       = "exempt address"
	ExemptName          = "exempt name"
	ExemptAuthenticated = "authenticated"
	ExemptLocal         = "local submission"
	ExemptOriginating   = "signed by us"
	ExemptForwarded     = "forwarded by us"
)

// Results has everything that was found about one message.
type Results struct {
	// Reference is what a refusal tells the sender to quote; zero for none.
	Reference Reference `json:"ref,omitempty"`

	Client ClientResult  `json:"client"`
	IPRev  iprev.Result  `json:"iprev"`
	SPF    []spf.Result  `json:"spf"`
	DKIM   []dkim.Result `json:"dkim"`
	ARC    arc.Result    `json:"arc"`
	DMARC  dmarc.Result  `json:"dmarc"`

	// PartialBody is the status of a passing signature that leaves a part of the body
	// unsigned, see [Results.Counts].
	PartialBody dkim.Status `json:"partial_body"`
	// Arrived is when the message began to arrive. It decides which settings with an
	// end still apply.
	Arrived time.Time `json:"-"`
	// MailFrom is the reverse-path, "" for the null sender.
	MailFrom string `json:"mail_from"`
	// MailFromUnknown is true if nobody gave a reverse-path, and MailFrom is "" for
	// that reason.
	MailFromUnknown bool `json:"-"`
	// User is the name that the client logged in with, "" for none.
	User string `json:"user"`
	// Organizations are the Organizational Domains of the domains that sealers
	// recorded as authenticated, as far as they may be aligned with the author's.
	Organizations map[string]dmarc.Organization `json:"-"`
	// SenderDomains says whether the sender's domains accept mail. It is empty unless
	// the configuration needs it.
	SenderDomains []SenderDomain `json:"sender_domains"`
	// Author is the author according to the From fields.
	Author message.Author `json:"author"`
	// Recipients are the accepted recipients, up to a limit.
	Recipients []string `json:"recipients"`
	// RecipientsIncomplete is true if there were more recipients.
	RecipientsIncomplete bool `json:"recipients_incomplete"`
	// List are the marks of a mailing list. Anybody can write them.
	List message.List `json:"list"`
	// Size is the number of octets of header and body; of an exempt message only the
	// body counts.
	Size int64 `json:"size"`
	// Header are the fields as they were received; nil if the message was not
	// checked.
	Header message.Header `json:"-"`
	// Exempt says why the message was not checked, in one of the words above; "" if
	// it was.
	Exempt string `json:"exempt"`
	// ExemptUndecided is true if a DNS failure hides whether the client is exempt by
	// its name.
	ExemptUndecided bool `json:"exempt_undecided"`
	// Oversize says which limit of the header was exceeded; "" if none.
	Oversize string `json:"oversize"`
	// Marks are signs of forwarders. They are collected only if DMARC does not pass.
	Marks Marks `json:"marks"`
	// Hops are the earlier hops of which SPF was asked, HopsAsked is true if it was.
	Hops      []Hop `json:"hops,omitempty"`
	HopsAsked bool  `json:"-"`
	// Route is whether one of the hosts that wrote Received fields may be in the client's
	// network. It is Absent if their names have addresses, all of them elsewhere, and asked
	// only if the names themselves do not say it.
	Route Presence `json:"route,omitempty"`
	// Observed is what is known of earlier mail. It is asked for only if the message
	// fails and its author's domain asks for reject.
	Observed Observed `json:"observed,omitzero"`
	// Evidence says entry by entry of package judgement what speaks for a forgery and
	// what for indirect mail. It is nil unless the message fails and its author's domain
	// asks for reject.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Claims are the fields that a sender wrote in our name, in the order received.
	Claims []FieldRef `json:"claims"`
	// ClaimsIncomplete is true if there were more such fields than can be removed.
	ClaimsIncomplete bool `json:"claims_incomplete"`
	// Signing says whether we sign the message; nil if no signing is configured.
	Signing *Signing `json:"signing,omitempty"`
	// Sealing says whether we seal the message; nil if no sealing is configured, or if the
	// message was refused before it was sent.
	Sealing *Sealing `json:"sealing,omitempty"`
	// Faults are the checks that failed because of an internal error.
	Faults []string `json:"faults"`
	// DNS has the cost of the message's lookups.
	DNS DNSCost `json:"dns"`
	// Trace is empty unless the options of the evaluation ask for it.
	Trace []Event `json:"trace"`
}

// DNSCost is the cost of a message's lookups.
type DNSCost struct {
	// Lookups is the number of questions to the cache.
	Lookups int `json:"lookups"`
	// WaitMS is the time during which at least one lookup was in progress.
	WaitMS float64 `json:"wait_ms"`
	// Failed is the number of lookups that ended in ServFail, Refused or Timeout.
	Failed int `json:"failed"`
	// ResolverFailed and HostFailed are those of them that failed because our resolvers
	// do not answer, and because this machine cannot ask them. They say nothing about
	// the names.
	ResolverFailed int `json:"resolver_failed"`
	HostFailed     int `json:"host_failed"`
	// Degraded is true if no resolver worked at the end of the message.
	Degraded bool `json:"degraded"`
}
