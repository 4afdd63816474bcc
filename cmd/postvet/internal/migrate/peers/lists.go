package peers

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// exempt takes over a list of clients that were not checked.
func (p *Plan) exempt(s Setting) {
	e, _ := parseDataset(s.Value)
	var addresses, names []string
	for _, one := range e {
		plain := strings.Trim(strings.TrimPrefix(one, "!"), "[]")
		_, errAddr := netip.ParseAddr(plain)
		_, errPrefix := netip.ParsePrefix(plain)
		switch {
		case strings.HasPrefix(one, "file:"):
			addresses, names = append(addresses, one), append(names, one)
		case errAddr == nil || errPrefix == nil:
			addresses = append(addresses, one)
		default:
			names = append(names, one)
		}
	}
	var keys []string
	if len(addresses) > 0 {
		keys = append(keys, "exempt.addresses")
		p.extend(s, "exempt.addresses", addresses)
	}
	if len(names) > 0 {
		keys = append(keys, "exempt.names")
		p.extend(s, "exempt.names", names)
	}
	p.item(s, Kept, "", keys...)
}

// add takes over the members of a data set into a list.
func (p *Plan) add(s Setting, key, note string, members []string) {
	p.extend(s, key, members)
	p.item(s, Changed, note, key)
}

// extend adds entries to a list. Its value is written when all lists are known.
func (p *Plan) extend(s Setting, key string, entries []string) {
	p.lists[key] = append(p.lists[key], entries...)
	p.draft.putFrom(s, key, "")
}

// writeLists writes the lists that were collected, each entry once. A list of exempt
// addresses replaces the default, so that loopback has to be on it, as with the
// peers.
func (p *Plan) writeLists() {
	for key, list := range p.lists {
		if key == "exempt.addresses" {
			list = append([]string{"127.0.0.0/8", "::1"}, slices.DeleteFunc(slices.Clone(list), isLoopback)...)
		}
		var once []string
		for _, e := range list {
			if !slices.Contains(once, e) {
				once = append(once, e)
			}
		}
		for i := range p.draft.entries {
			if p.draft.entries[i].key == key {
				p.draft.entries[i].value = quotedList(once)
			}
		}
	}
}

// isLoopback reports whether an entry is loopback or a part of it, however it is
// written.
func isLoopback(entry string) bool {
	e := strings.Trim(entry, "[]")
	if a, err := netip.ParseAddr(e); err == nil {
		return a.Unmap().IsLoopback()
	}
	x, err := netip.ParsePrefix(e)
	return err == nil && x.Addr().Unmap().IsLoopback() && (x.Bits() >= 8 && x.Addr().Is4() || x.Bits() >= 104)
}

// domainsOverridden takes over a list of author domains that were not checked.
func (p *Plan) domainsOverridden(s Setting, domains []string, note string) {
	var listed, suffixes []string
	for _, d := range domains {
		if strings.HasPrefix(d, "file:") {
			listed = append(listed, d)
			continue
		}
		if name, ok := message.NormalizeDomain(strings.TrimPrefix(d, ".")); ok && dmarc.PublicSuffix(name) {
			suffixes = append(suffixes, d)
			continue
		}
		p.draft.putFrom(s, "author_overrides."+quoted(strings.ToLower(strings.TrimPrefix(d, "."))), quoted("none"))
	}
	if len(listed) > 0 {
		p.item(s, NoCounterpart, "write its domains into [author_overrides] with \"none\": a file cannot be named there", "author_overrides")
		return
	}
	if len(suffixes) > 0 {
		p.item(s, NoCounterpart, "below "+strings.Join(suffixes, ", ")+" anybody can have a domain; write a [[rule]] with \"from\" if all of it is meant", "author_overrides")
		return
	}
	p.item(s, Changed, note, "author_overrides")
}
