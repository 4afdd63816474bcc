// Package result has the plain values that an evaluation and a decision are made
// of, as JSON shows them: [Results] is what was found about a message, [Verdict]
// what is done with it.
package result

import (
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
)

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
