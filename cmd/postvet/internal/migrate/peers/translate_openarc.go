package peers

import "strings"

// openarc keeps what openarc did on the way in: it verified.
func (p *Plan) openarc() {
	if s, ok := p.take(OpenARC, "Mode"); ok {
		switch {
		case p.seals():
			p.note(s, Changed, "Postvet verifies; "+noteSealing[len("Postvet does not seal: "):])
		default:
			p.note(s, Kept, "")
		}
	}
	p.authservID(OpenARC, "AuthservID")
	p.socket(OpenARC)
	p.include(OpenARC)
	if s, ok := p.take(OpenARC, "MinimumKeySizeRSA"); ok {
		if _, taken := p.draft.get("dkim.min_rsa_bits"); taken {
			p.note(s, Changed, "opendkim's limit holds for both", "dkim.min_rsa_bits")
		} else {
			p.draft.putFrom(s, "dkim.min_rsa_bits", quotedBits(s))
			p.note(s, Kept, "", "dkim.min_rsa_bits")
		}
	}
	if s, ok := p.take(OpenARC, "MaximumHeaders"); ok {
		p.note(s, Changed, "limits.header_bytes bounds the whole header", "limits.header_bytes")
	}
	for _, name := range []string{"InternalHosts", "PeerList"} {
		if s, ok := p.take(OpenARC, name); ok {
			if p.has(OpenDMARC) || p.has(OpenDKIM) {
				p.note(s, Changed, "opendmarc's and opendkim's lists say who is exempt", "exempt.addresses")
			} else {
				p.exempt(s, "")
			}
		}
	}
	if s, ok := p.take(OpenARC, "ResponseUnable"); ok {
		p.onFault(s, true, true)
	}
}

// seals reports whether openarc seals: without a mode it does so for internal
// hosts.
func (p *Plan) seals() bool {
	if !p.has(OpenARC) {
		return false
	}
	_, key := p.take(OpenARC, "KeyFile")
	mode := p.effective(OpenARC, "Mode").Value
	return key && (mode == "" || strings.Contains(strings.ToLower(mode), "s"))
}
