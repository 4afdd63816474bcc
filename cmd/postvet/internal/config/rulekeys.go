package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spelling"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/message"
)

// ruleReader reads one [[rule]] table.
type ruleReader struct {
	file   *file
	place  rulePlace
	tree   map[string]any
	number int
	rule   rules.Rule
	failed bool
}

// Actions that a rule may name.
var actions = []string{"accept", "quarantine", "reject", "tempfail", "discard", "redirect"}

// reasons are the words of RFC 9990 section 3.1.1.9, with those of RFC 7489.
var reasons = []string{
	string(result.ReasonLocalPolicy), string(result.ReasonTrustedForwarder), string(result.ReasonMailingList),
	string(result.ReasonForwarded), string(result.ReasonSampledOut), string(result.ReasonOther),
}

// RuleKey describes a key of a rule that is no condition.
type RuleKey struct{ Name, Text string }

// ruleKeys are all of them, in the order of the manual.
var ruleKeys = []RuleKey{
	{"name", "required; letters a to z, digits and hyphens, each name once"},
	{"comment", "why there is this rule; shown where it overrides a domain's policy"},
	{"if", "an expression, such as 'dmarc == \"fail\" and not list'"},
	{"action", "accept, quarantine, reject, tempfail, discard or redirect; without one the rule only edits, and the next is asked"},
	{"quarantine", "hold (the default), tag, or an address that gets the message"},
	{"redirect", "the address that gets the message instead of its recipients"},
	{"code", "reply and enhanced code for reject and tempfail, such as \"550 5.7.1\""},
	{"text", "the reply's text, or the reason of a quarantine"},
	{"reason", "what reports call an override: local_policy (the default), trusted_forwarder, mailing_list, forwarded, sampled_out or other"},
	{"add_header", "fields to put on top, such as [\"X-Policy: {rule}\"]"},
	{"remove_header", "names of fields to take out, all of each name"},
	{"mode", "enforce (the default), or monitor: the match is only noted"},
}

// RuleKeys returns the keys of a rule that are no conditions.
func RuleKeys() []RuleKey { return slices.Clone(ruleKeys) }

var (
	ruleName  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	replyCode = regexp.MustCompile(`^([45])[0-5]\d ([45])\.\d{1,3}\.\d{1,3}$`)
)

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

