package peers

import (
	"strings"
)

// pyspf keeps what pyspf-milter 3.0 did: it answered at MAIL FROM.
func (p *Plan) pyspf() {
	p.authservID(PySPF, "Authserv_Id")
	p.socket(PySPF)
	p.spfActions()
	p.spfExceptions()
	if s, ok := p.take(PySPF, "Lookup_Time"); ok {
		p.draft.putFrom(s, "limits.spf_timeout", seconds(min(max(integer(s), 1), 120)))
		p.note(s, Kept, "", "limits.spf_timeout")
	}
	if s, ok := p.take(PySPF, "Void_Limit"); ok {
		if integer(s) == 2 {
			p.note(s, Kept, "")
		} else {
			p.note(s, Gone, "the limit is that of RFC 7208 section 4.6.4: 2")
		}
	}
	if s, ok := p.take(PySPF, "Header_Type"); ok {
		switch strings.ToUpper(s.Value) {
		case "AR":
			p.note(s, Kept, "")
		case "NONE":
			p.note(s, Gone, "the field is always written")
		default:
			p.note(s, Kept, "as a milter pyspf writes Authentication-Results whatever this says")
		}
	}
	for _, name := range []string{"MacroList", "MacroListVerify"} {
		if s, ok := p.take(PySPF, name); ok {
			p.note(s, Changed, "users who log in are exempt anyway; for a daemon name write a [[rule]] with listener", "exempt.authenticated")
			p.trap(s, "in pyspf-milter this names mail from outside, which is checked; in opendkim MacroList names mail of your own")
		}
	}
}

// spfActions are what SPF results alone lead to.
func (p *Plan) spfActions() {
	test := p.effective(PySPF, "TestOnly")
	if p.pyspfTests() {
		p.note(test, Kept, "nothing is refused because of SPF", "policy.spf_fail")
		p.trap(test, "TestOnly = 0 means that pyspf-milter only tests; 1 is the value that enforces")
		p.note(p.effective(PySPF, "Mail_From_reject"), Kept, "it had no effect with TestOnly = 0")
		p.note(p.effective(PySPF, "HELO_reject"), Kept, "it had no effect with TestOnly = 0")
		p.note(p.effective(PySPF, "PermError_reject"), Kept, "it had no effect with TestOnly = 0")
		p.note(p.effective(PySPF, "TempError_Defer"), Kept, "it had no effect with TestOnly = 0")
		p.note(p.effective(PySPF, "No_Mail"), Kept, "it had no effect with TestOnly = 0")
		p.note(p.effective(PySPF, "Reject_Not_Pass_Domains"), Kept, "it had no effect with TestOnly = 0")
		return
	}
	p.note(test, Kept, "", "policy.spf_fail")
	if test.File != "" {
		p.trap(test, "TestOnly = %s means that pyspf-milter enforces; 0 is the value that only tests", test.Value)
	}
	if s := p.effective(PySPF, "No_Mail"); word(s.Value) == "true" {
		p.note(s, Gone, "no key asks for a record that is just \"v=spf1 -all\"; policy.spf_fail = \"reject\" refuses for these domains, and for all others whose record forbids the client")
		p.trap(s, "with No_Mail pyspf-milter refused only for domains that send no mail at all, so SPF alone refuses nothing here; Mail_From_reject and HELO_reject are left out")
		for _, name := range []string{"Mail_From_reject", "HELO_reject", "Reject_Not_Pass_Domains"} {
			p.note(p.effective(PySPF, name), Gone, "No_Mail confined it to domains that send no mail")
		}
	} else {
		p.note(s, Kept, "")
		p.mailFromAction()
		p.heloAction()
		p.notPassDomains()
	}
	if s := p.effective(PySPF, "PermError_reject"); word(s.Value) == "true" {
		p.refuses = true
		p.draft.putFrom(s, "policy.spf_permerror", quoted("reject"))
		p.note(s, Kept, "", "policy.spf_permerror")
	} else {
		p.note(s, Kept, "", "policy.spf_permerror")
	}
	if s := p.effective(PySPF, "TempError_Defer"); word(s.Value) == "true" {
		p.draft.putFrom(s, "policy.on_temperror", quoted("tempfail"))
		p.note(s, Changed, "mail waits that DNS trouble leaves undecided, whatever the method", "policy.on_temperror")
	} else {
		p.note(s, Kept, "", "policy.on_temperror")
	}
}

// pyspfTests reports whether pyspf-milter carries nothing out.
func (p *Plan) pyspfTests() bool { return integer(p.effective(PySPF, "TestOnly")) == 0 }

