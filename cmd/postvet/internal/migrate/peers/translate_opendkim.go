package peers

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
)

// opendkim keeps what opendkim did on the way in.
func (p *Plan) opendkim() {
	mode := p.effective(OpenDKIM, "Mode")
	p.Signs = strings.Contains(strings.ToLower(mode.Value), "s") && p.signs()
	switch {
	case p.Signs:
		p.note(mode, Changed, "Postvet verifies; leave signing to opendkim with Mode s")
		p.trap(mode, "this opendkim signs your users' mail, which Postvet does not: keep it, set Mode s, and leave it on the MTA's list behind Postvet")
	default:
		p.note(mode, Kept, "")
	}
	p.authservID(OpenDKIM, "AuthservID")
	p.dnsTimeout(OpenDKIM, "DNSTimeout")
	p.socket(OpenDKIM)
	p.include(OpenDKIM)
	p.internal()
	p.signatures()
	p.dkimActions()

	if s, ok := p.take(OpenDKIM, "Nameservers"); ok {
		e, _ := parseDataset(s.Value)
		p.draft.putFrom(s, "dns.resolvers", quotedList(e))
		p.note(s, Kept, "", "dns.resolvers")
	}
	if s, ok := p.take(OpenDKIM, "ExemptDomains"); ok {
		e, _ := parseDataset(s.Value)
		p.domainsOverridden(s, e, "their mail, and that of domains below them, is evaluated and marked, but never refused")
	}
	if s, ok := p.take(OpenDKIM, "KeepAuthResults"); ok {
		if truth(s.Value) {
			p.note(s, Gone, "fields that claim our name are forged, and removed; only trusted clients (exempt.addresses) keep theirs")
		} else {
			p.note(s, Kept, "")
		}
	}
	for _, name := range []string{"RequiredHeaders", "StrictHeaders"} {
		if s, ok := p.take(OpenDKIM, name); ok {
			fate, note := Kept, ""
			if truth(s.Value) {
				fate, note = Changed, "the author is what is strict: messages without exactly one author domain are refused"
			}
			p.note(s, fate, note, "policy.on_ambiguous_author")
		}
	}
}

// signs reports whether opendkim has what it needs to sign: Debian's file is in
// mode sv and has no key.
func (p *Plan) signs() bool {
	for _, name := range []string{"KeyFile", "KeyTable", "SigningTable", "SetupPolicyScript"} {
		if _, ok := p.take(OpenDKIM, name); ok {
			return true
		}
	}
	return false
}

// internal are the clients whose mail opendkim did not verify. If opendmarc was
// there, its own list says whom the whole chain left alone.
func (p *Plan) internal() {
	_, decided := p.take(OpenDMARC, "IgnoreHosts")
	for _, name := range []string{"InternalHosts", "PeerList"} {
		s, ok := p.take(OpenDKIM, name)
		switch {
		case !ok:
		case p.has(OpenDMARC) && !decided:
			p.note(s, Gone, "opendmarc judged these clients all the same, so they are not exempt; if they are to be, put them into exempt.addresses")
		case decided:
			p.note(s, Changed, "opendmarc's IgnoreHosts says who is exempt", "exempt.addresses")
		default:
			p.exempt(s, "")
		}
	}
	if s, ok := p.take(OpenDKIM, "MacroList"); ok {
		p.note(s, Changed, "users who log in are exempt anyway; for a daemon name write a [[rule]] with listener", "exempt.authenticated")
		p.trap(s, "in opendkim MacroList names mail of your own; in pyspf-milter the same word names mail from outside")
	}
}

// signatures are which ones count.
func (p *Plan) signatures() {
	if s, ok := p.take(OpenDKIM, "ClockDrift"); ok {
		p.draft.putFrom(s, "dkim.clock_skew", seconds(min(max(integer(s), 0), 3600)))
		p.note(s, Kept, "", "dkim.clock_skew")
	}
	if s, ok := p.take(OpenDKIM, "MinimumKeyBits"); ok {
		fate, note, n := Kept, "", integer(s)
		if n < 1024 || n > 4096 {
			fate, note = Changed, "from 1024 (RFC 8301) to 4096"
		}
		p.draft.putFrom(s, "dkim.min_rsa_bits", fmt.Sprint(min(max(n, 1024), 4096)))
		p.note(s, fate, note, "dkim.min_rsa_bits")
	}
	if s, ok := p.take(OpenDKIM, "MaximumSignaturesToVerify"); ok {
		n := min(max(integer(s), 1), 100)
		p.draft.putFrom(s, "limits.signatures", fmt.Sprint(n))
		p.note(s, Kept, "", "limits.signatures")
		if n < 10 {
			p.trap(s, "signatures below the first %d do not count; the author's own is often among the last", n)
		}
	}
	if s, ok := p.take(OpenDKIM, "MaximumHeaders"); ok {
		n := integer(s)
		fate, note := Kept, ""
		if n < 16<<10 || n > 64<<20 {
			fate, note = Changed, "from 16KB to 64MB"
		}
		p.draft.putFrom(s, "limits.header_bytes", quoted(fmt.Sprintf("%dB", min(max(n, 16<<10), 64<<20))))
		p.note(s, fate, note, "limits.header_bytes")
	}
	if s, ok := p.take(OpenDKIM, "Minimum"); ok {
		p.note(s, Changed, "a signature with l= that leaves a part of the body unsigned does not count, however small the part", "dkim.partial_body")
	}
	if s, ok := p.take(OpenDKIM, "TrustSignaturesFrom"); ok {
		p.note(s, Changed, "only signatures of the author's own domain count for DMARC; a trusted forwarder's goes into trust.forwarders as \"dkim:DOMAIN\"")
	}
	if s, ok := p.take(OpenDKIM, "UnprotectedKey"); ok {
		fate, note := Kept, ""
		if !strings.EqualFold(s.Value, "none") {
			fate, note = Gone, "a key counts with and without DNSSEC"
		}
		p.note(s, fate, note)
	}
}

