package rules

import "github.com/postvet/postvet/policy/result"

// SignNone is the value of Rule.Sign for mail that is not signed.
const SignNone = "none"

// isOutbound reports whether a message is mail of our users.
func isOutbound(res *result.Results) bool { return res.Signing != nil && res.Signing.Origin != "" }

// SigningChoice returns what the administrator's rules say about the signature of a message
// of our users: the first rule that matches and says anything decides.
func (r Rules) SigningChoice(res *result.Results) result.SigningChoice {
	if !isOutbound(res) {
		return result.SigningChoice{}
	}
	facts := factsOf(res)
	var c customResult
	for i := range r.Custom {
		rule := &r.Custom[i]
		if rule.Sign == "" || rule.Monitor || ended(rule.Until, res.Arrived) || !c.matches(rule, facts) {
			continue
		}
		choice := result.SigningChoice{Rule: rule.Name}
		if choice.None = rule.Sign == SignNone; !choice.None {
			choice.Selector = rule.Sign
		}
		return choice
	}
	return result.SigningChoice{}
}

// ReservedSelectors returns the selectors that only rules use. Their keys sign nothing else.
func (r Rules) ReservedSelectors() []string {
	var list []string
	for _, rule := range r.Custom {
		if rule.Sign != "" && rule.Sign != SignNone {
			list = append(list, rule.Sign)
		}
	}
	return list
}

// applyOutbound applies the rules for mail of our users, which no other step checks.
func (r *Rules) applyOutbound(d *decision) {
	if isOutbound(d.results) {
		r.ask(d, func(rule *Rule) bool { return rule.Outbound })
	}
}
