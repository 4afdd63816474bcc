package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
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
}

// loadRules reads the files of rules. What the rules of the main file are has
// been read with it; those of the files follow, in their order.
func (c *Config) loadRules() error {
	if n := len(c.RuleFiles) + len(c.ShadowFiles); n > maxRuleFiles {
		at := c.origin["rules"]
		return Errors{{File: at.file, Line: at.line, Key: "rules", Problem: fmt.Sprintf("there are %d files of rules", n), Remedy: fmt.Sprintf("name at most %d", maxRuleFiles)}}
	}
	if err := c.readRuleFiles("rules", c.RuleFiles, true); err != nil {
		return err
	}
	if len(c.ShadowFiles) == 0 {
		return nil
	}
	shadow, err := c.overlay("shadow_rules", c.ShadowFiles)
	if err != nil {
		return err
	}
	c.shadow = shadow
	return nil
}

// Overlay returns a copy of the configuration with the rules of a file instead
// of its own, if the file has any, and with the policy keys of the file over its
// own. It has no shadow.
func (c *Config) Overlay(file string) (*Config, error) {
	return c.overlay("", []string{file})
}

func (c *Config) overlay(key string, files []string) (*Config, error) {
	o := c.copy()
	o.shadow, o.rules = nil, nil
	if err := o.readRuleFiles(key, files, false); err != nil {
		return nil, err
	}
	if len(o.rules) == 0 {
		o.rules = c.rules
	}
	return o, nil
}

// copy returns a configuration whose keys can be set without changing c.
func (c *Config) copy() *Config {
	o := *c
	o.origin = make(map[string]origin, len(c.origin))
	maps.Copy(o.origin, c.origin)
	o.rules = slices.Clone(c.rules)
	o.AuthorOverrides = maps.Clone(c.AuthorOverrides)
	o.lists = maps.Clone(c.lists)
	return &o
}

// readRuleFiles adds the rules and the policy keys of files. Where once is set,
// a key must not be set twice.
func (c *Config) readRuleFiles(key string, files []string, once bool) error {
	var errs Errors
	for _, name := range files {
		if base := c.origin[key].file; key != "" && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(base), name)
		}
		text, err := readRuleFile(name)
		if err != nil {
			at := c.origin[key]
			if key == "" {
				at = origin{file: name}
			}
			errs = append(errs, &Error{File: at.file, Line: at.line, Key: key, Problem: foreign.Terminal(err.Error(), maxShown), Remedy: "name a readable file of rules"})
			continue
		}
		if len(text) == 0 {
			c.empty = append(c.empty, name)
		}
		tree, err := decode(name, text)
		if err != nil {
			errs = append(errs, err.(Errors)...) //nolint:errorlint // decode returns nothing else
			continue
		}
		before := c.origin
		if once {
			before = c.copy().origin
		}
		f := newFile(name, text, c)
		f.ruleFile, f.over = true, !once
		f.read(tree)
		if once {
			f.refuseTwice(before)
		}
		errs = append(errs, f.errs...)
	}
	if len(errs) == 0 {
		errs = append(checkRules(c.rules), c.cross()...)
	}
	return errs.orNil()
}

// refuseTwice finds keys that were set before.
func (f *file) refuseTwice(before map[string]origin) {
	for name, at := range f.config.origin {
		if old, ok := before[name]; ok && at.file == f.name && old != at {
			f.errs = append(f.errs, &Error{
				File: f.name, Line: at.line, Key: name,
				Problem: fmt.Sprintf("is set in %s:%d too", foreign.Terminal(old.file, maxShown), old.line), Remedy: "remove one",
			})
		}
	}
}

// readRuleFile says in its errors which file and why.
func readRuleFile(name string) ([]byte, error) {
	text, err := readFile(name)
	var tooLarge Errors
	switch {
	case errors.As(err, &tooLarge):
		return nil, fmt.Errorf("%s is larger than 1 MB", strconv.Quote(name))
	case err != nil:
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s cannot be read: %w", strconv.Quote(name), err)
	}
	return text, nil
}

// readFile reads a file that is not too large for one of ours.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(name, f)
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
			continue // the parser has seen a table
		}
		r := ruleReader{file: f, place: f.rules[i], tree: tree, number: i + 1}
		f.config.rules = append(f.config.rules, rule{Rule: r.read(), origin: origin{file: f.name, line: f.rules[i].line}})
	}
}

// RuleList are the admin's own rules, in order.
func (c *Config) RuleList() []rules.Rule {
	var list []rules.Rule
	for _, r := range c.rules {
		list = append(list, r.Rule)
	}
	return list
}

// RulePlaces are the files and lines of RuleList's rules.
func (c *Config) RulePlaces() []string {
	var list []string
	for _, r := range c.rules {
		list = append(list, fmt.Sprintf("%s:%d", r.origin.file, r.origin.line))
	}
	return list
}

// Shadow is the configuration of the shadow policy; nil if there is none.
func (c *Config) Shadow() *Config { return c.shadow }

// ShadowRules are the rules of the shadow policy; nil if there is none.
func (c *Config) ShadowRules(authservID string) *rules.Rules {
	if c.shadow == nil {
		return nil
	}
	r := c.shadow.Rules(authservID)
	return &r
}

// writeRules lists the rules that are in force, as comments.
func (c *Config) writeRules(b *strings.Builder) {
	for i, r := range c.rules {
		if i == 0 {
			b.WriteString("\n# The rules in force; \"postvet policy explain\" says them in words.\n")
		}
		fmt.Fprintf(b, "# [[rule]] %-33s # %s:%d\n", r.Name, r.origin.file, r.origin.line)
	}
}