// read reads the whole table; faults are added to the file's.
func (r *ruleReader) read() rules.Rule {
	r.name()
	for _, key := range slices.Sorted(maps.Keys(r.tree)) {
		if plain, ok := condition.KeyNamed(key); ok {
			r.test(plain, r.tree[key])
		} else if !slices.ContainsFunc(ruleKeys, func(k RuleKey) bool { return k.Name == key }) {
			r.fault(key, "is no key of a rule", suggestRuleKey(key))
		}
	}
	// Tests in the order of the manual, whatever the order in the file.
	slices.SortStableFunc(r.rule.Tests, func(a, b *condition.Test) int { return a.Order() - b.Order() })
	r.rule.Comment = foreign.Terminal(r.text("comment"), maxShown)
	r.condition()
	r.rule.Monitor = r.word("mode", []string{"enforce", "monitor"}) == "monitor"
	r.rule.Reason = result.OverrideReason(r.word("reason", reasons))
	r.headers()
	r.action()
	return r.rule
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

// text is a string key; "" if it is not set.
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

func (r *ruleReader) word(key string, words []string) string {
	s := r.text(key)
	if _, set := r.tree[key].(string); set && !slices.Contains(words, s) {
		r.fault(key, cite(s)+" is not known", "write "+quotedOr(words))
		return ""
	}
	return s
}

// list is a key with a list of strings; one string alone will do.
func (r *ruleReader) list(key string, v any) ([]string, bool) {
	if s, ok := v.(string); ok {
		return []string{s}, true
	}
	all, ok := v.([]any)
	if !ok {
		r.fault(key, "is "+describe(v), `write a list of strings, such as ["..."]`)
		return nil, false
	}
	if len(all) > maxList {
		r.fault(key, fmt.Sprintf("has %d entries", len(all)), fmt.Sprintf("write at most %d", maxList))
		return nil, false
	}
	list := make([]string, 0, len(all))
	for i, e := range all {
		s, ok := e.(string)
		if !ok {
			r.fault(key, fmt.Sprintf("entry %d is %s", i+1, describe(e)), "write strings in quotes")
			return nil, false
		}
		list = append(list, s)
	}
	return list, true
}

func (r *ruleReader) test(key condition.Key, v any) {
	if key.Bool() {
		b, ok := v.(bool)
		if !ok {
			r.fault(key.Name, "is "+describe(v), "write true or false, without quotes")
			return
		}
		r.rule.Tests = append(r.rule.Tests, condition.NewBool(key, b))
		return
	}
	entries, ok := r.list(key.Name, v)
	if !ok {
		return
	}
	if key.Name == "listener" {
		for i, e := range entries {
			name, not := strings.CutPrefix(e, "!")
			normal, problem, remedy := checkListener(name)
			if problem != "" {
				r.fault(key.Name, problem, remedy)
				return
			}
			if entries[i] = normal; not {
				entries[i] = "!" + normal
			}
		}
	}
	var files condition.Lists
	if kinds := kindsOf(key); kinds != 0 {
		var problem, remedy string
		if entries, files, problem, remedy = fileEntries(entries, kinds); problem != "" {
			r.fault(key.Name, problem, remedy)
			return
		}
	}
	t, problem, remedy := condition.NewTest(key, entries, files)
	if problem != "" {
		r.fault(key.Name, foreign.Terminal(problem, maxShown), foreign.Terminal(remedy, maxShown))
		return
	}
	r.rule.Tests = append(r.rule.Tests, t)
}

// kindsOf says what a file for a key may hold; 0 if there can be none.
func kindsOf(key condition.Key) addrlist.Kind {
	switch key.Kind {
	case condition.KindIP:
		return addrlist.Addresses
	case condition.KindDomain, condition.KindDomains, condition.KindAddress, condition.KindAddresses:
		return addrlist.Names
	}
	return 0
}

func (r *ruleReader) condition() {
	if _, set := r.tree["if"]; !set {
		return
	}
	source := r.text("if")
	if r.failed && source == "" {
		return
	}
	c, err := condition.Compile(source, condition.Options{Lists: r.file.config.listNamed()})
	var where *condition.Error
	switch {
	case errors.As(err, &where):
		r.fault("if", fmt.Sprintf("column %d: %s", where.Column, foreign.Terminal(where.Problem, maxShown)), foreign.Terminal(where.Remedy, maxShown))
		e := r.file.errs[len(r.file.errs)-1]
		if line, ok := r.place.values["if"]; ok {
			e.Line = line + where.Line - 1
		}
		e.Excerpt = where.Caret()
	case err != nil:
		r.fault("if", foreign.Terminal(err.Error(), maxShown), "write another expression")
	default:
		r.rule.If = c
	}
}

// headers reads the edits.
func (r *ruleReader) headers() {
	if v, set := r.tree["add_header"]; set {
		entries, _ := r.list("add_header", v)
		for _, e := range entries {
			r.addition(e)
		}
	}
	if v, set := r.tree["remove_header"]; set {
		entries, _ := r.list("remove_header", v)
		for _, e := range entries {
			switch {
			case !fieldName.MatchString(e):
				r.fault("remove_header", cite(e)+" is no name of a field", `write one such as "X-Spam-Status"`)
			case isField(e, required):
				r.fault("remove_header", fmt.Sprintf("%s must stay in every message (RFC 5322 section 3.6)", e), "remove the entry")
			default:
				r.rule.Remove = append(r.rule.Remove, e)
			}
		}
	}
}

var (
	fieldName = regexp.MustCompile(`^[!-9;-~]{1,76}$`)
	// required must be in a message, single must not be there twice (RFC 5322
	// section 3.6), ours speaks with our authority.
	required = []string{"From", "Date"}
	single   = []string{
		"From", "Date", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject",
	}
	ours = []string{result.ResultsField, result.QuarantineField}
)

func isField(name string, names []string) bool {
	f := message.NewField(name, "")
	return slices.ContainsFunc(names, f.Is)
}

func (r *ruleReader) addition(entry string) {
	const remedy = `write one such as "X-Policy: {rule}"`
	name, value, ok := strings.Cut(entry, ":")
	value = strings.TrimSpace(value)
	switch {
	case !ok || !fieldName.MatchString(name):
		r.fault("add_header", cite(entry)+" is no field with its value", remedy)
		return
	case isField(name, ours):
		r.fault("add_header", name+" is written by Postvet alone", "choose another name")
		return
	case isField(name, single):
		r.fault("add_header", name+" must not be in a message twice (RFC 5322 section 3.6)", "choose another name")
		return
	case value == "":
		r.fault("add_header", cite(entry)+" has no value", remedy)
		return
	}
	r.rule.Add = append(r.rule.Add, rules.Addition{Name: name, Value: r.template("add_header", value, 800)})
}

// template reads a text with placeholders.
func (r *ruleReader) template(key, s string, most int) explain.Template {
	switch {
	case len(s) > most:
		r.fault(key, fmt.Sprintf("has %d octets", len(s)), fmt.Sprintf("write at most %d", most))
	case !foreign.IsPrintable(s):
		r.fault(key, "holds a character that SMTP cannot carry", "write printable ASCII")
	}
	t, err := explain.ParseTemplate(s)
	if err != nil {
		problem, remedy, _ := strings.Cut(err.Error(), "; ")
		r.fault(key, foreign.Terminal(problem, maxShown), remedy)
	}
	return t
}

func suggestRuleKey(key string) string {
	var names []string
	for _, k := range ruleKeys {
		names = append(names, k.Name)
	}
	for _, k := range condition.Keys() {
		names = append(names, k.Name)
	}
	if near := spelling.Nearest(key, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "\"postvet policy explain --keys\" prints every key"
}