// dkimActions are opendkim's On- options: what a DKIM result alone leads to.
// They become rules, as Postvet does nothing for DKIM alone.
func (p *Plan) dkimActions() {
	if !p.verifies() {
		for _, name := range []string{"On-Default", "Quarantine", "On-BadSignature", "On-DNSError", "On-KeyNotFound", "On-NoSignature", "On-InternalError"} {
			p.note(p.effective(OpenDKIM, name), Kept, "it had no effect on mail that comes in: this opendkim only signs")
		}
		return
	}
	all, blanket := p.take(OpenDKIM, "On-Default")
	if blanket {
		p.note(all, Kept, "for the results that have no option of their own", "[[rule]]")
	}
	quarantine := p.on(OpenDKIM, "Quarantine")
	if s, ok := p.take(OpenDKIM, "Quarantine"); ok {
		p.note(s, Kept, "", "[[rule]]")
	}
	for _, a := range []struct{ option, name, condition, says string }{
		{"On-BadSignature", "opendkim-bad-signature", `dkim in ["fail", "neutral", "policy"] || dkim == "permerror" && any(signatures, .bits > 0)`, "DKIM: no signature of this message is valid"},
		{"On-DNSError", "opendkim-dns-error", `dkim == "temperror"`, "DKIM: a key could not be looked up; please try again later"},
		{"On-KeyNotFound", "opendkim-key-not-found", `dkim == "permerror" && all(signatures, .bits == 0)`, "DKIM: there is no key for a signature of this message"},
		{"On-NoSignature", "opendkim-no-signature", `dkim == "none"`, "DKIM: this message has no signature"},
		{"On-InternalError", "", "", ""},
	} {
		s, ok := p.take(OpenDKIM, a.option)
		switch {
		case !ok && !blanket:
			s = p.effective(OpenDKIM, a.option)
		case !ok:
			s = Setting{Peer: OpenDKIM, Name: a.option, Value: all.Value, File: all.File, Line: all.Line}
		}
		action := strings.ToLower(s.Value)
		if quarantine && a.option == "On-BadSignature" && strings.HasPrefix(action, "a") {
			action = "quarantine"
		}
		switch {
		case a.option == "On-InternalError":
			p.onFault(s, ok || blanket, ok)
		default:
			p.dkimRule(s, ok, action, a.name, a.condition, a.says)
		}
	}
	if s, ok := p.take(OpenDKIM, "RedirectFailuresTo"); ok {
		p.note(s, Gone, "write a [[rule]] with action = \"redirect\"")
	}
	if s, ok := p.take(OpenDKIM, "CaptureUnknownErrors"); ok {
		p.note(s, Changed, "mail waits at the sender when Postvet itself fails", "policy.on_fault")
	}
}

// verifies reports whether opendkim looks at signatures of mail that comes in.
func (p *Plan) verifies() bool {
	return strings.Contains(strings.ToLower(p.effective(OpenDKIM, "Mode").Value), "v")
}

// onFault takes over what happens when the peer itself fails; own tells that the
// option was set, and not by another that speaks for it.
func (p *Plan) onFault(s Setting, set, own bool) {
	value := "tempfail"
	if strings.HasPrefix(strings.ToLower(s.Value), "a") {
		value = "accept"
	}
	if set {
		p.draft.putFrom(s, "policy.on_fault", quoted(value))
	}
	if own {
		p.note(s, Kept, "", "policy.on_fault")
	}
}

// dkimRule writes what becomes of messages with a DKIM result.
func (p *Plan) dkimRule(s Setting, set bool, action, name, condition, says string) {
	word := map[byte]string{'a': "accept", 'd': "discard", 'q': "quarantine", 'r': "reject", 't': "tempfail"}[(action + " ")[0]]
	if word == "" || word == "accept" {
		if set {
			p.note(s, Kept, "nothing is done for it")
		}
		return
	}
	p.refuses = true
	keys := [][2]string{{"name", quoted(name)}, {"if", quoted(condition)}, {"action", quoted(word)}}
	if word == "reject" || word == "tempfail" {
		keys = append(keys, [2]string{"text", quoted(says)})
	}
	p.draft.rules = append(p.draft.rules, rule{keys, s})
	if set {
		p.note(s, Kept, "", "[[rule]] "+name)
	}
	if word == "reject" && name == "opendkim-bad-signature" {
		p.trap(s, "a broken signature is no more suspicious than none (RFC 6376 section 6.1); this refuses mail that mailing lists altered")
	}
}

// domainsOverridden are author domains that were not checked.
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
		p.note(s, Gone, "write its domains into [author_overrides] with \"none\": a file cannot be named there", "author_overrides")
		return
	}
	if len(suffixes) > 0 {
		p.note(s, Gone, "below "+strings.Join(suffixes, ", ")+" anybody can have a domain; write a [[rule]] with \"from\" if all of it is meant", "author_overrides")
		return
	}
	p.note(s, Changed, note, "author_overrides")
}
