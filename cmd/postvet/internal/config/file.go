package config

import (
	"cmp"

	"github.com/postvet/postvet/policy/foreign"
)

// file is a text being read into a configuration.
type file struct {
	name     string
	lines    map[string]int // of keys and sections by their full names
	rules    []rulePlace
	config   *Config
	sections map[string]section
	keys     map[string]key
	errs     Errors
	// ruleFile allows rules and the keys of the policy alone. over lets a section
	// of domains replace the one before it.
	ruleFile, over bool
}

func newFile(name string, text []byte, c *Config) *file {
	f := &file{
		name: name, lines: linesOf(text), rules: rulePlaces(text), config: c,
		sections: map[string]section{}, keys: map[string]key{},
	}
	for _, s := range c.sections() {
		if s.name != "" {
			f.sections[s.name] = s
		}
		for _, k := range s.keys {
			f.keys[k.name] = k
		}
	}
	return f
}

func (f *file) fault(name, problem, remedy string) {
	f.errs = append(f.errs, &Error{File: f.name, Line: f.lines[name], Key: foreign.Terminal(name, maxShown), Problem: problem, Remedy: remedy})
}

// read reads the whole file.
func (f *file) read(tree map[string]any) {
	f.readNamedLists(tree) // before the rules, which name them
	for name, v := range tree {
		_, isKey := f.keys[name]
		s, isSection := f.sections[name]
		table, isTable := v.(map[string]any)
		switch {
		case name == ruleTable:
			f.readRules(v)
		case isSection && isTable:
			f.readSection(s, table)
		case isSection:
			f.fault(name, "is "+describe(v)+" where a section is expected", "write ["+name+"] on a line of its own, its keys below")
		case isTable && !isKey:
			f.fault(name, unknownSection, "")
		default:
			f.set(name, v)
		}
	}
}

func (f *file) readSection(s section, table map[string]any) {
	switch {
	case f.ruleFile && !s.inRules:
		f.fault(s.name, notInRules, notInRulesRemedy)
	case s.name == listSection: // readNamedLists has read it
	case s.name == authorSection:
		if f.over {
			f.config.AuthorOverrides = nil
		}
		f.readAuthors("", table)
	default:
		for name, v := range table {
			full := s.name + "." + name
			below, isSection := f.sections[full]
			sub, isTable := v.(map[string]any)
			switch {
			case isSection && isTable:
				f.readSection(below, sub)
			case isSection:
				f.fault(full, "is "+describe(v)+" where a section is expected", "write ["+full+"] on a line of its own, its keys below")
			default:
				f.set(full, v)
			}
		}
	}
}

// set sets the key with a full name.
func (f *file) set(name string, v any) {
	k, ok := f.keys[name]
	switch {
	case !ok:
		f.fault(name, unknownKey, "")
	case f.ruleFile && !k.inRules:
		f.fault(name, notInRules, notInRulesRemedy)
	default:
		if problem, remedy := k.value.set(v); problem != "" {
			f.fault(name, problem, remedy)
			return
		}
		f.config.setOrigin(name, origin{file: f.name, line: f.lines[name]})
		if e, ok := k.value.(*entriesValue); ok {
			e.field.placed(f.name, func(i int) int { return cmp.Or(f.lines[entryName(name, i)], f.lines[name]) })
		}
	}
}

const (
	notInRules       = "does not belong into a file of rules"
	notInRulesRemedy = "write it into the main configuration"
)
