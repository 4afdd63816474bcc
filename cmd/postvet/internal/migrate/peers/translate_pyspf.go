package peers

import "strings"

// pyspf translates what pyspf-milter 3.0 did: it answered at MAIL FROM.
func (p *Plan) pyspf() {
	p.authservID(PySPF, "Authserv_Id")
	p.socket(PySPF)
	p.spfActions()
	p.spfExceptions()
	if s, ok := p.setting(PySPF, "Lookup_Time"); ok {
		p.draft.putFrom(s, "limits.spf_timeout", seconds(min(max(integer(s), 1), 120)))
		p.item(s, Kept, "", "limits.spf_timeout")
	}
	if s, ok := p.setting(PySPF, "Void_Limit"); ok {
		if integer(s) == 2 {
			p.item(s, Kept, "")
		} else {
			p.item(s, NoCounterpart, "the limit is that of RFC 7208 section 4.6.4: 2")
		}
	}
	if s, ok := p.setting(PySPF, "Header_Type"); ok {
		switch strings.ToUpper(s.Value) {
		case "AR":
			p.item(s, Kept, "")
		case "NONE":
			p.item(s, NoCounterpart, "the field is always written")
		default:
			p.item(s, Kept, "as a milter pyspf writes Authentication-Results whatever this says")
		}
	}
	for _, name := range []string{"MacroList", "MacroListVerify"} {
		if s, ok := p.setting(PySPF, name); ok {
			p.item(s, Changed, "users who log in are exempt in any case; for a daemon name write a [[rule]] with listener", "exempt.authenticated")
			p.trap(s, "in pyspf-milter this names mail from outside, which is checked; in opendkim MacroList names mail of your own")
		}
	}
}

// spfExceptions translates the lists of clients and domains that were not checked.
func (p *Plan) spfExceptions() {
	if p.refusing[OpenDMARC] {
		for _, name := range []string{"Whitelist", "Domain_Whitelist_PTR"} {
			if s, ok := p.setting(PySPF, name); ok {
				p.item(s, Changed, "the rules that do what pyspf-milter did leave these clients out; DMARC does not, as opendmarc did not", "[lists]")
			}
		}
	} else if s, ok := p.setting(PySPF, "Whitelist"); ok {
		e, _ := parseDataset(s.Value)
		p.add(s, "trust.forwarders", "these clients are trusted as forwarders: neither SPF nor DMARC refuses what comes from them", e)
	}
	if s, ok := p.setting(PySPF, "Domain_Whitelist_PTR"); ok && !p.refusing[OpenDMARC] {
		e, _ := parseDataset(s.Value)
		p.add(s, "trust.forwarders", "clients with these verified names, or names below them, are trusted as forwarders: neither SPF nor DMARC refuses what comes from them; pyspf-milter did not verify the names", withBelow(withoutDots(e)))
	}
	if s, ok := p.setting(PySPF, "Domain_Whitelist"); ok {
		p.item(s, NoCounterpart, "name the addresses or the verified names of these forwarders in trust.forwarders")
	}
	if s, ok := p.setting(PySPF, "HELO_Whitelist"); ok {
		p.item(s, NoCounterpart, "any client can give any HELO name; name addresses in trust.forwarders")
	}
}
