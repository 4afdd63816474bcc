package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/foreign"
)

// loadRules reads the files of rules. The rules of the main file have been read
// with it. Those of the files follow, in the order of the files.
func (c *Config) loadRules() error {
	if n := len(c.RuleFiles) + len(c.ShadowFiles); n > maxRuleFiles {
		return Errors{c.fault("rules", fmt.Sprintf("there are %d files of rules", n), fmt.Sprintf("name at most %d", maxRuleFiles))}
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

// Overlay returns a copy of the configuration over which a file of rules is laid:
// its rules replace all others, if it has any, and its policy keys replace those
// of the configuration. The copy has no shadow.
func (c *Config) Overlay(file string) (*Config, error) {
	return c.overlay("", []string{file})
}

func (c *Config) overlay(key string, files []string) (*Config, error) {
	return c.over(func(o *Config) error { return o.readRuleFiles(key, files, false) })
}

// over returns a copy of the configuration into which read has read rules and policy keys.
func (c *Config) over(read func(*Config) error) (*Config, error) {
	o := c.copy()
	o.shadow, o.rules = nil, nil
	if err := read(o); err != nil {
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
	o.origin = maps.Clone(c.origin)
	o.rules = slices.Clone(c.rules)
	o.AuthorOverrides = maps.Clone(c.AuthorOverrides)
	o.lists = maps.Clone(c.lists)
	return &o
}

// readRuleFiles adds the rules and the policy keys of the files that a key names.
// If once is set, no key may be set twice.
func (c *Config) readRuleFiles(key string, files []string, once bool) error {
	var errs Errors
	for _, name := range files {
		if key != "" {
			name = c.beside(key, name)
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
		errs = append(errs, c.readRuleText(name, text, once)...)
	}
	if len(errs) == 0 {
		errs = append(checkRules(c.rules), c.conflicts()...)
	}
	return errs.orNil()
}

// readRuleText adds the rules and the policy keys of a text. Errors call it name.
func (c *Config) readRuleText(name string, text []byte, once bool) Errors {
	tree, fault := decode(name, text)
	if fault != nil {
		return Errors{fault}
	}
	before := maps.Clone(c.origin)
	f := newFile(name, text, c)
	f.ruleFile, f.over = true, !once
	f.read(tree)
	if once {
		f.refuseTwice(before)
	}
	return f.errs
}

// refuseTwice adds a fault for each key that was set before.
func (f *file) refuseTwice(before map[string]origin) {
	for name, at := range f.config.origin {
		if old, ok := before[name]; ok && at.file == f.name && old != at {
			f.errs = append(f.errs, &Error{
				File: f.name, Line: at.line, Key: name,
				Problem: "is set in " + old.String() + " too", Remedy: "remove one",
			})
		}
	}
}

// readRuleFile reads a file. Its errors name the file and the cause.
func readRuleFile(name string) ([]byte, error) {
	text, err := readFile(name)
	var tooLarge Errors
	switch {
	case errors.As(err, &tooLarge):
		return nil, fmt.Errorf("%s is larger than 1 MB", strconv.Quote(name))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", strconv.Quote(name), cause(err))
	}
	return text, nil
}

// cause returns the error of the system without the operation and the path.
func cause(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// readFile reads a file of at most maxFile octets. A pipe that nobody writes to is an
// error, since a service that waits for a writer would never start.
func readFile(name string) ([]byte, error) {
	f, err := input.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(name, f)
}
