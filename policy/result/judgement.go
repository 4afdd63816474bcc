package result

import (
	"net/netip"

	"github.com/postvet/postvet/policy/spf"
)

// Side says what a piece of evidence speaks for.
type Side string

// The sides. Indirect is mail that somebody handed on, so that its author's domain no
// longer authenticates it.
const (
	Indirect Side = "indirect"
	Forgery  Side = "forgery"
)

// Presence says whether something was found. "" means the same as Unknown.
type Presence string

// The words of a Presence.
const (
	Present Presence = "present"
	Absent  Presence = "absent"
	Unknown Presence = "unknown"
)

// Fact is whether something was found, and what in words for a person.
type Fact struct {
	State Presence `json:"state"`
	Text  string   `json:"text"`
}

// Evidence is what one entry of the table of package judgement found about a message.
type Evidence struct {
	Name string `json:"name"`
	Side Side   `json:"side"`
	Fact
}

// Hop is an earlier hop of a message, as its Received fields name it. Anybody can write
// them.
type Hop struct {
	IP   netip.Addr `json:"ip"`
	Helo string     `json:"helo"`
	// Status is the SPF result of the hop for Domain.
	Domain string     `json:"domain"`
	Status spf.Status `json:"result"`
	// Named is whether Helo has an address in the network of IP. It is Absent if all its
	// addresses are elsewhere, and asked only if Domain has no SPF record.
	Named Presence `json:"named,omitempty"`
}

// Observed is what is known of earlier mail when a message fails. The zero value says
// that nothing is known.
type Observed struct {
	// SignsAll is whether the author's domain was seen to sign all its mail.
	SignsAll Fact `json:"signs_all,omitzero"`
	// Forwarder is whether genuine mail of several domains came through the client before,
	// or the message authenticates as a domain that is known.
	Forwarder Fact `json:"forwarder,omitzero"`
	// ForwardedTo is whether mail to a recipient is known to be forwarded here.
	ForwardedTo Fact `json:"forwarded_to,omitzero"`
	// FailedDomains is the number of organizational domains that ask for reject, and for
	// which the client's network failed within the last hour with mail that nothing
	// authenticates and that bears no sign of indirect mail; 0 if nobody counts them.
	FailedDomains int `json:"failed_domains,omitempty"`
	// ImpersonatedDomains is the number of organizational domains that sign all their mail,
	// and of which the client's network, of which nothing was known, sent unsigned mail
	// within the last hour that authenticates as somebody else; 0 if nobody counts them.
	ImpersonatedDomains int `json:"impersonated_domains,omitempty"`
}
