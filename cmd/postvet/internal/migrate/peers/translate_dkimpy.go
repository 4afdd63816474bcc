package peers

import "strings"

// dkimpy translates what dkimpy-milter did. It has opendkim's options as far as it has
// any, and a second key.
func (p *Plan) dkimpy() {
	mode := p.effective(DKIMPy, "Mode")
	p.authservID(DKIMPy, "AuthservID")
	p.dnsTimeout(DKIMPy, "DNSTimeout")
	p.socket(DKIMPy)
	if s, ok := p.setting(DKIMPy, "MinimumKeyBits"); ok {
		p.draft.putFrom(s, "dkim.min_rsa_bits", bits(s))
		p.item(s, Kept, "", "dkim.min_rsa_bits")
	}
	if p.Signs { // opendkim does
		p.item(mode, Changed, "opendkim's options say who signs")
		return
	}
	p.signer = DKIMPy
	p.Signs = strings.Contains(strings.ToLower(mode.Value), "s") && p.signs()
	if !p.Signs {
		p.item(mode, Kept, "")
		return
	}
	if at, why := p.keptSigning(); why != "" {
		p.KeepsSigner = true
		p.item(mode, Changed, "Postvet verifies; leave signing to dkimpy-milter with Mode s")
		p.trap(at, "this dkimpy-milter signs your users' mail, and Postvet cannot take that over: %s. Keep it, set Mode s, and leave it on the MTA's list behind Postvet", why)
		return
	}
	p.item(mode, Kept, "")
	p.signing()
	if s, ok := p.setting(DKIMPy, "SigningTable"); ok {
		p.trap(s, "dkimpy-milter 1.2.0 signs with one key whatever its tables say; Postvet signs by the tables")
		return
	}
	p.secondKey()
}

// secondKey takes over the Ed25519 key of dkimpy-milter, which signs beside the other.
func (p *Plan) secondKey() {
	file, ok := p.setting(DKIMPy, "KeyFileEd25519")
	selector, named := p.setting(DKIMPy, "SelectorEd25519")
	if !ok || !named {
		return
	}
	first, _ := p.draft.get("sign.files")
	domains, _ := p.members(p.signer, "Domain")
	var entries []string
	for _, d := range domains {
		entries = append(entries, quoted(strings.ToLower(d)+":"+selector.Value+":"+file.Value))
	}
	if len(entries) > 0 {
		p.draft.putFrom(file, "sign.files", strings.TrimSuffix(first, "]")+", "+strings.Join(entries, ", ")+"]")
	}
	p.draft.putFrom(file, "sign.ed25519", "true")
	p.item(file, Kept, "it signs beside the RSA key, never alone", "sign.files", "sign.ed25519")
	p.item(selector, Kept, "", "sign.files")
}
