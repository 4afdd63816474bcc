package peers

import (
	"fmt"
	"strings"
)

// authservID takes over the name in the field. The first peer that names one wins:
// other programs read what opendmarc wrote.
func (p *Plan) authservID(peer Peer, name string) {
	s, ok := p.setting(peer, name)
	if !ok {
		return
	}
	const key = "authserv_id"
	value := s.Value
	if strings.EqualFold(value, "HOSTNAME") {
		value = ""
	}
	// A job id or an address after the name is no part of it.
	plain, _, cut := strings.Cut(value, "/")
	before, taken := p.draft.get(key)
	switch {
	case taken && before != quoted(plain):
		p.item(s, Changed, "another name was set above; one field carries all results, under "+before, key)
	case value == "":
		p.item(s, Kept, "the host's name is the default", key)
		p.draft.putFrom(s, key, quoted(""), "The host's name.")
	case cut:
		p.draft.putFrom(s, key, quoted(plain), "A slash is not allowed in the name (RFC 8601 section 2.2).")
		p.item(s, Changed, "without the part after the slash", key)
	default:
		p.draft.putFrom(s, key, quoted(plain))
		p.item(s, Kept, "", key)
	}
}

// dnsTimeout takes over how long a lookup may take; the longest counts.
func (p *Plan) dnsTimeout(peer Peer, name string) {
	s, ok := p.setting(peer, name)
	if !ok {
		return
	}
	const key = "dns.timeout"
	n := integer(s)
	switch {
	case n <= 0 || n > 60:
		p.item(s, Changed, "a lookup takes at most 60s, with its retries", key)
		n = 60
	default:
		p.item(s, Kept, "", key)
	}
	if n > p.longest {
		p.longest = n
		p.draft.putFrom(s, key, seconds(n))
	}
}

// socket lists what replaces the options of the peer's socket.
func (p *Plan) socket(peer Peer) {
	if s, ok := p.setting(peer, "Socket"); ok {
		p.item(s, Changed, "Postvet has a socket of its own; the MTA's list of milters changes", "listen")
	}
	if s, ok := p.setting(peer, "UMask"); ok {
		p.item(s, Changed, "[socket] mode and group say who may connect", "socket.mode", "socket.group")
	}
}

// include lists that a file names another.
func (p *Plan) include(peer Peer) {
	if s, ok := p.setting(peer, "Include"); ok {
		p.item(s, NoCounterpart, fmt.Sprintf("read it too: --%s %s", peer, s.Value))
	}
}

// bits returns a key size that Postvet allows as a minimum.
func bits(s Setting) string { return fmt.Sprint(min(max(integer(s), 1024), 4096)) }
