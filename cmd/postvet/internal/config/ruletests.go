package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/foreign"
)

// test reads a condition that is a plain key.
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
		r.files = append(r.files, files.Names...)
	}
	t, problem, remedy := condition.NewTest(key, entries, files)
	if problem != "" {
		r.fault(key.Name, foreign.Terminal(problem, maxShown), foreign.Terminal(remedy, maxShown))
		return
	}
	r.rule.Tests = append(r.rule.Tests, t)
}

// kindsOf returns what a file of entries for a key may hold, 0 if the key takes no
// file.
func kindsOf(key condition.Key) addrlist.Kind {
	switch key.Kind {
	case condition.KindIP:
		return addrlist.Addresses
	case condition.KindDomain, condition.KindDomains, condition.KindAddress, condition.KindAddresses:
		return addrlist.Names
	}
	return 0
}

// condition reads the expression of the key if.
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
