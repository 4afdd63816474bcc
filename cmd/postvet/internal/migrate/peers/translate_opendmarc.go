package peers

import (
	"strconv"
	"strings"
)

// opendmarc translates what opendmarc 1.4 did with a message.
func (p *Plan) opendmarc() {
	p.authservID(OpenDMARC, "AuthservID")
	p.dnsTimeout(OpenDMARC, "DNSTimeout")
	p.socket(OpenDMARC)
	p.failures()
	p.ambiguousAuthors()
	p.organizationalDomain()
	p.selfValidation()

	if s, ok := p.setting(OpenDMARC, "IgnoreAuthenticatedClients"); ok {
		p.draft.putFrom(s, "exempt.authenticated", strconv.FormatBool(isTrue(s.Value)))
		p.item(s, Kept, "", "exempt.authenticated")
		if !isTrue(s.Value) {
			p.trap(s, "mail of your own users is treated like that of strangers; if they send from outside, p=reject of their own domain refuses it")
		}
	}
	if s, ok := p.setting(OpenDMARC, "IgnoreMailFrom"); ok {
		e, _ := parseDataset(s.Value)
		p.domainsOverridden(s, e, "their mail, and that of domains below them, is evaluated and marked, but never refused; opendmarc ignored it")
	}
	for _, name := range []string{"DomainWhitelist", "DomainWhitelistFile"} {
		if s, ok := p.setting(OpenDMARC, name); ok {
			e, _ := parseDataset(s.Value)
			p.add(s, "trust.sealers", "an ARC chain that passes through these domains overrides quarantine too, not only reject; openarc is not needed for it", e)
		}
	}
	for _, name := range []string{"SPFIgnoreResults", "SPFSelfValidate"} {
		if s, ok := p.setting(OpenDMARC, name); ok {
			p.item(s, Changed, "SPF is always evaluated by Postvet itself; results in the message's header are never believed")
		}
	}
	if s, ok := p.setting(OpenDMARC, "TrustedAuthservIDs"); ok {
		p.item(s, Changed, "results in the message's header are never believed; a relay in front of this server goes into trust.relays")
		if !strings.EqualFold(s.Value, "HOSTNAME") {
			p.trap(s, "opendmarc believed results under these names, and every client that reached it could write them")
		}
	}
	p.opendmarcReports()
}

// selfValidation says how the SPF of opendmarc itself differs.
func (p *Plan) selfValidation() {
	s, ok := p.setting(OpenDMARC, "SPFSelfValidate")
	loopback := []string{"127.0.0.0/8", "::1"}
	quiet := Plan{set: p.set, files: p.files}
	if ok && isTrue(s.Value) && !within(loopback, quiet.hosts(OpenDMARC, hostOptions[OpenDMARC]...).entries) {
		p.differs(s, "mail from loopback: opendmarc's own SPF calls every sender there pass; Postvet evaluates what is not exempt as it is, so that the service that takes mail back from a content filter must not ask it (-o smtpd_milters= in master.cf)")
	}
}

// failures translates what opendmarc did with mail that fails.
func (p *Plan) failures() {
	reject, hold := p.effective(OpenDMARC, "RejectFailures"), p.effective(OpenDMARC, "HoldQuarantinedMessages")
	if isTrue(reject.Value) {
		p.refusing[OpenDMARC] = true
		p.item(reject, Kept, "p=reject is refused; on_reject = \"judge\" would hold what may be indirect mail", "mode", "policy.dmarc", "policy.on_reject")
		p.draft.putFrom(reject, "policy.on_reject", quoted("always"), "It refused for p=reject alone.")
		p.differs(reject, "where a DNS failure leaves DMARC undecided and the domain asks for reject or quarantine, or may ask since its policy cannot be looked up, Postvet defers the message (451); opendmarc refused, held or let it pass, as if there were no signature or record")
		if isTrue(hold.Value) {
			p.item(hold, Kept, "", "policy.quarantine")
			p.draft.putFrom(hold, "policy.quarantine", quoted("hold"))
		} else {
			p.item(hold, Changed, "p=quarantine is delivered with a field X-Postvet-Quarantine that a delivery filter can sort by; opendmarc marked it in Authentication-Results alone", "policy.quarantine")
			p.draft.putFrom(hold, "policy.quarantine", quoted("tag"))
		}
		return
	}
	p.item(reject, Kept, "nothing is refused because of DMARC", "policy.dmarc")
	p.item(hold, Kept, "it had no effect without RejectFailures", "policy.dmarc")
	p.unenforced = reject
	p.trap(reject, "with RejectFailures off opendmarc refused nothing: p=reject of a domain had no effect here")
	if isTrue(hold.Value) {
		p.trap(hold, "opendmarc holds nothing unless RejectFailures is on, too")
	}
}

// ambiguousAuthors translates what opendmarc did with messages that do not have exactly
// one author domain.
func (p *Plan) ambiguousAuthors() {
	const key = "policy.on_ambiguous_author"
	strict, enforced := false, p.refusing[OpenDMARC]
	for _, name := range []string{"RequiredHeaders", "RequiredFrom", "RejectMultiValueFrom"} {
		s, ok := p.setting(OpenDMARC, name)
		if !ok {
			continue
		}
		if isTrue(s.Value) {
			strict, p.refusing[OpenDMARC] = true, true // without RejectFailures, too
			p.item(s, Kept, "messages without exactly one author domain are refused", key)
			p.draft.putFrom(s, key, quoted("reject"))
			continue
		}
		if !enforced {
			p.item(s, Kept, "")
			continue
		}
		p.item(s, Changed, "messages without exactly one author domain are refused all the same; opendmarc let them pass unevaluated, past any p=reject", key)
	}
	if !strict && enforced {
		p.differs(p.effective(OpenDMARC, "RejectMultiValueFrom"),
			"opendmarc let mail with several author domains, or with none, pass unevaluated; Postvet refuses it (policy.on_ambiguous_author = \"accept\" brings that back)")
	}
}

// organizationalDomain translates how the Organizational Domain was found.
func (p *Plan) organizationalDomain() {
	const key = "policy.organizational_domain"
	if s, ok := p.setting(OpenDMARC, "DMARCbisWalkMode"); ok {
		mode := "treewalk"
		if v := strings.ToUpper(s.Value); v == "PSL" || v == "RFC7489" {
			mode = "psl"
		}
		p.draft.putFrom(s, key, quoted(mode))
		p.item(s, Kept, "", key)
		return
	}
	if s, ok := p.setting(OpenDMARC, "PublicSuffixList"); ok {
		p.draft.putFrom(s, key, quoted("psl"), "The list is built in. RFC 9989 has replaced it: \"treewalk\" is what others use by now.")
		p.item(s, Kept, "the list is built in", key)
		return
	}
	s := p.effective(OpenDMARC, "PublicSuffixList")
	p.trap(s, "without a PublicSuffixList opendmarc found no organizational domain: mail of subdomains was not covered, and relaxed alignment did not work; Postvet finds it")
}
