package peers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
)

// hostOptions are the lists of clients that each peer left alone. opendkim's
// InternalHosts are none of them: it verifies what they send, unless it signs it.
var hostOptions = map[Peer][]string{
	OpenDMARC: {"IgnoreHosts"},
	OpenDKIM:  {"PeerList"},
	PySPF:     {"skip_addresses", "InternalHosts"},
	OpenARC:   {"InternalHosts", "PeerList"},
	DKIMPy:    {},
}

// hosts is the clients that a peer left alone.
type hosts struct {
	from    []Setting
	entries []string
}

// hosts returns the clients that a peer left alone, without entries that match
// nothing in it.
func (p *Plan) hosts(peer Peer, options ...string) hosts {
	var h hosts
	for _, name := range options {
		s := p.effective(peer, name)
		if s.Value == "" {
			continue
		}
		h.from = append(h.from, s)
		e, _ := parseDataset(s.Value)
		for _, one := range e {
			if h.entries = p.live(h.entries, s, one); strings.HasPrefix(one, "file:") {
				h.entries = p.withoutDead(h.entries, s, strings.TrimPrefix(one, "file:"))
			}
		}
	}
	return h
}

// live adds an entry that matches something in the peer.
func (p *Plan) live(list []string, s Setting, entry string) []string {
	switch {
	case entry == "-" || entry == "":
		return list // opendkim's way to write a list of nobody
	case isDead(entry):
		p.differs(s, "%s is left out: it matched nothing in %s, and would match all names below %s in Postvet, where %s says so", entry, s.Peer, strings.TrimPrefix(entry, "*."), strings.TrimPrefix(entry, "*"))
		return list
	case s.Peer == PySPF && !isAddress(entry) && !strings.HasPrefix(entry, "file:"):
		p.differs(s, "%s is left out: pyspf-milter knows addresses and networks here, no names", entry)
		return list
	case strings.HasPrefix(entry, "file:"):
		return append(list, entry) // the case of a path counts
	}
	return append(list, strings.ToLower(entry))
}

// isDead reports whether opendkim and opendmarc never match an entry: they look up
// a name and what follows each of its dots, as it stands.
func isDead(entry string) bool { return strings.HasPrefix(strings.TrimPrefix(entry, "!"), "*") }

// withoutDead adds exceptions for the entries of a file that match nothing in the
// peer.
func (p *Plan) withoutDead(list []string, s Setting, path string) []string {
	if strings.HasPrefix(s.Value, "refile:") {
		return list // there "*" stands for any letters
	}
	for _, e := range p.files[path] {
		if isDead(e.Text) && !slices.ContainsFunc(p.files[path], func(o Entry) bool { return "*"+o.Text == e.Text }) {
			p.differs(s, "%s:%d: %s matched nothing in %s, and \"!%s\" keeps it so", path, e.Line, e.Text, s.Peer, e.Text)
			list = append(list, "!"+e.Text)
		}
	}
	return list
}

// isAddress reports whether an entry is an address or a network.
func isAddress(entry string) bool {
	plain := strings.NewReplacer("!", "", "[", "", "]", "").Replace(entry)
	_, errAddr := netip.ParseAddr(plain)
	_, errPrefix := netip.ParsePrefix(plain)
	return errAddr == nil || errPrefix == nil
}

// leader returns the peer whose list of exempt clients is taken over. It is the
// first in order that refused mail or, if none did, the first that is there.
func (p *Plan) leader() Peer {
	order := []Peer{OpenDMARC, PySPF, OpenDKIM, OpenARC, DKIMPy}
	for _, ok := range []func(Peer) bool{func(peer Peer) bool { return p.refusing[peer] }, p.has} {
		for _, peer := range order {
			if ok(peer) {
				return peer
			}
		}
	}
	return ""
}

// exemptions writes the exempt clients. The clients of the other peers' lists are left
// out of the rules that replace these peers.
func (p *Plan) exemptions() {
	leader := p.leader()
	if leader == "" {
		return // only peers that check nothing
	}
	theirs := p.hosts(leader, hostOptions[leader]...)
	p.exempt(theirs)
	keys := []string{"exempt.addresses"}
	if len(p.lists["exempt.names"]) > 0 {
		keys = append(keys, "exempt.names")
	}
	for _, peer := range All {
		for _, name := range hostOptions[peer] {
			s, ok := p.setting(peer, name)
			switch {
			case !ok:
			case peer == leader:
				p.item(s, Kept, "", keys...)
			case p.refusing[peer]:
				p.item(s, Changed, "these clients are left out of the rules that do what "+string(peer)+" did; for the rest "+string(leader)+" decided", "[lists]")
			default:
				p.item(s, Changed, string(leader)+"'s list says who is exempt, as "+string(peer)+" refused nothing", "exempt.addresses")
			}
		}
	}
	for _, peer := range []Peer{OpenDKIM, PySPF} {
		if p.refusing[peer] {
			p.spare(peer, p.hosts(peer, hostOptions[peer]...), theirs, leader)
		}
	}
	p.internalHosts()
}

