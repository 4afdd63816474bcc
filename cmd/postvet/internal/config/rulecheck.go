package config

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/foreign"
)

// checkRules returns a fault for each rule that can never match, for names that
// are used twice, and for rules that cost too much.
func checkRules(rules []rule) Errors {
	var errs Errors
	fault := func(r rule, problem, remedy string) {
		errs = append(errs, &Error{File: r.origin.file, Line: r.origin.line, Key: ruleTable + " " + r.Name, Problem: problem, Remedy: remedy})
	}
	names := map[string]rule{}
	deciding := map[string]rule{} // by their conditions
	cost := 0
	for _, r := range rules {
		if first, twice := names[r.Name]; twice {
			fault(r, fmt.Sprintf("the name is that of %s:%d too", foreign.Terminal(first.origin.file, maxShown), first.origin.line), "choose another")
			continue
		}
		names[r.Name] = r
		if what := condition.Contradiction(r.Tests, r.If); what != "" {
			fault(r, "can never match: no message has a "+what+" that suits all its conditions", "change one of them")
			continue
		}
		asks, always := asks(r)
		if r.If != nil {
			if value, constant := r.If.Always(); constant && !value {
				fault(r, "can never match: its expression is false for every message", "change it, or remove the rule")
				continue
			}
			cost += r.If.Cost()
		}
		if first, ok := deciding[""]; ok {
			fault(r, fmt.Sprintf("can never match: %s in %s:%d decides about every message", first.Name, foreign.Terminal(first.origin.file, maxShown), first.origin.line), "put it above that rule")
			continue
		}
		if first, ok := deciding[asks]; ok {
			fault(r, fmt.Sprintf("can never match: %s in %s:%d asks the same and decides", first.Name, foreign.Terminal(first.origin.file, maxShown), first.origin.line), "change or remove one")
			continue
		}
		if r.Action == "" || r.Monitor {
			continue
		}
		if always {
			asks = ""
		}
		deciding[asks] = r
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

// asks returns the conditions of a rule as a text. always reports whether every
// message meets them.
func asks(r rule) (conditions string, always bool) {
	var b strings.Builder
	for _, t := range r.Tests {
		b.WriteString(t.String() + "\n")
	}
	always = len(r.Tests) == 0
	if r.If != nil {
		value, constant := r.If.Always()
		always = always && constant && value
		b.WriteString(strings.Join(strings.Fields(r.If.String()), " "))
	}
	return b.String(), always
}
