package reportsending

import (
	"cmp"
	"strings"
	"time"
)

// Send says which domains get reports.
type Send string

// The choices.
const (
	Off    Send = "off"
	Known  Send = "known"  // domains seen on two days, and those of the list
	All    Send = "all"    // each domain that asks
	Listed Send = "listed" // those of the list alone
)

// Settings are what an administrator chooses. They do not change.
type Settings struct {
	Send Send
	// Known and Excluded report whether a domain is in a list; nil for no list.
	Known, Excluded func(domain string) bool
	// Forged has reports sent also to domains all of whose mail was refused.
	Forged bool

	// Submitter is the domain in whose name reports are sent; OrgName, Email and Contact
	// are what they say of it. The default of OrgName is Submitter.
	Submitter, OrgName, Email, Contact string
	// From is the address of the author, and BounceDomain the domain of the envelope
	// sender; default that of From.
	From, BounceDomain string

	// Window is the time over which the reports of a day are spread.
	Window time.Duration
	// Rate is how many messages are sent a minute at most, PerDestination how many to one
	// domain, and MaxPerDay how many a day. Defaults: 60, 5, 2000.
	Rate, PerDestination, MaxPerDay int
	// DNSBL are the zones of lists of domains that get no reports.
	DNSBL []string
}

// withDefaults returns the settings with their defaults.
func (s Settings) withDefaults() Settings {
	never := func(string) bool { return false }
	if s.Known == nil {
		s.Known = never
	}
	if s.Excluded == nil {
		s.Excluded = never
	}
	s.OrgName = cmp.Or(s.OrgName, s.Submitter)
	s.BounceDomain = cmp.Or(s.BounceDomain, s.ownDomain())
	s.Window = cmp.Or(s.Window, 6*time.Hour)
	s.Rate, s.PerDestination, s.MaxPerDay = cmp.Or(s.Rate, 60), cmp.Or(s.PerDestination, 5), cmp.Or(s.MaxPerDay, 2000)
	return s
}

// ownDomain returns the domain that reports come from.
func (s *Settings) ownDomain() string { return domainOf(s.From) }

// domainOf returns the domain of an address.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
