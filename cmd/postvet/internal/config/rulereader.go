package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// ruleReader reads one [[rule]] table.
type ruleReader struct {
	file   *file
	place  rulePlace
	tree   map[string]any
	number int
	rule   rules.Rule
	files  []string // the files of entries that its keys name
	until  until
	failed bool
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// fault adds a fault of a key, or of the whole rule for "".
func (r *ruleReader) fault(key, problem, remedy string) {
	r.failed = true
	line := r.place.line
	if l, ok := r.place.keys[key]; ok {
		line = l
	}
	full := ruleTable
	if r.rule.Name != "" {
		full += " " + r.rule.Name
	} else {
		full += fmt.Sprintf(" %d", r.number)
	}
	if key != "" {
		full += ": " + foreign.Terminal(key, maxShown)
	}
	r.file.errs = append(r.file.errs, &Error{File: r.file.name, Line: line, Key: full, Problem: problem, Remedy: remedy})
}

// read returns the rule and adds its faults to those of the file.
func (r *ruleReader) read() rules.Rule {
	r.name()
	for _, key := range slices.Sorted(maps.Keys(r.tree)) {
		if plain, ok := condition.KeyNamed(key); ok {
			r.test(plain, r.tree[key])
		} else if !slices.ContainsFunc(ruleKeys, func(k RuleKey) bool { return k.Name == key }) {
			r.fault(key, "is no key of a rule", suggestRuleKey(key))
		}
	}
	// Sort the tests as in the manual, whatever their order in the file.
	slices.SortStableFunc(r.rule.Tests, func(a, b *condition.Test) int { return a.Order() - b.Order() })
	r.rule.Comment = foreign.Terminal(r.text("comment"), maxShown)
	r.condition()
	r.rule.Monitor = r.word("mode", []string{"enforce", "monitor"}) == "monitor"
	r.rule.Reason = result.OverrideReason(r.word("reason", reasons))
	r.end()
	r.headers()
	r.signing()
	r.action()
	return r.rule
}

// end reads when the rule ends.
func (r *ruleReader) end() {
	v, ok := r.tree[untilKey]
	if !ok {
		return
	}
	u, problem, remedy := readUntil(v, time.Local)
	if problem != "" {
		r.fault(untilKey, problem, remedy)
		return
	}
	r.until, r.rule.Until = u, u.end
}

func (r *ruleReader) name() {
	v, ok := r.tree["name"]
	name, isString := v.(string)
	switch {
	case !ok:
		r.fault("", "has no name", `write name = "..." with letters a to z, digits and hyphens`)
	case !isString:
		r.fault("name", "is "+describe(v), "write a string in quotes")
	case !ruleName.MatchString(name):
		r.fault("name", cite(name)+" is no name of a rule", "write up to 63 letters a to z, digits and hyphens")
	case slices.Contains(rules.BuiltinRules(), name):
		r.fault("name", fmt.Sprintf("%q is the name of a rule of Postvet's own", name), "choose another")
	default:
		r.rule.Name = name
	}
}

// text returns a string, "" if the key is not set.
func (r *ruleReader) text(key string) string {
	v, ok := r.tree[key]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.fault(key, "is "+describe(v), "write a string in quotes")
	}
	return s
}

// word returns one of the words, "" if the key is not set.
func (r *ruleReader) word(key string, words []string) string {
	s := r.text(key)
	if _, set := r.tree[key].(string); set && !slices.Contains(words, s) {
		r.fault(key, cite(s)+" is not known", "write "+quotedOr(words))
		return ""
	}
	return s
}

// list returns a list of strings. A single string is a list of one.
func (r *ruleReader) list(key string, v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	list, problem, remedy := stringsOf(v, `write a list of strings, such as ["..."]`, "write strings in quotes")
	if problem != "" {
		r.fault(key, problem, remedy)
		return nil, false
	}
	return list, true
}