// spare leaves the clients that a peer skipped out of the rules that replace it. It
// notes the clients that the peer checked and that are exempt now.
func (p *Plan) spare(peer Peer, own, exempt hosts, leader Peer) {
	skipped := own
	if peer == PySPF {
		forwarders := p.forwarders()
		skipped = hosts{append(own.from, forwarders.from...), append(own.entries, forwarders.entries...)}
	}
	if !within(skipped.entries, exempt.entries) {
		p.exclude(peer, string(peer)+"-skips", skipped)
	}
	if within(exempt.entries, own.entries) {
		return
	}
	for _, s := range exempt.from {
		p.differs(s, "who is exempt by %s of %s is exempt from what %s did, too", s.Name, leader, peer)
	}
}

// forwarders returns the clients that pyspf-milter trusted as forwarders. Rules come
// before trust.forwarders, so each rule must leave these clients out itself.
func (p *Plan) forwarders() hosts {
	var h hosts
	for _, name := range []string{"Whitelist", "Domain_Whitelist_PTR"} {
		if s, ok := p.setting(PySPF, name); ok {
			h.from = append(h.from, s)
			e, _ := parseDataset(s.Value)
			if name == "Domain_Whitelist_PTR" {
				e = withBelow(withoutDots(e))
			}
			h.entries = append(h.entries, e...)
		}
	}
	return h
}

// exclude leaves clients out of the rules of a peer, by a list.
func (p *Plan) exclude(peer Peer, name string, h hosts) {
	used := false
	for i := range p.draft.rules {
		r := &p.draft.rules[i]
		k := slices.IndexFunc(r.keys, func(kv [2]string) bool { return kv[0] == "if" })
		if r.from.Peer != peer || k < 0 {
			continue
		}
		r.condition = fmt.Sprintf("(%s) && !listed(client, %q) && !listed(ptr, %q)", r.condition, name, name)
		r.keys[k][1] = quoted(r.condition)
		used = true
	}
	if used {
		for _, s := range h.from {
			p.extend(s, "lists."+name, nil)
		}
		p.lists["lists."+name] = h.entries
	}
}

// internalHosts translates the clients whose mail opendkim signed: they are left
// out of the rules of an opendkim that signs, and nothing else.
func (p *Plan) internalHosts() {
	if !p.has(OpenDKIM) {
		return
	}
	s := p.effective(OpenDKIM, "InternalHosts")
	if !p.Signs || p.signer != OpenDKIM {
		p.item(s, Changed, "it had no effect: opendkim verified what these clients sent, as it signed nothing")
		return
	}
	if p.KeepsSigner {
		p.item(s, Changed, "they are evaluated as all others; what opendkim did to incoming mail spares them", "[lists]")
	}
	if p.refusing[OpenDKIM] {
		p.exclude(OpenDKIM, "opendkim-internal", p.hosts(OpenDKIM, "InternalHosts"))
		p.differs(s, "opendkim's rules spare all mail of these clients; it spared what it signed, and verified the rest")
	}
}

// byDefault are the addresses that are exempt if the configuration names none.
var byDefault = []string{"127.0.0.0/8", "::1/128"}

// exempt writes the lists of exempt clients, which may be empty.
func (p *Plan) exempt(h hosts) {
	addresses, names := []string{}, []string{}
	// What a file has counts in either list, and exceptions beside it alone.
	excepted := slices.ContainsFunc(h.entries, func(e string) bool { return strings.HasPrefix(e, "!*") })
	for _, e := range h.entries {
		switch {
		case strings.HasPrefix(e, "file:") && !excepted:
			addresses = append(addresses, e)
		case isAddress(e):
			addresses = append(addresses, e)
		default:
			names = append(names, e)
		}
	}
	if len(names) == 0 && within(byDefault, addresses) && within(addresses, byDefault) {
		return
	}
	if len(h.from) == 0 {
		p.draft.put("exempt.addresses", "[]", "No peer left clients alone, not even this machine.")
	}
	for _, s := range h.from {
		p.extend(s, "exempt.addresses", nil)
		if len(names) > 0 {
			p.extend(s, "exempt.names", nil)
		}
	}
	p.lists["exempt.addresses"] = append(p.lists["exempt.addresses"], addresses...)
	if len(names) > 0 {
		p.lists["exempt.names"] = append(p.lists["exempt.names"], names...)
	}
}

// within reports whether a list holds all that another does, as far as their texts
// tell.
func within(list, in []string) bool {
	var plain []string
	for _, e := range in {
		if isAddress(e) {
			plain = append(plain, e)
		}
	}
	set, err := addrlist.New(addrlist.Addresses, plain...)
	for _, e := range list {
		switch {
		case slices.Contains(in, e):
		case err != nil || !isAddress(e) || strings.HasPrefix(e, "!"):
			return false
		default:
			prefix, err := netip.ParsePrefix(e)
			if err != nil {
				a, err := netip.ParseAddr(strings.Trim(e, "[]"))
				if err != nil {
					return false
				}
				prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
			}
			if prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
				prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
			}
			if share, _ := set.Share(prefix); share < 1 {
				return false
			}
		}
	}
	return true
}
