package peers

import (
	"fmt"
	"net/netip"
	"strings"
)

// What several peers have in common.

// authservID takes over the name of the field. The first peer that names one
// wins: what DMARC wrote is what others read.
func (p *Plan) authservID(peer Peer, name string) {
	s, ok := p.take(peer, name)
	if !ok {
		return
	}
	const key = "authserv_id"
	value := s.Value
	if strings.EqualFold(value, "HOSTNAME") {
		value = ""
	}
	// A job id or an address behind the name is no part of it.
	plain, _, cut := strings.Cut(value, "/")
	before, taken := p.draft.get(key)
	switch {
	case taken && before != quoted(plain):
		p.note(s, Changed, "another name was set above; one field carries all results, under "+before, key)
	case value == "":
		p.note(s, Kept, "the host's name is the default", key)
		p.draft.putFrom(s, key, quoted(""), "The host's name.")
	case cut:
		p.draft.putFrom(s, key, quoted(plain), "A slash is not allowed in the name (RFC 8601 section 2.2).")
		p.note(s, Changed, "without what stands behind the slash", key)
	default:
		p.draft.putFrom(s, key, quoted(plain))
		p.note(s, Kept, "", key)
	}
}

// dnsTimeout takes over how long a look-up may take; the longest counts.
func (p *Plan) dnsTimeout(peer Peer, name string) {
	s, ok := p.take(peer, name)
	if !ok {
		return
	}
	const key = "dns.timeout"
	n := integer(s)
	switch {
	case n <= 0 || n > 60:
		p.note(s, Changed, "a look-up takes at most 60s, with its retries", key)
		n = 60
	default:
		p.note(s, Kept, "", key)
	}
	if n > p.longest {
		p.longest = n
		p.draft.putFrom(s, key, seconds(n))
	}
}

// exempt takes over a list of clients that were not checked.
func (p *Plan) exempt(s Setting, note string) {
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
	for _, list := range []struct {
		key     string
		entries []string
	}{{"exempt.addresses", addresses}, {"exempt.names", names}} {
		if len(list.entries) > 0 {
			keys = append(keys, list.key)
			p.lists[list.key] = append(p.lists[list.key], list.entries...)
			p.draft.putFrom(s, list.key, "") // the value comes when all lists are known
		}
	}
	fate := Kept
	if note != "" {
		fate = Changed
	}
	p.note(s, fate, note, keys...)
}

// add puts the members of a data set on a list of ours.
func (p *Plan) add(s Setting, key string, fate Fate, note string, entries ...string) {
	p.lists[key] = append(p.lists[key], entries...)
	p.draft.putFrom(s, key, "")
	p.note(s, fate, note, key)
}

// closeLists writes the lists that were collected, each entry once. Where a
// list replaces one that has a default, loopback stays on it, as with the
// peers.
func (p *Plan) closeLists() {
	for _, key := range []string{"exempt.addresses", "exempt.names", "trust.forwarders", "trust.sealers"} {
		list := p.lists[key]
		if len(list) == 0 {
			continue
		}
		if key == "exempt.addresses" {
			list = append([]string{"127.0.0.0/8", "::1"}, list...)
		}
		seen := map[string]bool{}
		var once []string
		for _, e := range list {
			if !seen[e] && !(key == "exempt.addresses" && loopback(e)) || e == "127.0.0.0/8" && !seen[e] || e == "::1" && !seen[e] {
				seen[e] = true
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

// loopback reports whether an entry is within 127.0.0.0/8, however it is
// written.
func loopback(entry string) bool {
	e := strings.Trim(entry, "[]")
	if a, err := netip.ParseAddr(e); err == nil {
		return a.Unmap().IsLoopback()
	}
	x, err := netip.ParsePrefix(e)
	return err == nil && x.Addr().Unmap().IsLoopback() && (x.Bits() >= 8 && x.Addr().Is4() || x.Bits() >= 104)
}

// socket says where Postvet listens instead.
func (p *Plan) socket(peer Peer) {
	if s, ok := p.take(peer, "Socket"); ok {
		p.note(s, Changed, "Postvet has a socket of its own; the MTA's list of milters changes", "listen")
	}
	if s, ok := p.take(peer, "UMask"); ok {
		p.note(s, Changed, "[socket] mode and group say who may connect", "socket.mode", "socket.group")
	}
}

// include tells that a file names another.
func (p *Plan) include(peer Peer) {
	if s, ok := p.take(peer, "Include"); ok {
		p.note(s, Gone, fmt.Sprintf("read it too: --%s %s", peer, s.Value))
	}
}

// decide settles what no option says alone: whether verdicts are carried out.
func (p *Plan) decide() {
	p.closeLists()
	rejects := p.has(OpenDMARC) && truth(p.effective(OpenDMARC, "RejectFailures").Value)
	if _, strict := p.draft.get("policy.on_ambiguous_author"); p.refuses && !rejects && !strict {
		p.draft.put("policy.on_ambiguous_author", quoted("accept"), "No peer refused mail for its author.")
	}
	switch {
	case !p.refuses:
		p.draft.put("mode", quoted("monitor"), "The peers refused nothing. Verdicts are logged and written into the message; \"enforce\" carries them out.")
	case !p.has(OpenDMARC):
		p.draft.put("mode", quoted("enforce"), "The peers refused mail, see below.")
		p.draft.put("policy.dmarc", quoted("mark"), "There was no opendmarc: DMARC is evaluated and written into the message, and refuses nothing.")
	case !rejects:
		p.draft.put("mode", quoted("enforce"), "The peers refused mail, see below.")
		p.draft.putFrom(p.unenforced, "policy.dmarc", quoted("mark"), "DMARC refuses nothing.")
	default:
		p.draft.put("mode", quoted("enforce"), "opendmarc refused mail that fails.")
	}
}

func quotedBits(s Setting) string { return fmt.Sprint(min(max(integer(s), 1024), 4096)) }
