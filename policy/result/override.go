package result

import (
	"strings"
)

// OverrideReason says in the words of RFC 9990 section 3.1.1.9 why a message
// was not treated as its author's domain asks, so that reports can repeat it.
type OverrideReason string

// The reasons. Forwarded and SampledOut are those of RFC 7489; RFC 9990 has them no
// longer.
const (
	ReasonForwarded        OverrideReason = "forwarded"
	ReasonTrustedForwarder OverrideReason = "trusted_forwarder"
	ReasonMailingList      OverrideReason = "mailing_list"
	ReasonLocalPolicy      OverrideReason = "local_policy"
	ReasonSampledOut       OverrideReason = "sampled_out"
	ReasonTestMode         OverrideReason = "policy_test_mode"
	ReasonOther            OverrideReason = "other"
)

// Override says what turned the action away from what the author's domain asks
// for. It is evidence: the log, our field and the reports show it.
type Override struct {
	Reason OverrideReason `json:"reason"`
	// By names the key of the configuration or the rule that decided so.
	By string `json:"by"`
	// Text tells a person what the override rests on; "" if By says it all.
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
