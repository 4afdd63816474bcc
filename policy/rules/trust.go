package rules

import (
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
)

// Trust names the parties that are trusted although DMARC fails. The zero value trusts
// nobody.
type Trust struct {
	// Forwarders are clients by address or verified name, and signers.
	Forwarders *addrlist.List
	// Sealers are the domains whose ARC seals are believed.
	Sealers      *addrlist.List
	MailingLists MailingLists
	// Authors has the policies that replace those of author domains, by domain in
	// lower-case A-labels. An entry also holds for the domains below. The map is
	// not modified.
	Authors map[string]AuthorOverride
}

// AuthorOverride is what the administrator says about an author domain.
type AuthorOverride struct {
	Policy dmarc.Policy
	// Until is when the override ends; the zero time for never.
	Until time.Time
}