func (p *Plan) mailFromAction() {
	s := p.effective(PySPF, "Mail_From_reject")
	refuse := []string{}
	switch word(s.Value) {
	case "fail":
		refuse = []string{"policy.spf_fail"}
	case "softfail":
		refuse = []string{"policy.spf_fail", "policy.spf_softfail"}
	case "spf_not_pass":
		refuse = []string{"policy.spf_fail", "policy.spf_softfail"}
		p.rule("pyspf-neutral", `spf_mailfrom == "neutral"`, "reject", "550 5.7.23", "SPF: the domain of the sender does not say that this client may send for it", s)
	}
	for _, key := range refuse {
		p.draft.putFrom(s, key, quoted("reject"))
	}
	if len(refuse) == 0 {
		p.note(s, Kept, "nothing is refused for it", "policy.spf_fail")
		return
	}
	p.refuses = true
	p.draft.putFrom(s, "policy.spf_early", "true", "It answered before DATA.")
	p.note(s, Kept, "the answer comes at the first recipient instead of MAIL FROM", append(refuse, "policy.spf_early")...)
}

func (p *Plan) heloAction() {
	s := p.effective(PySPF, "HELO_reject")
	condition := map[string]string{
		"fail":         `spf_helo == "fail"`,
		"softfail":     `spf_helo in ["fail", "softfail"]`,
		"spf_not_pass": `spf_helo in ["fail", "softfail", "neutral"]`,
		"null":         `null_sender && spf_helo == "fail"`,
	}[word(s.Value)]
	if condition == "" {
		p.note(s, Kept, "nothing is refused for it")
		return
	}
	p.trap(s, "pyspf-milter took the client's reverse name for its HELO name, so this checked something else; Postvet checks what the client said")
	p.rule("pyspf-helo", condition, "reject", "550 5.7.23", "SPF: the domain of the HELO name does not let this client use it", s)
	p.note(s, Changed, "the HELO name is checked instead of the client's reverse name, and refused after the message instead of at MAIL FROM", "[[rule]] pyspf-helo")
}

// rule adds a rule that refuses; also are further keys of its condition.
func (p *Plan) rule(name, condition, action, code, text string, because Setting, also ...[2]string) {
	p.refuses = true
	keys := append([][2]string{{"name", quoted(name)}}, also...)
	keys = append(keys, [][2]string{{"if", quoted(condition)}, {"action", quoted(action)}, {"code", quoted(code)}, {"text", quoted(text)}}...)
	p.draft.rules = append(p.draft.rules, rule{keys, because})
}

// spfExceptions are clients and domains that were not checked.
func (p *Plan) spfExceptions() {
	for _, name := range []string{"skip_addresses", "InternalHosts"} {
		s, ok := p.take(PySPF, name)
		switch {
		case !ok:
		case p.has(OpenDMARC) || p.has(OpenDKIM):
			p.note(s, Changed, "opendmarc's and opendkim's lists say who is exempt from all checks", "exempt.addresses")
		default:
			p.exempt(s, "")
		}
	}
	if s, ok := p.take(PySPF, "Whitelist"); ok {
		e, _ := parseDataset(s.Value)
		p.add(s, "trust.forwarders", Changed, "these clients are trusted as forwarders: neither SPF nor DMARC refuses what comes from them", e...)
	}
	if s, ok := p.take(PySPF, "Domain_Whitelist_PTR"); ok {
		e, _ := parseDataset(s.Value)
		p.add(s, "trust.forwarders", Changed, "clients with these verified names, or names below them, are trusted as forwarders: neither SPF nor DMARC refuses what comes from them; pyspf-milter did not verify the names", withBelow(names(e))...)
	}
	if s, ok := p.take(PySPF, "Domain_Whitelist"); ok {
		p.note(s, Gone, "name the addresses or the verified names of these forwarders in trust.forwarders")
	}
	if s, ok := p.take(PySPF, "HELO_Whitelist"); ok {
		p.note(s, Gone, "anybody can say any HELO name; name addresses in trust.forwarders")
	}
}

// notPassDomains have SPF_Not_Pass for them alone: a domain without a record
// passes.
func (p *Plan) notPassDomains() {
	s, ok := p.take(PySPF, "Reject_Not_Pass_Domains")
	if !ok {
		return
	}
	e, _ := parseDataset(s.Value)
	p.rule("pyspf-not-pass", `spf_mailfrom in ["fail", "softfail", "neutral"]`, "reject", "550 5.7.23", "SPF: mail of this domain must pass", s,
		[2]string{"mail_from", quotedList(names(e))})
	p.note(s, Kept, "", "[[rule]] pyspf-not-pass")
}

// withBelow are names and all names below them.
func withBelow(list []string) []string {
	var both []string
	for _, name := range list {
		both = append(both, name, "."+name)
	}
	return both
}

// names are entries without a leading dot.
func names(e entries) []string {
	var list []string
	for _, d := range e {
		list = append(list, strings.ToLower(strings.TrimPrefix(d, ".")))
	}
	return list
}

// word is one of pyspf-milter's words in lower case.
func word(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
