package config

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/rules"
)

// ruleTable is the name of the tables that hold the admin's own rules.
const ruleTable = "rule"

// Limits of rules.
const (
	maxRules     = 1000
	maxRuleFiles = 50
	// maxRuleCost bounds the steps that all conditions together may take for the
	// worst message: some tenths of a second.
	maxRuleCost = 50_000_000
)

// rule is one of the admin's own rules and where it stands.
type rule struct {
	rules.Rule
	origin origin
	files  []string // that its keys name
	until  until
}

// readRules reads the [[rule]] tables of a file.
func (f *file) readRules(v any) {
	list, ok := v.([]any)
	if !ok || len(list) != len(f.rules) {
		f.errs = append(f.errs, &Error{
			File: f.name, Line: f.lines[ruleTable], Key: ruleTable, Problem: "is written as a value or a single table",
			Remedy: "write [[rule]] on a line of its own for each rule, its keys below",
		})
		return
	}
	for i, one := range list {
		tree, ok := one.(map[string]any)
		if !ok {
			continue // rulePlaces has seen a table
		}
		r := ruleReader{file: f, place: f.rules[i], tree: tree, number: i + 1}
		one := rule{Rule: r.read(), origin: origin{file: f.name, line: f.rules[i].line}}
		one.files, one.until = r.files, r.until
		f.config.rules = append(f.config.rules, one)
	}
}

// RuleList returns the admin's own rules in order.
func (c *Config) RuleList() []rules.Rule {
	var list []rules.Rule
	for _, r := range c.rules {
		list = append(list, r.Rule)
	}
	return list
}

// RulePlaces returns the file and line of each rule of RuleList.
func (c *Config) RulePlaces() []string {
	var list []string
	for _, r := range c.rules {
		list = append(list, r.origin.String())
	}
	return list
}

// RuleEnds returns the end of each rule of RuleList as it is written, "" for none.
func (c *Config) RuleEnds() []string {
	var list []string
	for _, r := range c.rules {
		list = append(list, r.until.text)
	}
	return list
}

// Shadow returns the configuration of the shadow policy, nil if there is none.
func (c *Config) Shadow() *Config { return c.shadow }

// ShadowRules returns the rules of the shadow policy, nil if there is none.
func (c *Config) ShadowRules(authservID string) *rules.Rules {
	if c.shadow == nil {
		return nil
	}
	r := c.shadow.Rules(authservID)
	return &r
}

// writeRules writes a comment for each active rule.
func (c *Config) writeRules(b *strings.Builder) {
	for i, r := range c.rules {
		if i == 0 {
			b.WriteString("\n# The rules in force; \"postvet policy explain\" says them in words.\n")
		}
		fmt.Fprintf(b, "# [[rule]] %-33s # %s\n", r.Name, r.origin)
	}
}
