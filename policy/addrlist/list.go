// Package addrlist holds lists of client addresses, host names and domains, which
// administrators of mail servers keep in files: whom to trust, what is ours.
//
// # Format
//
// The files are those of opendkim (PeerList, InternalHosts, ExternalIgnoreList,
// ExemptDomains) and opendmarc (IgnoreHosts, IgnoreMailFrom,
// DomainWhitelistFile), unchanged: one entry a line, or several with commas
// between them; "#" begins a remark.
//
//	192.0.2.1  [192.0.2.1]  2001:db8::1    an address
//	192.0.2.0/24  2001:db8::/32            a prefix
//	mx.example.org                         this name and no other
//	.example.org  *.example.org            the names below it, not itself
//	dkim:example.org                       whatever this domain has signed
//	!192.0.2.7  !mx.example.org            not this one
//
// The most precise entry decides: the longest prefix, the longest name, and
// "!" before the same entry without it. So exceptions may stand anywhere.
//
// What the peers pass over in silence is an error here, because a list that is
// read otherwise than it was meant trusts the wrong ones: two words on a line, a
// prefix with bits beyond its length, a mistyped address.
package addrlist

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"github.com/postvet/postvet/policy/message"
)

// Kind says what a list may hold; kinds may be combined.
type Kind uint8

// The kinds.
const (
	Addresses Kind = 1 << iota // addresses and prefixes
	Names                      // host names or domains
	Signers                    // "dkim:" and a domain
)

// List is a set of addresses, names and signers. A nil list is empty. It does
// not change, and is safe for concurrent use; a look-up takes less than a
// microsecond in any list and allocates nothing.
type List struct {
	prefixes bart.Table[bool] // true for a member, false for an exception
	names    map[string]bool  // "example.org" and ".example.org"
	signers  map[string]bool
	size     int
}

// Address reports whether the list holds an address. An invalid address is in
// no list.
func (l *List) Address(ip netip.Addr) bool {
	if l == nil || !ip.IsValid() {
		return false
	}
	member, found := l.prefixes.Lookup(ip.Unmap().WithZone(""))
	return found && member
}

// Name reports whether the list holds a name, in lower-case A-labels without a
// dot at the end. "" is in no list.
func (l *List) Name(name string) bool { return l != nil && within(l.names, name) }

// Signer reports whether the list holds "dkim:" and this domain, in lower-case
// A-labels.
func (l *List) Signer(domain string) bool { return l != nil && within(l.signers, domain) }

// HasNames reports whether a name could be in the list.
func (l *List) HasNames() bool { return l != nil && len(l.names) > 0 }

// HasSigners reports whether a signer could be in the list.
func (l *List) HasSigners() bool { return l != nil && len(l.signers) > 0 }

// Len is the number of different entries.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return l.size
}

// within looks for the name itself, and then for ".parent" of each parent, the
// nearest first.
func within(names map[string]bool, name string) bool {
	if len(names) == 0 || name == "" || name[0] == '.' {
		return false
	}
	if member, found := names[name]; found {
		return member
	}
	for above := range message.Ancestry(name) {
		// With the dot before it, unless it is the name itself.
		if at := len(name) - len(above) - 1; at > 0 {
			if member, found := names[name[at:]]; found {
				return member
			}
		}
	}
	return false
}

// New returns a list of these entries, which may be of those kinds.
func New(kinds Kind, entries ...string) (*List, error) {
	var b Builder
	for _, e := range entries {
		if err := b.Add(e, kinds); err != nil {
			return nil, err
		}
	}
	return b.List(), nil
}
