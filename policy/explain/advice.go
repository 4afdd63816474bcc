package explain

import (
	"slices"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// adviceFor returns advice for the sender of a refused message, "" if there is none.
func adviceFor(res *result.Results, v *result.Verdict) string {
	author := foreign.Line(res.Author.Domain, 100)
	switch v.Rule {
	case result.RuleAmbiguousAuthor:
		return "Send it with one From field that names one domain"
	case result.RuleOwnDomain:
		return "To send for a domain of this server, log in to it"
	case result.RuleUnsigned:
		return "The administrators of " + author + " must see to it that all its mail is signed"
	case result.RuleSPFFail, result.RuleSPFSoftfail, result.RuleSPFPermError:
		return adviceOnSPF(res, v.Rule)
	case result.RuleDMARCReject, result.RuleDMARCQuarantine, result.RuleAuthorOverride:
	default:
		return ""
	}
	if len(v.Hints) == 0 {
		return ""
	}
	return adviceOnHint(v.Hints[0].Word, author)
}

// adviceOnHint returns advice for the sender about a likely cause, "" if there is none.
func adviceOnHint(w result.HintWord, author string) string {
	switch w {
	case result.HintList:
		return "A mailing list changed the message; its owner should set it to rewrite From, or to leave messages as they are"
	case result.HintAltered:
		return "The message was changed after it was signed; send it directly, or have the forwarder leave it as it is"
	case result.HintMaybeForwarded:
		return "If it was forwarded, write to the final address, or ask the administrators of " + author + " to sign with DKIM"
	case result.HintOtherSigner:
		return "If this is genuine, the service that sent it must sign with DKIM as " + author
	case result.HintKeyMissing:
		return "The administrators of " + author + " must publish the DKIM key that it was signed with"
	case result.HintWeak:
		return "The administrators of " + author + " must sign with rsa-sha256 and a key of 2048 bits"
	case result.HintStrict:
		return "The administrators of " + author + " must sign as that very domain, or relax their DMARC record"
	case result.HintExpired:
		return "Please send it again"
	case result.HintPartial:
		return "The administrators of " + author + " must sign without l="
	case result.HintSPFBroken:
		return "The administrators of " + author + " must repair the SPF record"
	case result.HintUnauthenticated:
		return "If you may send for " + author + ", its administrators must list your server in SPF or sign with DKIM"
	}
	return ""
}

// maxAdvice bounds the sentences of Advice.
const maxAdvice = 4

// Advice returns what the sender of a message can do about a verdict, in sentences: what
// the reply says first, then what else helps. It is empty if there is nothing to do.
func Advice(res *result.Results, v *result.Verdict) []string {
	list := []string{}
	add := func(s string) {
		if s != "" && len(list) < maxAdvice && !slices.Contains(list, s+".") {
			list = append(list, s+".")
		}
	}
	author := foreign.Line(res.Author.Domain, 100)
	switch v.Rule {
	case result.RuleTempError, result.RuleSPFTempError, result.RuleDegraded, result.RuleFault, result.RuleKeyError, result.RuleUnreadable:
		if v.Action != result.TempFail {
			break
		}
		add("Nothing at once: the sending server tries again by itself")
		if v.Rule == result.RuleTempError && res.DNS.Failed > res.DNS.ResolverFailed+res.DNS.HostFailed {
			add("If it goes on, the administrators of " + author + " must look at their DNS servers")
		}
		return list
	case result.RuleOversize:
		add("Send it with fewer or shorter header fields, or with a smaller attachment")
	case result.RuleSenderDomain:
		add("Send it from an address that accepts mail, or have its domain publish a mail exchanger")
	}
	add(adviceFor(res, v))
	if res.DMARC.Status == dmarc.Fail {
		for _, h := range v.Hints {
			add(adviceOnHint(h.Word, author))
		}
	}
	if v.Action == result.Quarantine {
		add("Ask the recipient to have it released")
	}
	return list
}

func adviceOnSPF(res *result.Results, rule string) string {
	s, _ := res.EnvelopeSPF()
	domain := foreign.Line(s.Domain, 100)
	if rule == result.RuleSPFPermError {
		return "The administrators of " + domain + " must repair the SPF record"
	}
	return "If you may send for " + domain + ", its administrators must list your server in SPF"
}
