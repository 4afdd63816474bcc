package peers

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// sealing translates which mail openarc sealed, and with which key. It follows all
// translators, as the keys that sign are known then.
func (p *Plan) sealing() {
	if !p.has(OpenARC) {
		return
	}
	mode, _ := p.setting(OpenARC, "Mode")
	if !p.seals() {
		p.item(mode, Kept, "")
		return
	}
	networks, at, why := p.sealedNetworks()
	domain, selector, file := p.effective(OpenARC, "Domain"), p.effective(OpenARC, "Selector"), p.effective(OpenARC, "KeyFile")
	name, ok := message.NormalizeDomain(domain.Value)
	label, named := message.NormalizeDomain(selector.Value)
	switch {
	case !strings.HasPrefix(file.Value, "/"):
		at, why = file, "the path of its key is not absolute"
	case !ok || !strings.Contains(name, ".") || strings.ContainsAny(name, `/\`):
		at, why = domain, "Domain names no domain"
	case !named || strings.ContainsAny(label, `/\`):
		at, why = selector, "Selector names no selector"
	}
	if why != "" {
		p.keepSealer(mode, at, why)
		return
	}
	key := name + ":" + label + ":" + file.Value
	signs := slices.ContainsFunc(p.draft.entries, func(e entry) bool { return strings.HasPrefix(e.key, "sign.") })
	if signs && !p.hasSignFile(key) && !p.hasSignFile(name+":"+selector.Value+":"+file.Value) {
		p.keepSealer(mode, file, fmt.Sprintf(`a key in sign.files signs by DKIM too, and this one may take the place of the keys that sign now. If it may, add %s to [sign] files, and write [seal] domain = %s, selector = %s, networks = %s`,
			quoted(key), quoted(name), quoted(label), quotedList(networks)))
		return
	}
	p.sealKey(file, key, signs)
	p.draft.putFrom(domain, "seal.domain", quoted(name))
	p.draft.putFrom(selector, "seal.selector", quoted(label))
	p.draft.putFrom(p.effective(OpenARC, "InternalHosts"), "seal.networks", quotedList(networks))
	p.item(domain, Kept, "", "seal.domain")
	p.item(selector, Kept, "", "seal.selector")
	p.sealedMail(mode)
	p.sealForm()
}

// keepSealer lists that openarc goes on with sealing, and why.
func (p *Plan) keepSealer(mode, at Setting, why string) {
	p.keepsSealer = true
	p.item(mode, Changed, noteSealing)
	p.trap(at, "this openarc seals, and stays on the MTA's list for that: %s", why)
}

// hasSignFile reports whether a key is among those that sign.
func (p *Plan) hasSignFile(entry string) bool {
	files, _ := p.draft.get("sign.files")
	return strings.Contains(files, quoted(entry)) || slices.Contains(p.lists["sign.files"], entry)
}

// sealKey takes over the key. If Postvet signs nothing, the key must not make it sign
// beside the signer that stays.
func (p *Plan) sealKey(file Setting, entry string, signs bool) {
	p.item(file, Kept, "", "sign.files")
	if s, ok := p.setting(OpenARC, "RequireSafeKeys"); ok {
		if _, judged := p.draft.get("sign.key_permissions"); !isTrue(s.Value) && !judged && !signs {
			p.draft.putFrom(s, "sign.key_permissions", quoted("warn"))
		}
		p.item(s, Kept, "", "sign.key_permissions")
	}
	if signs {
		return
	}
	p.draft.putFrom(file, "sign.files", quotedList([]string{entry}))
	p.draft.put("sign.dry_run", "true", "The key is for seals alone: without this Postvet would sign mail of the domain by DKIM, too.")
	p.draft.put("sign.state", quoted("/var/lib/postvet/keys.json"), "Which keys the DNS has shown: only these seal.")
	p.trap(file, "sign.dry_run = true keeps Postvet from signing by DKIM with this key, and does not keep it from sealing; take it out when Postvet is to sign your users' mail")
	p.trap(file, "the key must stay when openarc is purged, and the service's user must be able to read it: chgrp postvet and chmod 0640 %s", file.Value)
}

// sealedNetworks returns the clients whose mail openarc sealed with the results that it
// has. If there are none, why says so, and at is the setting.
func (p *Plan) sealedNetworks() (networks []string, at Setting, why string) {
	s := p.effective(OpenARC, "InternalHosts")
	hosts, listed := p.members(OpenARC, "InternalHosts")
	if !listed {
		return nil, s, "the file of InternalHosts cannot be read; write its addresses into seal.networks"
	}
	for _, h := range hosts {
		switch {
		case isAddress(h):
			networks = append(networks, h)
		case strings.EqualFold(h, "localhost"):
			networks = append(networks, "127.0.0.1", "::1")
		}
	}
	if _, ok := p.setting(OpenARC, "PeerList"); ok { // it comes first
		peers, _ := p.members(OpenARC, "PeerList")
		for _, h := range peers {
			if !isAddress(h) || strings.HasPrefix(h, "!") {
				continue
			}
			networks = slices.DeleteFunc(networks, func(n string) bool { return n == h })
			networks = append(networks, "!"+h)
		}
	}
	slices.Sort(networks) // exceptions first
	networks = slices.Compact(networks)
	if !slices.ContainsFunc(networks, func(n string) bool { return !strings.HasPrefix(n, "!") }) {
		return nil, s, "InternalHosts has no address that PeerList does not exclude, and it does not say whose mail you forward; see [seal] recipients, networks and listeners"
	}
	return networks, s, ""
}

// sealedMail lists which mail is sealed that was not, and the other way round.
func (p *Plan) sealedMail(mode Setting) {
	hosts := p.effective(OpenARC, "InternalHosts")
	for i := range p.Items {
		if it := &p.Items[i]; it.Peer == OpenARC && strings.EqualFold(it.Name, "InternalHosts") {
			it.Keys = append(it.Keys, "seal.networks")
		}
	}
	list, _ := p.members(OpenARC, "InternalHosts")
	var names, elsewhere []string
	for _, h := range list {
		switch {
		case strings.EqualFold(h, "localhost") || strings.HasPrefix(h, "!") || isAddress(h) && holdsLoopback(h):
		case isAddress(h):
			elsewhere = append(elsewhere, h)
		default:
			names = append(names, h)
		}
	}
	if len(names) > 0 {
		p.differs(hosts, "seal.networks is without %s: a name proves nothing about who hands in mail; list the addresses", some(names))
	}
	if len(elsewhere) > 0 {
		p.trap(hosts, "what these clients hand in is sealed with the results in the fields in your name that it brings, and not checked, as with openarc (%s): leave only list servers and filters in seal.networks", some(elsewhere))
	}
	if mode.Value == "" {
		return // only these clients' mail was sealed
	}
	p.item(mode, Changed, "only what these clients hand in again is sealed", "seal.networks")
	p.differs(mode, "openarc sealed all mail that passed; Postvet seals what seal.networks hands in again. Write the domains whose mail you send on unchanged (aliases, .forward) into seal.recipients, and the listener of a list server into seal.listeners")
}

// sealForm lists how seals are made.
func (p *Plan) sealForm() {
	for _, o := range []struct{ name, same, note string }{
		{"Canonicalization", "relaxed/relaxed", "relaxed/relaxed: simple breaks at the first server that folds a line"},
		{"SignatureAlgorithm", "rsa-sha256", "rsa-sha256: verifiers of chains know no other (RFC 8617 section 4.1.2)"},
	} {
		if s, ok := p.setting(OpenARC, o.name); ok {
			outcome, note := Kept, ""
			if !strings.EqualFold(s.Value, o.same) {
				outcome, note = Changed, o.note
			}
			p.item(s, outcome, note)
		}
	}
	for _, o := range []struct{ name, note string }{
		{"SignHeaders", "the fields that DKIM signatures cover by default, and DKIM-Signature"},
		{"OversignHeaders", "the fields that DKIM signatures cover by default, and DKIM-Signature"},
		{"SignatureTTL", "seals do not expire"},
	} {
		if s, ok := p.setting(OpenARC, o.name); ok {
			p.item(s, Changed, o.note)
		}
	}
	if s, ok := p.setting(OpenARC, "SealHeaderChecks"); ok {
		p.item(s, NoCounterpart, "all mail that is handed in again is sealed; leave sealing to openarc if only some may be")
	}
	if s, ok := p.setting(OpenARC, "PermitAuthenticationOverrides"); ok {
		p.item(s, Changed, "fields of the message count from seal.networks alone", "seal.networks")
	}
}
