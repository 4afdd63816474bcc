package config

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/condition"
)

// checkRules returns a fault for each rule that can never match, for names that
// are used twice, and for rules that cost too much.
func checkRules(rules []rule) Errors {
	var errs Errors
	fault := func(r rule, problem, remedy string) {
		errs = append(errs, &Error{File: r.origin.file, Line: r.origin.line, Key: ruleTable + " " + r.Name, Problem: problem, Remedy: remedy})
	}
	names, deciding, cost := map[string]rule{}, map[string]rule{}, 0
	for _, r := range rules {
		if first, twice := names[r.Name]; twice {
			fault(r, "the name is that of "+first.origin.String()+" too", "choose another")
			continue
		}
		names[r.Name] = r
		if why, remedy := neverMatches(r, deciding); why != "" {
			fault(r, "can never match: "+why, remedy)
			continue
		}
		if r.If != nil {
			cost += r.If.Cost()
		}
		if r.Action != "" && !r.Monitor && r.Until.IsZero() {
			deciding[conditions(r)] = r
		}
	}
	if len(rules) > maxRules {
		fault(rules[maxRules], fmt.Sprintf("there are %d rules", len(rules)), fmt.Sprintf("write at most %d; lists of addresses and domains may be long", maxRules))
	}
	if cost > maxRuleCost {
		fault(rules[len(rules)-1], fmt.Sprintf("all expressions together could take %d steps for one message, %d are allowed", cost, maxRuleCost),
			"use plain keys instead of expressions over rcpts and signatures")
	}
	return errs
}

// neverMatches returns why no message can match a rule, "" if one can. deciding are
// the rules above it that decide, by their conditions.
func neverMatches(r rule, deciding map[string]rule) (why, remedy string) {
	if what := condition.Contradiction(r.Tests, r.If); what != "" {
		return "no message has a " + what + " that suits all its conditions", "change one of them"
	}
	if r.If != nil {
		if value, constant := r.If.Always(); constant && !value {
			return "its expression is false for every message", "change it, or remove the rule"
		}
	}
	if first, ok := deciding[scope(r)]; ok {
		return first.Name + " in " + first.origin.String() + " decides about every message", "put it above that rule"
	}
	if first, ok := deciding[conditions(r)]; ok {
		return first.Name + " in " + first.origin.String() + " asks the same and decides", "change or remove one"
	}
	return "", ""
}

// scope returns the conditions of a rule that every message meets which is for such rules:
// mail of our users meets those that are outbound, and other mail does not.
func scope(r rule) string {
	if r.Outbound {
		return "outbound\n"
	}
	return ""
}

// conditions returns the conditions of a rule as a text.
func conditions(r rule) string {
	var b strings.Builder
	b.WriteString(scope(r))
	for _, t := range r.Tests {
		b.WriteString(t.String() + "\n")
	}
	if r.If != nil {
		if value, constant := r.If.Always(); len(r.Tests) > 0 || !constant || !value {
			b.WriteString(strings.Join(strings.Fields(r.If.String()), " "))
		}
	}
	return b.String()
}
