package peers

import "strings"

// dkimResults are the DKIM results that have an option of their own, and the rules
// that do the same.
var dkimResults = []struct{ option, rule, condition, text string }{
	{"On-BadSignature", "opendkim-bad-signature", `dkim in ["fail", "neutral", "policy"] || dkim == "permerror" && any(signatures, .bits > 0)`, "DKIM: no signature of this message is valid"},
	{"On-KeyNotFound", "opendkim-key-not-found", `dkim == "permerror" && all(signatures, .bits == 0)`, "DKIM: there is no key for a signature of this message"},
	{"On-NoSignature", "opendkim-no-signature", `dkim == "none"`, "DKIM: this message has no signature"},
}

// dkimActions translates what opendkim did because of a DKIM result alone. Postvet
// does nothing for DKIM alone, so these become rules.
func (p *Plan) dkimActions() {
	if !p.verifies() {
		for _, name := range []string{"On-Default", "Quarantine", "On-BadSignature", "On-DNSError", "On-KeyNotFound", "On-NoSignature", "On-InternalError"} {
			p.item(p.effective(OpenDKIM, name), Kept, "it had no effect on incoming mail: this opendkim only signs")
		}
		return
	}
	if s, ok := p.setting(OpenDKIM, "On-Default"); ok {
		p.item(s, Kept, "for the results that have no option of their own", "[[rule]]")
	}
	if s, ok := p.setting(OpenDKIM, "Quarantine"); ok {
		p.item(s, Kept, "", "[[rule]]")
	}
	p.dnsErrors()
	for _, r := range dkimResults {
		s, own := p.onOption(r.option)
		if r.option == "On-NoSignature" && p.on(OpenDKIM, "AlwaysAddARHeader") {
			if own {
				p.item(s, Kept, "it had no effect beside AlwaysAddARHeader, and does nothing here")
			}
			continue
		}
		if r.option == "On-NoSignature" && s.File != "" && !strings.HasPrefix(strings.ToLower(s.Value), "a") {
			p.differs(s, "a message without a field From counts as unsigned; opendkim let it pass")
		}
		action := strings.ToLower(s.Value)
		if p.on(OpenDKIM, "Quarantine") && r.option == "On-BadSignature" && strings.HasPrefix(action, "a") {
			action = "quarantine"
		}
		p.dkimRule(s, own, action, r.rule, r.condition, r.text)
	}
	s, own := p.onOption("On-InternalError")
	p.onFault(s, own)
	if s, ok := p.setting(OpenDKIM, "RedirectFailuresTo"); ok {
		p.item(s, NoCounterpart, "write a [[rule]] with action = \"redirect\"")
	}
	if s, ok := p.setting(OpenDKIM, "CaptureUnknownErrors"); ok {
		p.item(s, Changed, "mail waits at the sender when Postvet itself fails", "policy.on_fault")
	}
}

// dnsErrors translates what opendkim did when the lookup of a key failed. It ignored
// On-DNSError and let the message pass, or it treated the key as missing.
func (p *Plan) dnsErrors() {
	s, own := p.onOption("On-DNSError")
	if strings.HasPrefix(strings.ToLower(s.Value), "a") {
		if own {
			p.item(s, Kept, "nothing is done for it")
		}
		return
	}
	if own {
		p.item(s, Changed, "no rule is made: opendkim 2.11 lets such mail pass whatever this says, and so does Postvet", "policy.on_temperror")
	}
	if missing, _ := p.onOption("On-KeyNotFound"); !strings.HasPrefix(strings.ToLower(missing.Value), "a") {
		p.differs(missing, "a key that could not be looked up is none that is missing: Postvet lets the message pass; opendkim counted it so now and then")
	}
}

// onOption returns the setting of one of the options On-...: its own, that of
// On-Default, or opendkim's default. own reports whether it is its own.
func (p *Plan) onOption(name string) (s Setting, own bool) {
	if s, ok := p.setting(OpenDKIM, name); ok {
		return s, true
	}
	s = p.effective(OpenDKIM, name)
	if all, ok := p.setting(OpenDKIM, "On-Default"); ok {
		s.Value, s.File, s.Line = all.Value, all.File, all.Line
	}
	return s, false
}

// verifies reports whether opendkim verifies the signatures of incoming mail.
func (p *Plan) verifies() bool {
	return strings.Contains(strings.ToLower(p.effective(OpenDKIM, "Mode").Value), "v")
}

// onFault takes over what happens if the peer itself fails. own reports that the
// option itself was set.
func (p *Plan) onFault(s Setting, own bool) {
	value := "tempfail"
	if strings.HasPrefix(strings.ToLower(s.Value), "a") {
		value = "accept"
	}
	if s.File != "" {
		p.draft.putFrom(s, "policy.on_fault", quoted(value))
	}
	if own {
		p.item(s, Kept, "", "policy.on_fault")
	}
}

// dkimRule adds a rule for a DKIM result, unless nothing is done for it. own reports
// that the result's own option was set.
func (p *Plan) dkimRule(s Setting, own bool, action, name, condition, text string) {
	word := map[byte]string{'a': "accept", 'd': "discard", 'q': "quarantine", 'r': "reject", 't': "tempfail"}[(action + " ")[0]]
	if word == "" || word == "accept" {
		if own {
			p.item(s, Kept, "nothing is done for it")
		}
		return
	}
	p.refusing[OpenDKIM] = true
	keys := [][2]string{{"name", quoted(name)}, {"if", quoted(condition)}, {"action", quoted(word)}}
	if word == "reject" || word == "tempfail" {
		keys = append(keys, [2]string{"text", quoted(text)})
	}
	p.draft.rules = append(p.draft.rules, rule{keys, condition, s})
	if own {
		p.item(s, Kept, "", "[[rule]] "+name)
	}
	if word == "reject" && name == "opendkim-bad-signature" {
		p.trap(s, "a broken signature is no more suspicious than none (RFC 6376 section 6.1); this refuses mail that mailing lists altered")
	}
}
