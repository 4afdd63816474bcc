package peers

import "strings"

// spfActions translates what pyspf-milter did because of an SPF result.
func (p *Plan) spfActions() {
	test := p.effective(PySPF, "TestOnly")
	if p.pyspfTests() {
		p.item(test, Kept, "nothing is refused because of SPF", "policy.spf_fail")
		p.trap(test, "TestOnly = 0 means that pyspf-milter only tests; 1 is the value that enforces")
		p.item(p.effective(PySPF, "Mail_From_reject"), Kept, "it had no effect with TestOnly = 0")
		p.item(p.effective(PySPF, "HELO_reject"), Kept, "it had no effect with TestOnly = 0")
		p.item(p.effective(PySPF, "PermError_reject"), Kept, "it had no effect with TestOnly = 0")
		p.item(p.effective(PySPF, "TempError_Defer"), Kept, "it had no effect with TestOnly = 0")
		p.item(p.effective(PySPF, "No_Mail"), Kept, "it had no effect with TestOnly = 0")
		p.item(p.effective(PySPF, "Reject_Not_Pass_Domains"), Kept, "it had no effect with TestOnly = 0")
		return
	}
	p.item(test, Kept, "", "policy.spf_fail")
	if test.File != "" {
		p.trap(test, "TestOnly = %s means that pyspf-milter enforces; 0 is the value that only tests", test.Value)
	}
	if s := p.effective(PySPF, "No_Mail"); word(s.Value) == "true" {
		p.item(s, NoCounterpart, "no key looks for a record that is just \"v=spf1 -all\"; policy.spf_fail = \"reject\" refuses for these domains, and for all others whose record forbids the client")
		p.trap(s, "with No_Mail pyspf-milter refused only for domains that send no mail at all, so SPF alone refuses nothing here; Mail_From_reject and HELO_reject are left out")
		for _, name := range []string{"Mail_From_reject", "HELO_reject", "Reject_Not_Pass_Domains"} {
			p.item(p.effective(PySPF, name), NoCounterpart, "No_Mail confined it to domains that send no mail")
		}
	} else {
		p.item(s, Kept, "")
		p.mailFromAction()
		p.heloAction()
		p.notPassDomains()
	}
	if s := p.effective(PySPF, "PermError_reject"); word(s.Value) == "true" {
		p.demand(s, []string{"permerror"}, "pyspf-permerror", "550 5.7.24", "SPF: the record of the sender's domain is broken")
	} else {
		p.item(s, Kept, "", "policy.spf_permerror")
	}
	if s := p.effective(PySPF, "TempError_Defer"); word(s.Value) == "true" {
		p.rule("pyspf-temperror", `spf == "temperror"`, "tempfail", "451 4.7.24", "SPF: a record could not be looked up; please try again later", s)
		p.item(s, Kept, "the answer comes after the message instead of at MAIL FROM", "[[rule]] pyspf-temperror")
	} else {
		p.item(s, Kept, "", "policy.on_temperror")
	}
}

// pyspfTests reports whether pyspf-milter only tests and refuses nothing.
func (p *Plan) pyspfTests() bool { return integer(p.effective(PySPF, "TestOnly")) == 0 }

func (p *Plan) mailFromAction() {
	s := p.effective(PySPF, "Mail_From_reject")
	refuse := []string{}
	switch word(s.Value) {
	case "fail":
		refuse = []string{"fail"}
	case "softfail":
		refuse = []string{"fail", "softfail"}
	case "spf_not_pass":
		refuse = []string{"fail", "softfail"}
		p.rule("pyspf-neutral", `spf_mailfrom == "neutral"`, "reject", "550 5.7.23", "SPF: the domain of the sender does not say that this client may send for it", s)
	}
	if len(refuse) == 0 {
		p.item(s, Kept, "nothing is refused for it", "policy.spf_fail")
		return
	}
	p.demand(s, refuse, "pyspf-mail-from", "550 5.7.23", "SPF: the domain of the sender does not let this client send for it")
}

// demand refuses mail for SPF results of MAIL FROM. If the clients that are exempt
// from this differ from those exempt from DMARC, only a rule can express it. Rules
// are evaluated at the end of the message.
func (p *Plan) demand(s Setting, results []string, name, code, text string) {
	if p.sparesOthers() {
		var words []string
		for _, r := range results {
			words = append(words, `"`+r+`"`)
		}
		p.rule(name, "spf_mailfrom in ["+strings.Join(words, ", ")+"]", "reject", code, text, s)
		p.item(s, Changed, "the answer comes after the message instead of at MAIL FROM, as pyspf-milter spared other clients than opendmarc", "[[rule]] "+name)
		return
	}
	p.refusing[PySPF] = true
	var keys []string
	for _, r := range results {
		keys = append(keys, "policy.spf_"+r)
		p.draft.putFrom(s, "policy.spf_"+r, quoted("reject"))
	}
	if results[0] == "permerror" {
		p.item(s, Kept, "", keys...)
		return
	}
	p.draft.putFrom(s, "policy.spf_early", "true", "It answered before DATA.")
	p.item(s, Kept, "the answer comes at the first recipient instead of MAIL FROM", append(keys, "policy.spf_early")...)
}

// sparesOthers reports whether pyspf-milter left clients alone that an opendmarc
// that refuses mail did not.
func (p *Plan) sparesOthers() bool {
	if !p.refusing[OpenDMARC] {
		return false
	}
	quiet := Plan{set: p.set, files: p.files}
	own, theirs := quiet.hosts(PySPF, hostOptions[PySPF]...), quiet.hosts(OpenDMARC, hostOptions[OpenDMARC]...)
	return !within(append(own.entries, p.forwarders().entries...), theirs.entries)
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
		p.item(s, Kept, "nothing is refused for it")
		return
	}
	p.trap(s, "pyspf-milter took the client's reverse name for its HELO name, so this checked something else; Postvet checks the name that the client gave")
	p.rule("pyspf-helo", condition, "reject", "550 5.7.23", "SPF: the domain of the HELO name does not let this client use it", s)
	p.item(s, Changed, "the HELO name is checked instead of the client's reverse name, and refused after the message instead of at MAIL FROM", "[[rule]] pyspf-helo")
}

// rule adds a rule that refuses mail; also is further keys of its condition.
func (p *Plan) rule(name, condition, action, code, text string, because Setting, also ...[2]string) {
	p.refusing[PySPF] = true
	keys := append([][2]string{{"name", quoted(name)}}, also...)
	keys = append(keys, [][2]string{{"if", quoted(condition)}, {"action", quoted(action)}, {"code", quoted(code)}, {"text", quoted(text)}}...)
	p.draft.rules = append(p.draft.rules, rule{keys, condition, because})
}

// notPassDomains translates SPF_Not_Pass for some domains alone. A domain without a
// record passes.
func (p *Plan) notPassDomains() {
	s, ok := p.setting(PySPF, "Reject_Not_Pass_Domains")
	if !ok {
		return
	}
	e, _ := parseDataset(s.Value)
	p.rule("pyspf-not-pass", `spf_mailfrom in ["fail", "softfail", "neutral"]`, "reject", "550 5.7.23", "SPF: mail of this domain must pass", s,
		[2]string{"mail_from", quotedList(withoutDots(e))})
	p.item(s, Kept, "", "[[rule]] pyspf-not-pass")
}

// word returns a word of pyspf-milter in lower case.
func word(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
