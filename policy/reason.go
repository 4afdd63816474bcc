package policy

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/spf"
)

// failText tells a person why DMARC failed: whose domain, what it asks for,
// and what each method found.
func failText(res *Results) string {
	d := res.DMARC
	ask := "refuse"
	if d.Policy == dmarc.PolicyQuarantine {
		ask = "quarantine"
	}
	return fmt.Sprintf("DMARC: %s asks to %s mail that does not prove to be its own; %s; %s",
		printable(d.AuthorDomain, 120), ask, spfFound(res), dkimFound(res))
}

func spfFound(res *Results) string {
	r, ok := res.envelopeSPF()
	domain := printable(r.Domain, 80)
	switch {
	case res.Client.Hidden != "":
		return "SPF could not be checked, as the client behind the relay is not known"
	case res.Client.IP == "":
		return "SPF could not be checked, as the client's address is unknown"
	case !ok || domain == "" && r.Status == spf.None:
		return "no domain for SPF to check"
	case r.Status == spf.None:
		return "no SPF record at " + domain
	case r.Status == spf.Pass:
		return "SPF passed, but for " + domain
	case r.Status == spf.PermError:
		return "the SPF record of " + domain + " is broken (" + printable(brokenSPF(r), 100) + ")"
	}
	return fmt.Sprintf("SPF %s for %s from %s", r.Status, domain, res.Client.IP)
}

// adviceFor says to the person whose message is refused who must do what; "" if
// there is nothing to say.
func adviceFor(res *Results, v *Verdict) string {
	author := printable(res.Author.Domain, 100)
	switch v.Rule {
	case RuleAmbiguousAuthor:
		return "Send it with one From field that names one domain"
	case RuleOwnDomain:
		return "Whoever sends for a domain of this server must log in to it"
	case RuleUnsigned:
		return "The administrators of " + author + " must see to it that all its mail is signed"
	case RuleSPFFail, RuleSPFSoftfail, RuleSPFPermError:
		return adviceOnSPF(res, v.Rule)
	case RuleDMARCReject, RuleDMARCQuarantine, RuleAuthorOverride:
	default:
		return ""
	}
	if len(v.Hints) == 0 {
		return ""
	}
	switch v.Hints[0].Word {
	case HintList:
		return "A mailing list changed the message; its owner should set it to rewrite From, or to leave messages as they are"
	case HintAltered:
		return "The message was changed after it was signed; send it directly, or have the forwarder leave it as it is"
	case HintMaybeForwarded:
		return "If it was forwarded, write to the final address, or ask the administrators of " + author + " to sign with DKIM"
	case HintOtherSigner:
		return "If this is genuine, the service that sent it must sign with DKIM as " + author
	case HintKeyMissing:
		return "The administrators of " + author + " must publish the DKIM key that it was signed with"
	case HintWeak:
		return "The administrators of " + author + " must sign with rsa-sha256 and a key of 2048 bits"
	case HintStrict:
		return "The administrators of " + author + " must sign as that very domain, or relax their DMARC record"
	case HintExpired:
		return "Please send it again"
	case HintPartial:
		return "The administrators of " + author + " must sign without l="
	case HintSPFBroken:
		return "The administrators of " + author + " must repair the SPF record"
	case HintUnauthenticated:
		return "If you may send for " + author + ", its administrators must list your server in SPF or sign with DKIM"
	}
	return ""
}

func adviceOnSPF(res *Results, rule string) string {
	s, _ := res.envelopeSPF()
	domain := printable(s.Domain, 100)
	if rule == RuleSPFPermError {
		return "The administrators of " + domain + " must repair the SPF record"
	}
	return "If you may send for " + domain + ", its administrators must list your server in SPF"
}

// dkimFound speaks of the signature that comes nearest to the author.
func dkimFound(res *Results) string {
	if len(res.DKIM) == 0 {
		return "no DKIM signature"
	}
	best := res.DKIM[0]
	for _, r := range res.DKIM {
		if nearer(r, best, res.DMARC.AuthorDomain) {
			best = r
		}
	}
	best.Status, best.Reason = res.Counts(best)
	domain := printable(best.Domain, 80)
	if best.Status == dkim.Pass {
		return "DKIM passed, but for " + domain
	}
	text := fmt.Sprintf("DKIM %s", best.Status)
	if domain != "" {
		text += " for " + domain
	}
	if best.Reason != "" {
		text += " (" + printable(best.Reason, 100) + ")"
	}
	return text
}

// nearer reports whether a says more about the author's domain than b.
func nearer(a, b dkim.Result, author string) bool {
	rank := func(r dkim.Result) int {
		switch {
		case r.Domain != "" && (r.Domain == author || strings.HasSuffix(author, "."+r.Domain) || strings.HasSuffix(r.Domain, "."+author)):
			return 2
		case r.Status == dkim.Pass:
			return 1
		}
		return 0
	}
	return rank(a) > rank(b)
}

func sentence(result, reason string) string {
	if reason == "" {
		return result
	}
	return result + ", " + printable(reason, 300)
}
