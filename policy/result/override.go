package result

import (
	"strings"
)

// OverrideReason is the reason why a message was not treated as its author's domain
// asks, in the words that aggregate reports use (RFC 9990 section 3.1.1.9).
type OverrideReason string

// The reasons. ReasonForwarded and ReasonSampledOut are in RFC 7489 and no longer in RFC
// 9990.
const (
	ReasonForwarded        OverrideReason = "forwarded"
	ReasonTrustedForwarder OverrideReason = "trusted_forwarder"
	ReasonMailingList      OverrideReason = "mailing_list"
	ReasonLocalPolicy      OverrideReason = "local_policy"
	ReasonSampledOut       OverrideReason = "sampled_out"
	ReasonTestMode         OverrideReason = "policy_test_mode"
	ReasonOther            OverrideReason = "other"
)

// Override is an exception from what the author's domain asks for. The log, our field
// and the reports show it.
type Override struct {
	Reason OverrideReason `json:"reason"`
	// By is the key of the configuration or the rule that caused it.
	By string `json:"by"`
	// Text is the evidence for it, in words for a person; "" if By says it all.
	Text string `json:"text"`
}

// String returns the override for logs and people: "By (Text)".
func (o Override) String() string {
	if o.Text == "" {
		return o.By
	}
	return o.By + " (" + o.Text + ")"
}

// OverridesText returns the overrides in one line.
func (v Verdict) OverridesText() string { return overridesText(v.Overrides) }

// RefusedText returns the overrides that nearly applied in one line.
func (v Verdict) RefusedText() string { return overridesText(v.Refused) }

func overridesText(overrides []Override) string {
	var all []string
	for _, o := range overrides {
		all = append(all, o.String())
	}
	return strings.Join(all, ", ")
}
