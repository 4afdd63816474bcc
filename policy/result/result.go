// Package result has the values that an evaluation and a decision return: [Results]
// says what was found about a message, [Verdict] what is done with it and why.
//
// They are plain values that JSON can show and a journal can keep. They hold no
// connection, no clock and no configuration, and nothing here decides.
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

// Results says all that was found about one message.
type Results struct {
	Client ClientResult  `json:"client"`
	IPRev  iprev.Result  `json:"iprev"`
	SPF    []spf.Result  `json:"spf"`
	DKIM   []dkim.Result `json:"dkim"`
	ARC    arc.Result    `json:"arc"`
	DMARC  dmarc.Result  `json:"dmarc"`

	// PartialBody is what a passing signature counts as if it leaves a part of the
	// body unsigned, see [Results.Counts].
	PartialBody dkim.Status `json:"partial_body"`
	// MailFrom is the reverse-path, "" for the null sender.
	MailFrom string `json:"mail_from"`
	// User is the name that the client logged in with, "" for none.
	User string `json:"user"`
	// SenderDomains says whether the sender's domains accept mail. It is empty unless
	// that was asked for.
	SenderDomains []SenderDomain `json:"sender_domains"`
	// Author is what the From fields say.
	Author message.Author `json:"author"`
	// Recipients are the accepted recipients, up to a limit.
	Recipients []string `json:"recipients"`
	// RecipientsIncomplete tells that there were more.
	RecipientsIncomplete bool `json:"recipients_incomplete"`
	// List are the marks of a mailing list. Anybody can write them.
	List message.List `json:"list"`
	// Size is the number of octets of header and body; of an exempt message only the
	// body counts.
	Size int64 `json:"size"`
	// Header are the fields as they were received; nil if the message was not
	// checked.
	Header message.Header `json:"-"`
	// Exempt says why nothing was checked, in one of the words above; "" if the
	// message was checked.
	Exempt string `json:"exempt"`
	// ExemptUndecided tells that the client may be exempt by its name, which a DNS
	// failure hides.
	ExemptUndecided bool `json:"exempt_undecided"`
	// Oversize says which limit of the header was exceeded; "" if none.
	Oversize string `json:"oversize"`
	// Marks are what header and envelope show of forwarders. They are read only if
	// DMARC does not pass.
	Marks Marks `json:"marks"`
	// Claims are the fields that a sender wrote in our name, in the order received.
	Claims []FieldRef `json:"claims"`
	// ClaimsIncomplete tells that there were more such fields than can be removed.
	ClaimsIncomplete bool `json:"claims_incomplete"`
	// Faults are the checks that failed by our own fault.
	Faults []string `json:"faults"`
	// DNS is what the lookups of this message cost.
	DNS DNSCost `json:"dns"`
	// Trace is filled if Options.Trace is set.
	Trace []Event `json:"trace"`
}

// DNSCost sums the lookups of a message.
type DNSCost struct {
	// Lookups is the number of questions to the cache.
	Lookups int `json:"lookups"`
	// WaitMS is how long at least one lookup was under way.
	WaitMS float64 `json:"wait_ms"`
	// Failed is the number of lookups that ended in ServFail, Refused or Timeout.
	Failed int `json:"failed"`
	// Degraded tells that no resolver worked when the message ended: lookups failed
	// whatever was asked.
	Degraded bool `json:"degraded"`
}
