// Package sign decides which message is signed as whom, and says why one is not.
//
// [Decide] asks its questions in a fixed order, and the first that is answered with no
// gives the [Reason]: is the message one of our users', or did we only relay it; has it
// one author; do we have a key for the author's domain; may this user write as this
// author. The functions are pure: they know no files, no clock, no DNS and no keys.
//
// Package dkim makes the signature.
package sign

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Options are what the administrator wants. The zero value signs what logged-in users
// submit, and nothing else.
type Options struct {
	// Sockets are our addresses that only our users can reach, as in [message.Client].
	// Daemons are the values of {daemon_name} that only our users can reach.
	Sockets, Daemons []string
	// Networks are addresses whose mail is that of our users. Loopback is not one of
	// them unless the list has it.
	Networks *addrlist.List
	// Local makes mail that was submitted on this machine without SMTP that of our
	// users. Any program on the machine can then sign as any of our domains.
	Local bool
	// Relays are trusted hosts that pass on our users' mail, for [RelayedThroughUs].
	Relays *addrlist.List
	// SignRelayed signs also mail that came from outside the networks.
	SignRelayed bool
	// Match says how the user must belong to the author.
	Match Match
	// Logins say who may use an address that stands in them. Other addresses are compared
	// by Match.
	Logins Logins
	// ExactOnly looks for a key of the author's domain alone, not of its parents.
	ExactOnly bool
}

// At returns the options as they are at a time: entries of their lists may have an end.
func (o Options) At(t time.Time) Options {
	o.Networks, o.Relays = o.Networks.At(t), o.Relays.At(t)
	return o
}

// Match says how a user must belong to the author of a message.
type Match uint8

// The ways to match. The zero value is the default.
const (
	// MatchDomain asks that the user and the author lead to one signing domain.
	MatchDomain Match = iota
	// MatchAddress asks that the user is the author.
	MatchAddress
	// MatchOff asks nothing: each user may write as each author.
	MatchOff
)

// Message is what a decision needs to know of a message.
type Message struct {
	Client message.Client
	Sender message.Sender
	Author message.Author
	// Received are the message's Received fields, from the top.
	Received []message.Received
	// Unproven is the author domain that a stranger used without proof when the message
	// first reached us; "" if none did, as far as is known.
	Unproven string
}

// Reason is the word for why a message is not signed. It stands in logs and metrics.
type Reason string

// The reasons, in the order of the questions.
const (
	NotOriginating   Reason = "not-originating"    // it is not mail of our users
	RelayedThroughUs Reason = "relayed-through-us" // it came from outside before it came from our network
	AuthorAmbiguous  Reason = "author-ambiguous"   // it has not exactly one author domain
	NoKey            Reason = "no-key"             // there is no key for the author's domain or its parents
	LoginMismatch    Reason = "login-mismatch"     // this user may not write as this author
	AlreadySigned    Reason = "already-signed"     // a signature by a key of ours verifies
	ByRule           Reason = "rule"               // a rule of the administrator's own says so
	Oversize         Reason = "oversize"           // it exceeds the limits of what is read
	KeyUnreadable    Reason = "key-unreadable"     // the key cannot be read or used
	KeyUnpublished   Reason = "key-unpublished"    // the DNS does not show the key
	KeyMismatch      Reason = "key-mismatch"       // the DNS shows another key
)

// Reasons returns all reasons in the order of the questions.
func Reasons() []Reason {
	return []Reason{
		NotOriginating, RelayedThroughUs, AuthorAmbiguous, NoKey, LoginMismatch, ByRule, AlreadySigned, Oversize, KeyUnreadable, KeyUnpublished, KeyMismatch,
	}
}

// Decision is who signs a message, or why nobody does.
type Decision struct {
	// Domain is the signing domain, d=; "" if the message is not signed.
	Domain string `json:"domain,omitempty"`
	// Reason says why the message is not signed; "" if it is.
	Reason Reason `json:"reason,omitempty"`
	// Detail explains the reason to a person.
	Detail string `json:"detail,omitempty"`
	// Origin is what made the message one of our users: "login", "socket", "daemon",
	// "local" or "network"; "" if nothing did.
	Origin string `json:"origin,omitempty"`
}

// Keys returns the domain that signs for an address: the address's own, or a parent
// that a table names; "" if there is no key. The address's domain is in lower-case
// A-labels. Its local part is "" if any address of the domain is meant.
type Keys func(address message.Mailbox) (domain string)

// Decide returns who signs the message. keys is asked for the author's address first,
// then for the parents of its domain. Whether the DNS shows the key is for the
// caller to find out: the reasons from [AlreadySigned] on are the caller's.
func Decide(m Message, o Options, keys Keys) Decision {
	var d Decision
	if d.Origin = o.Origin(m.Client, m.Sender); d.Origin == "" {
		return d.not(NotOriginating, "the client neither logged in nor came by a socket, daemon or network of our users")
	}
	// A login, a socket and a daemon prove that a user submitted the message now. A
	// network and a local program do not: they may pass on what came from outside.
	from := ""
	if !o.SignRelayed {
		from = outside(m.Received, o)
	}
	if from != "" && (d.Origin == originNetwork || d.Origin == originLocal) {
		return d.not(RelayedThroughUs, from)
	}
	if m.Author.Domain == "" {
		return d.not(AuthorAmbiguous, m.Author.Problem)
	}
	domain := signingDomain(m.Author.Address(), o, keys)
	if domain == "" {
		return d.not(NoKey, "there is no key for "+m.Author.Domain)
	}
	// A list server hands in what a stranger wrote, perhaps as one of our users.
	if from != "" && m.Unproven != "" && signingDomain(message.Mailbox{Domain: m.Unproven}, o, keys) == domain {
		return d.not(RelayedThroughUs, from+", and nothing proved its author in "+m.Unproven)
	}
	if why := mismatch(m, o, domain, keys); why != "" {
		return d.not(LoginMismatch, why)
	}
	d.Domain = domain
	return d
}

