package explain

import (
	"slices"

	"github.com/postvet/postvet/policy/result"
)

// shortReasons are those of the built-in rules for a line of a list.
var shortReasons = map[string]string{
	result.RuleExempt:            "not checked",
	result.RuleDMARCReject:       "no proof of its author",
	result.RuleDMARCQuarantine:   "no proof of its author",
	result.RuleDMARCNone:         "no proof of its author, who asks for nothing",
	result.RuleDMARCPass:         "its author is proved",
	result.RuleNoPolicy:          "its author's domain publishes no policy",
	result.RuleAmbiguousAuthor:   "its author is ambiguous",
	result.RuleNoAuthor:          "a bounce without an author",
	result.RuleOwnDomain:         "our own domain without proof",
	result.RuleUnsigned:          "not signed, as all mail of its author is",
	result.RuleSenderDomain:      "its sender takes no mail",
	result.RuleSPFFail:           "from a server that its sender does not list",
	result.RuleSPFSoftfail:       "from a server that its sender does not list",
	result.RuleSPFPermError:      "its sender's SPF record is broken",
	result.RuleSPFTempError:      "DNS failure",
	result.RuleTempError:         "DNS failure",
	result.RuleDegraded:          "our DNS servers do not answer",
	result.RuleAuthorOverride:    "our rule for its author",
	result.RuleTrustedForwarder:  "from a trusted forwarder",
	result.RuleTrustedSealer:     "a trusted forwarder vouches for it",
	result.RuleMailingList:       "from a mailing list",
	result.RuleJudgement:         "no proof of its author",
	result.RuleReportWithoutPass: "a report without proof of its author",
	result.RuleReportBounce:      "a bounce of our report",
	result.RuleOversize:          "too large",
	result.RuleUnreadable:        "too many results in our name",
	result.RuleKeyError:          "the key cannot be read",
	result.RuleFault:             "an internal error",
}

// likelyCauses are those of a failure behind a short reason.
var likelyCauses = map[result.HintWord]string{
	result.HintList:            "a mailing list changed it",
	result.HintAltered:         "it was changed on the way",
	result.HintForwarded:       "it was forwarded",
	result.HintMaybeForwarded:  "perhaps forwarded",
	result.HintOtherSigner:     "signed by another domain",
	result.HintKeyMissing:      "its key is not published",
	result.HintWeak:            "its signature is too weak",
	result.HintExpired:         "its signature has expired",
	result.HintPartial:         "it is signed in part",
	result.HintStrict:          "signed by another name of its owner",
	result.HintSPFBroken:       "the SPF record is broken",
	result.HintUnauthenticated: "nothing authenticates it",
}

// HintWords returns the words of all hints that have a likely cause.
func HintWords() []string {
	var all []string
	for w := range likelyCauses {
		all = append(all, string(w))
	}
	slices.Sort(all)
	return all
}

// Likely returns the likely cause that a hint means, in a few words; "" for none.
func Likely(w result.HintWord) string { return likelyCauses[w] }
