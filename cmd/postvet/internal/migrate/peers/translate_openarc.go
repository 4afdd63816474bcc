package peers

import "strings"

// openarc translates what openarc did with incoming mail: it verified. [Plan.sealing]
// translates the rest.
func (p *Plan) openarc() {
	p.authservID(OpenARC, "AuthservID")
	p.socket(OpenARC)
	p.include(OpenARC)
	if s, ok := p.setting(OpenARC, "MinimumKeySizeRSA"); ok {
		if _, taken := p.draft.get("dkim.min_rsa_bits"); taken {
			p.item(s, Changed, "opendkim's limit holds for both", "dkim.min_rsa_bits")
		} else {
			p.draft.putFrom(s, "dkim.min_rsa_bits", bits(s))
			p.item(s, Kept, "", "dkim.min_rsa_bits")
		}
	}
	if s, ok := p.setting(OpenARC, "MaximumHeaders"); ok {
		p.item(s, Changed, "limits.header_bytes bounds the whole header", "limits.header_bytes")
	}
	if s, ok := p.setting(OpenARC, "ResponseUnable"); ok {
		p.onFault(s, true)
	}
}

// seals reports whether openarc seals. Without a mode it seals mail of internal
// hosts.
func (p *Plan) seals() bool {
	if !p.has(OpenARC) {
		return false
	}
	_, key := p.setting(OpenARC, "KeyFile")
	mode := p.effective(OpenARC, "Mode").Value
	return key && (mode == "" || strings.Contains(strings.ToLower(mode), "s"))
}