func (d Decision) not(r Reason, detail string) Decision {
	d.Reason, d.Detail = r, detail
	return d
}

// The values of Decision.Origin.
const (
	originLogin   = "login"
	originSocket  = "socket"
	originDaemon  = "daemon"
	originLocal   = "local"
	originNetwork = "network"
)

// Origin returns what makes a message one of our users, as in [Decision]; "" if
// nothing does. A stronger sign comes first.
func (o Options) Origin(c message.Client, s message.Sender) string {
	switch {
	case s.User != "":
		return originLogin
	case named(o.Sockets, c.Socket):
		return originSocket
	case named(o.Daemons, c.Listener):
		return originDaemon
	case c.Local && o.Local:
		return originLocal
	case c.IP.IsValid() && o.Networks.Address(c.IP):
		return originNetwork
	}
	return ""
}

func named(list []string, name string) bool {
	for _, n := range list {
		if name != "" && n == name {
			return true
		}
	}
	return false
}

// maxHops bounds how many Received fields are read. Mail servers end a loop before.
const maxHops = 50

// outside returns which host outside our networks the message came from, "" if none.
// A hop at which a user logged in ends the walk: what is below it is the user's. A
// content filter that takes mail from outside and hands it in again over loopback is
// found by the field that our own server wrote before.
func outside(hops []message.Received, o Options) string {
	for i, r := range hops {
		switch {
		case i == maxHops:
			return fmt.Sprintf("it has more than %d Received fields", maxHops)
		case r.Authenticated:
			return ""
		case r.Problem != "":
			return "it may have come from outside: " + r.Problem
		case !r.IP.IsValid(), r.IP.IsLoopback(), o.Networks.Address(r.IP), o.Relays.Address(r.IP):
		default:
			return fmt.Sprintf("it came from %s before", r.IP)
		}
	}
	return ""
}

// maxParents bounds the parents of a domain that are asked for, so that a name of a hundred
// labels asks a server of keys for few. Those that are left out are the longest ones.
const maxParents = 8

// signingDomain returns the domain that signs for an address: its own, or the nearest
// parent that has a key and is no public suffix; "" if there is none.
func signingDomain(address message.Mailbox, o Options, keys Keys) string {
	for strings.Contains(address.Domain, ".") {
		if d := keys(address); d != "" {
			return d
		}
		_, parent, _ := strings.Cut(address.Domain, ".")
		for strings.Count(parent, ".") > maxParents {
			_, parent, _ = strings.Cut(parent, ".")
		}
		if o.ExactOnly || isPublicSuffix(parent) {
			return ""
		}
		address = message.Mailbox{Domain: parent}
	}
	return ""
}

func isPublicSuffix(d string) bool {
	suffix, _ := publicsuffix.PublicSuffix(d)
	return suffix == d
}

// mismatch returns why the user may not write as the author; "" if it may. A login
// that is no address says nothing of a domain, so that MAIL FROM counts, which the
// mail server compares with the login.
func mismatch(m Message, o Options, domain string, keys Keys) string {
	if o.Match == MatchOff {
		return ""
	}
	for _, author := range m.Author.Mailboxes {
		if why := o.mayWrite(m.Sender, author, domain, keys); why != "" {
			return why
		}
	}
	return ""
}

func (o Options) mayWrite(s message.Sender, author message.Mailbox, domain string, keys Keys) string {
	address := author.Local + "@" + author.Domain
	// The table is about logins. A program, a listed network or a list server has none.
	if users, listed := o.logins(address, author.Domain); listed && s.User != "" {
		for _, u := range users {
			if strings.EqualFold(u, s.User) {
				return ""
			}
		}
		return fmt.Sprintf("the login %s may not write as %s by the table of logins", foreign.Word(s.User, maxShown), foreign.Word(address, maxShown))
	}
	as, by := s.Path, "the sender "
	if strings.Contains(s.User, "@") {
		as, by = s.User, "the login "
	}
	if as == "" {
		// A notice of the mail server has no sender. A user could choose the null
		// sender to write as anybody.
		if s.User == "" {
			return ""
		}
		return fmt.Sprintf("the login %s is no address and the sender is null, so that nothing ties it to %s", foreign.Word(s.User, maxShown), author.Domain)
	}
	local, name := message.SplitPath(as)
	user, ok := message.NormalizeDomain(name)
	switch {
	case !ok:
		return by + foreign.Word(as, maxShown) + " has no valid domain"
	case o.Match == MatchAddress:
		if local == author.Local && user == author.Domain {
			return ""
		}
		return fmt.Sprintf("%s%s is not the author %s", by, foreign.Word(as, maxShown), foreign.Word(address, maxShown))
	case signingDomain(message.Mailbox{Local: local, Domain: user}, o, keys) == domain:
		return ""
	}
	return fmt.Sprintf("%s%s does not belong to %s, which signs for the author", by, foreign.Word(as, maxShown), domain)
}

// maxShown bounds foreign words in details, in octets.
const maxShown = 100

func (o Options) logins(address, domain string) (users []string, listed bool) {
	if users, listed = o.Logins[strings.ToLower(address)]; listed {
		return users, true
	}
	users, listed = o.Logins["@"+domain]
	return users, listed
}
