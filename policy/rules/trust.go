package rules

import (
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
)

// Trust says whose word counts against a failure of DMARC. The zero value trusts
// nobody.
type Trust struct {
	// Forwarders are clients by address or verified name, and signers.
	Forwarders *addrlist.List
	// Sealers are the domains whose ARC seals are believed.
	Sealers      *addrlist.List
	MailingLists MailingLists
	// Authors says by author domain, in lower-case A-labels, what is done instead of
	// what the domain asks for. An entry holds for the domains below, too. The map
	// is not modified.
	Authors map[string]dmarc.Policy
}
