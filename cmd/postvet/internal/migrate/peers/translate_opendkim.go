package peers

import (
	"fmt"
	"strings"
)

// opendkim translates what opendkim did with incoming mail.
func (p *Plan) opendkim() {
	mode := p.effective(OpenDKIM, "Mode")
	p.signer = OpenDKIM
	p.Signs = strings.Contains(strings.ToLower(mode.Value), "s") && p.signs()
	if at, why := p.keptSigning(); p.Signs && why != "" {
		p.KeepsSigner = true
		p.item(mode, Changed, "Postvet verifies; leave signing to opendkim with Mode s")
		p.trap(at, "this opendkim signs your users' mail, and Postvet cannot take that over: %s. Keep it, set Mode s, and leave it on the MTA's list behind Postvet", why)
	} else {
		p.item(mode, Kept, "")
	}
	if p.Signs && !p.KeepsSigner {
		p.signing()
		p.trap(mode, "before you take opendkim out, let Postvet run behind it for a while with sign.dry_run = true: the log says where they would sign differently")
	}
	p.authservID(OpenDKIM, "AuthservID")
	p.dnsTimeout(OpenDKIM, "DNSTimeout")
	p.socket(OpenDKIM)
	p.include(OpenDKIM)
	if s, ok := p.setting(OpenDKIM, "MacroList"); ok && (!p.Signs || p.KeepsSigner) {
		p.item(s, Changed, "users who log in are exempt in any case; for a daemon name write a [[rule]] with listener", "exempt.authenticated")
		p.trap(s, "in opendkim MacroList names mail of your own; in pyspf-milter the same word names mail from outside")
	}
	p.signatures()
	p.dkimActions()

	if s, ok := p.setting(OpenDKIM, "Nameservers"); ok {
		e, _ := parseDataset(s.Value)
		p.draft.putFrom(s, "dns.resolvers", quotedList(e))
		p.item(s, Kept, "", "dns.resolvers")
	}
	if s, ok := p.setting(OpenDKIM, "ExemptDomains"); ok {
		e, _ := parseDataset(s.Value)
		p.domainsOverridden(s, e, "their mail, and that of domains below them, is evaluated and marked, but never refused")
	}
	if s, ok := p.setting(OpenDKIM, "KeepAuthResults"); ok {
		if isTrue(s.Value) {
			p.item(s, NoCounterpart, "fields that claim our name are forged, and removed; only trusted clients (exempt.addresses) keep theirs")
		} else {
			p.item(s, Kept, "")
		}
	}
	for _, name := range []string{"RequiredHeaders", "StrictHeaders"} {
		if s, ok := p.setting(OpenDKIM, name); ok {
			outcome, note := Kept, ""
			if isTrue(s.Value) {
				outcome, note = Changed, "the author is what is strict: messages without exactly one author domain are refused"
			}
			p.item(s, outcome, note, "policy.on_ambiguous_author")
		}
	}
}

// signs reports whether the peer that signs has a key. Debian's file sets mode sv and has none.
func (p *Plan) signs() bool {
	for _, name := range []string{"KeyFile", "KeyTable", "SigningTable", "SetupPolicyScript"} {
		if _, ok := p.setting(p.signer, name); ok {
			return true
		}
	}
	return false
}

// signatures translates which signatures count.
func (p *Plan) signatures() {
	if s, ok := p.setting(OpenDKIM, "ClockDrift"); ok {
		p.draft.putFrom(s, "dkim.clock_skew", seconds(min(max(integer(s), 0), 3600)))
		p.item(s, Kept, "", "dkim.clock_skew")
	}
	if s, ok := p.setting(OpenDKIM, "MinimumKeyBits"); ok {
		outcome, note, n := Kept, "", integer(s)
		if n < 1024 || n > 4096 {
			outcome, note = Changed, "from 1024 (RFC 8301) to 4096"
		}
		p.draft.putFrom(s, "dkim.min_rsa_bits", fmt.Sprint(min(max(n, 1024), 4096)))
		p.item(s, outcome, note, "dkim.min_rsa_bits")
	}
	if s, ok := p.setting(OpenDKIM, "MaximumSignaturesToVerify"); ok {
		n := min(max(integer(s), 1), 100)
		p.draft.putFrom(s, "limits.signatures", fmt.Sprint(n))
		p.item(s, Kept, "", "limits.signatures")
		if n < 10 {
			p.trap(s, "signatures below the first %d do not count; the author's own is often among the last", n)
		}
	}
	if s, ok := p.setting(OpenDKIM, "MaximumHeaders"); ok {
		n := integer(s)
		outcome, note := Kept, ""
		if n < 16<<10 || n > 64<<20 {
			outcome, note = Changed, "from 16KB to 64MB"
		}
		p.draft.putFrom(s, "limits.header_bytes", quoted(fmt.Sprintf("%dB", min(max(n, 16<<10), 64<<20))))
		p.item(s, outcome, note, "limits.header_bytes")
	}
	if s, ok := p.setting(OpenDKIM, "Minimum"); ok {
		p.item(s, Changed, "a signature with l= that leaves a part of the body unsigned does not count, however small the part", "dkim.partial_body")
	}
	if s, ok := p.setting(OpenDKIM, "TrustSignaturesFrom"); ok {
		p.item(s, Changed, "only signatures of the author's own domain count for DMARC; a trusted forwarder's goes into trust.forwarders as \"dkim:DOMAIN\"")
	}
	if s, ok := p.setting(OpenDKIM, "UnprotectedKey"); ok {
		outcome, note := Kept, ""
		if !strings.EqualFold(s.Value, "none") {
			outcome, note = NoCounterpart, "a key counts with and without DNSSEC"
		}
		p.item(s, outcome, note)
	}
}
