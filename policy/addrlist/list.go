// Package addrlist reads and searches the lists of client addresses, host names
// and domains that administrators of mail servers keep in files: hosts they
// trust, networks and domains of their own.
//
// [Builder] and [New] read entries, and a [List] answers whether it holds an
// address, a name or a signing domain.
//
// # Format
//
// The files are those of opendkim (PeerList, InternalHosts, ExternalIgnoreList,
// ExemptDomains) and opendmarc (IgnoreHosts, IgnoreMailFrom,
// DomainWhitelistFile), unchanged: one entry a line, or several separated by
// commas; "#" begins a comment.
//
//	192.0.2.1  [192.0.2.1]  2001:db8::1    an address
//	192.0.2.0/24  2001:db8::/32            a prefix
//	mx.example.org                         this name and no other
//	.example.org  *.example.org            the names below it, not itself
//	dkim:example.org                       any message that this domain signed
//	bob@example.org                        this mail address and no other
//	!192.0.2.7  !mx.example.org            an exception
//
// The most specific entry decides: the longest prefix, the longest name, and
// "!" before the same entry without it. The order of the entries does not
// matter.
//
// An entry may have an end, see [Builder.Until]. From then on the list is as if the
// entry did not stand in it.
//
// # Errors
//
// Some mistakes that opendkim and opendmarc ignore are errors here: two words
// on a line, a prefix with bits beyond its length, a mistyped address. A list
// that is not read as it was meant trusts the wrong hosts. An [Error] names the
// place, the problem and the remedy.
package addrlist

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gaissmai/bart"

	"github.com/postvet/postvet/policy/message"
)

// Kind is a set of kinds of entries that a list may hold.
type Kind uint8

// Kinds of entries.
const (
	Addresses     Kind = 1 << iota // addresses and prefixes
	Names                          // host names or domains
	Signers                        // "dkim:" and a domain name
	MailAddresses                  // mail addresses
)

// List is a set of addresses, names, signers and mail addresses. A nil list is empty. It is
// immutable and safe for concurrent use. A lookup takes less than a microsecond
// in a list of any size and does not allocate.
//
// A list with entries that end is asked by way of At. Without it no such entry
// counts.
type List struct {
	*entries
	at int64 // the time of the lookups, in Unix seconds
}

// entries are the entries of a list.
type entries struct {
	prefixes bart.Table[span]
	names    map[string]span // "example.org" and ".example.org"
	signers  map[string]span
	// mailboxes are mail addresses in the form of mailboxOf.
	mailboxes map[string]span
	size      int
	dated     bool // an entry has an end
	// When the last entry for a name and the last one for a signer end.
	lastName, lastSigner int64
}

// span says until when an entry stands in the list, as a member and as an
// exception ("!"), in Unix seconds. A span without either has no entry.
type span struct{ member, exception int64 }

// always is the end of an entry without one.
const always = math.MaxInt64

// found reports whether there is an entry at a time, and whether it is a member.
func (s span) found(at int64) (member, found bool) {
	return s.exception <= at && s.member > at, s.exception > at || s.member > at
}

// At returns the list as it is at a time.
func (l *List) At(t time.Time) *List {
	if l == nil || !l.dated {
		return l
	}
	return &List{l.entries, t.Unix()}
}

// Address reports whether the list holds an address. No list holds an invalid
// address.
func (l *List) Address(ip netip.Addr) bool {
	if l == nil || !ip.IsValid() {
		return false
	}
	ip = ip.Unmap().WithZone("")
	if !l.dated {
		s, _ := l.prefixes.Lookup(ip)
		member, _ := s.found(l.at)
		return member
	}
	for _, s := range l.prefixes.Supernets(netip.PrefixFrom(ip, ip.BitLen())) {
		if member, found := s.found(l.at); found { // the longest prefix comes first
			return member
		}
	}
	return false
}

// Name reports whether the list holds a name, given in lower-case A-labels
// without a dot at the end. No list holds "".
func (l *List) Name(name string) bool { return l != nil && l.within(l.names, name) }

// DomainOf reports whether the list holds the domain of a mail address, which may be as a
// client gave it.
func (l *List) DomainOf(address string) bool {
	_, domain := message.SplitPath(address)
	name, ok := message.NormalizeDomain(domain)
	return ok && l.Name(name)
}

// Mailbox reports whether the list holds a mail address, which may be as a client gave it:
// by an entry for it, or else by one for its domain.
func (l *List) Mailbox(path string) bool {
	if l == nil || l.Len() == 0 {
		return false
	}
	mailbox, domain := mailboxOf(path)
	if len(l.mailboxes) > 0 && mailbox != "" {
		if member, found := l.mailboxes[mailbox].found(l.at); found {
			return member
		}
	}
	return domain != "" && l.Name(domain)
}

// Signer reports whether the list holds "dkim:" with this domain, given in
// lower-case A-labels.
func (l *List) Signer(domain string) bool { return l != nil && l.within(l.signers, domain) }

// HasNames reports whether the list has entries for names.
func (l *List) HasNames() bool { return l != nil && l.lastName > l.at }

// HasSigners reports whether the list has entries for signers.
func (l *List) HasSigners() bool { return l != nil && l.lastSigner > l.at }

// Len returns the number of different entries, whenever they end.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.size
}

// within reports whether names has the name itself or, from the nearest parent
// up, an entry ".parent". The first entry found decides.
func (l *List) within(names map[string]span, name string) bool {
	if len(names) == 0 || name == "" || name[0] == '.' {
		return false
	}
	if member, found := names[name].found(l.at); found {
		return member
	}
	for above := range message.Ancestry(name) {
		// The key of an entry for subdomains begins with the dot.
		if at := len(name) - len(above) - 1; at > 0 {
			if member, found := names[name[at:]].found(l.at); found {
				return member
			}
		}
	}
	return false
}

// New returns a list of entries of the given kinds.
func New(kinds Kind, entries ...string) (*List, error) {
	var b Builder
	for _, e := range entries {
		if err := b.Add(e, kinds); err != nil {
			return nil, err
		}
	}
	return b.List(), nil
}

// Members returns the names of the entries for names that count, sorted and each once. Of
// ".example.org", for the names below it, it is "example.org".
func (l *List) Members() (names []string) {
	if l == nil {
		return nil
	}
	for name, s := range l.names {
		if member, _ := s.found(l.at); member {
			names = append(names, strings.TrimPrefix(name, "."))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Difference returns the number of entries that are not in another list, and of those
// that are only there. An entry with another end counts in both.
func (l *List) Difference(other *List) (added, removed int) {
	return l.missing(other), other.missing(l)
}

// missing returns the number of entries that are not in another list.
func (l *List) missing(other *List) (n int) {
	if l == nil {
		return 0
	}
	if other == nil {
		return l.size
	}
	for p, s := range l.prefixes.All() {
		if there, found := other.prefixes.Get(p); !found || there != s {
			n++
		}
	}
	for name, s := range l.names {
		if other.names[name] != s {
			n++
		}
	}
	for name, s := range l.signers {
		if other.signers[name] != s {
			n++
		}
	}
	for address, s := range l.mailboxes {
		if other.mailboxes[address] != s {
			n++
		}
	}
	return n
}
