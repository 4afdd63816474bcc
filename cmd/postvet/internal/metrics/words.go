package metrics

import "github.com/postvet/postvet/policy/result"

// These are the words that the labels of messages may have, beside the names of
// rules.
var (
	actions = []string{
		string(result.Accept), string(result.Quarantine), string(result.Reject), string(result.TempFail),
		string(result.Redirect), string(result.Discard),
	}

	// results are the words of RFC 8601 section 2.7 by method. spf is the result for
	// MAIL FROM, or for HELO where that replaces it. mx says whether a domain of the
	// sender accepts mail and has words of its own.
	results = map[string][]string{
		"spf":      {"none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror"},
		"spf-helo": {"none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror"},
		"dkim":     {"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"},
		"arc":      {"none", "pass", "fail", "temperror", "permerror"},
		"dmarc":    {"none", "pass", "fail", "temperror", "permerror"},
		"iprev":    {"pass", "fail", "temperror", "permerror"},
		"mx":       {"none", "accepts", "null-mx", "no-address", "no-domain", "temperror"},
	}

	reasons = []result.OverrideReason{
		result.ReasonForwarded, result.ReasonTrustedForwarder, result.ReasonMailingList, result.ReasonLocalPolicy,
		result.ReasonSampledOut, result.ReasonTestMode, result.ReasonOther,
	}

	hints = []result.HintWord{
		result.HintList, result.HintAltered, result.HintForwarded, result.HintMaybeForwarded, result.HintNotChecked,
		result.HintOtherSigner, result.HintKeyMissing, result.HintWeak, result.HintExpired, result.HintPartial,
		result.HintStrict, result.HintSPFBroken, result.HintUnauthenticated,
	}
)

// maxRules is how many rules of the configuration have their own series, one for each
// action.
const maxRules = 200
