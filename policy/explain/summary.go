package explain

import (
	"cmp"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// Done returns the word for a message with which an action was taken, as support people
// say it.
func Done(a result.Action) string {
	switch a {
	case result.Reject:
		return "refused"
	case result.Discard:
		return "dropped"
	default:
		return participle(a)
	}
}

// Summary returns one sentence about a verdict for a person who knows no standard, as in
// "Refused: nobody proves that this mail comes from example.org, which asks to refuse such
// mail."
func Summary(res *result.Results, v *result.Verdict) string {
	done := capital(Done(v.Action))
	if would := v.Would(); would != "" {
		done += ", although it would be " + Done(would) + " if mail were not only monitored"
	} else if v.Tagged() {
		done += ", and marked as suspicious"
	}
	return foreign.Line(done+": "+cause(res, v), maxSentence-1) + "."
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]&^0x20) + s[1:] // words of this package
}

// cause returns why a rule decided as it did, as the end of a sentence.
func cause(res *result.Results, v *result.Verdict) string {
	author := foreign.Line(cmp.Or(res.Author.Domain, "its author's domain"), 120)
	envelope, _ := res.EnvelopeSPF()
	sender := foreign.Line(cmp.Or(envelope.Domain, "the sender's domain"), 120)
	unproved := "nobody proves that this mail comes from " + author
	switch v.Rule {
	case result.RuleDMARCReject, result.RuleDMARCQuarantine:
		if res.DMARC.Policy == dmarc.PolicyQuarantine {
			return unproved + ", which asks to treat such mail as suspicious"
		}
		return unproved + ", which asks to " + verb(res.DMARC.Policy) + " such mail"
	case result.RuleDMARCNone:
		return unproved + ", which asks for nothing to be done about that"
	case result.RuleDMARCPass:
		return "it is proved that this mail comes from " + author
	case result.RuleNoPolicy:
		return author + " does not say how to tell its mail from forgeries"
	case result.RuleExempt:
		return "it was not checked, as " + exemptCause(res.Exempt)
	case result.RuleAmbiguousAuthor:
		return "nobody can tell for sure who wrote this mail"
	case result.RuleNoAuthor:
		return "it is a bounce that names no author"
	case result.RuleOwnDomain:
		return "it claims to come from " + author + ", a domain of this server, and nobody proves that"
	case result.RuleUnsigned:
		return author + " signs all its mail, and this mail has no valid signature of it"
	case result.RuleSenderDomain:
		return "mail to its sender cannot be delivered, so nobody could answer it"
	case result.RuleSPFFail, result.RuleSPFSoftfail:
		return sender + " does not list the server that sent this mail"
	case result.RuleSPFPermError:
		return "the list of servers that " + sender + " publishes is broken"
	case result.RuleTempError, result.RuleSPFTempError, result.RuleDegraded:
		return unansweredCause(res, v.Rule, author, sender)
	case result.RuleJudgement:
		return unproved + ", but it may be genuine mail that was forwarded"
	}
	if text := plainCauses[v.Rule]; text != "" {
		return text
	}
	if v.Rule == result.RuleAuthorOverride && res.DMARC.Status == dmarc.Fail {
		return unproved + ", for which this server has a rule of its own"
	}
	return "the rule " + foreign.Line(v.Rule, 80) + " of this server decided"
}

// plainCauses are the causes that name nobody.
var plainCauses = map[string]string{
	result.RuleTrustedForwarder:  "a forwarder that this server trusts handed it on",
	result.RuleTrustedSealer:     "a forwarder that this server trusts vouches for it",
	result.RuleMailingList:       "by all signs it came through a mailing list, which changed it",
	result.RuleReportWithoutPass: "it is a report to this server, and nobody proves who sent it",
	result.RuleReportBounce:      "a report that this server sent came back",
	result.RuleOversize:          "it is larger than this server takes",
	result.RuleUnreadable:        "it has more results in the name of this server than can be removed",
	result.RuleKeyError:          "it must be signed, and the key cannot be read at present",
	result.RuleFault:             "Postvet itself failed on it",
}

// unansweredCause returns why a message could not be checked.
func unansweredCause(res *result.Results, rule, author, sender string) string {
	switch d := res.DNS; {
	case res.Client.Hidden != "" && !res.Client.Inside:
		return "the server that sent this mail is not known, so it cannot be checked"
	case rule == result.RuleDegraded || d.ResolverFailed+d.HostFailed > 0:
		return "our own DNS servers do not answer, so this mail cannot be checked at present"
	case rule == result.RuleSPFTempError:
		return "the DNS of " + sender + " does not answer, so this mail cannot be checked at present"
	default:
		return "the DNS of " + author + " does not answer, so this mail cannot be checked at present"
	}
}

// exemptCause returns why a message was not checked.
func exemptCause(exempt string) string {
	switch exempt {
	case result.ExemptAuthenticated:
		return "its sender logged in"
	case result.ExemptLocal:
		return "it was handed in on this machine"
	case result.ExemptOriginating:
		return "it is mail of our users"
	case result.ExemptForwarded:
		return "this server hands it on"
	default:
		return "the configuration exempts the server that sent it"
	}
}

// Reason returns why a message fared as it did in a few words, for a line of a list. It
// allocates little, as it may be asked for each message.
func Reason(res *result.Results, v *result.Verdict) string {
	short, known := shortReasons[v.Rule]
	switch {
	case v.Rule == result.RuleExempt:
		return exemptCause(res.Exempt)
	case !known:
		return "rule " + foreign.Line(v.Rule, 60)
	}
	if res.DMARC.Status == dmarc.Fail && len(v.Hints) > 0 {
		if likely := likelyCauses[v.Hints[0].Word]; likely != "" {
			return short + "; " + likely
		}
	}
	return short
}
