package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/foreign"
)

// listSection is the section of lists that expressions name.
const listSection = "lists"

const maxLists = 100

var namedLists = section{name: listSection, inRules: true, comment: `Lists of addresses and domains for rules of your own. An expression asks
listed(from, "partners"). Entries and files are as in [trust].
partners = ["example.org", ".example.org", "file:/etc/postvet/partners"]`}

// readNamedLists reads the section lists, whose lists may hold addresses and
// domains.
func (f *file) readNamedLists(tree map[string]any) {
	section, ok := tree[listSection].(map[string]any)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(section)) {
		var l List
		full := listSection + "." + name
		problem, remedy := "", ""
		_, twice := f.config.lists[name]
		switch {
		case !ruleName.MatchString(name):
			problem, remedy = "is no name of a list", "write up to 63 letters a to z, digits and hyphens"
		case twice && !f.over:
			problem, remedy = "is a list of another file too", "choose another name"
		case len(f.config.lists) >= maxLists && !twice:
			problem, remedy = fmt.Sprintf("there are more than %d lists", maxLists), "put entries together"
		default:
			l, problem, remedy = readEntries(section[name], addrlist.Addresses|addrlist.Names, 0)
		}
		if problem == "" && slices.ContainsFunc(l.entries, func(e entry) bool { return !e.end.IsZero() }) {
			problem, remedy = "has an entry with an end", "write until into the rule that asks for the list"
		}
		if problem != "" {
			f.errs = append(f.errs, &Error{File: f.name, Line: f.lineOf(full), Key: foreign.Terminal(full, maxShown), Problem: problem, Remedy: remedy})
			continue
		}
		if f.config.lists == nil {
			f.config.lists = map[string]List{}
		}
		f.config.setOrigin(full, origin{file: f.name, line: f.lineOf(full)})
		f.config.lists[name] = l
	}
}

// listNamed returns the lists for expressions, by name.
func (c *Config) listNamed() map[string]*addrlist.List {
	sets := make(map[string]*addrlist.List, len(c.lists))
	for name, l := range c.lists {
		sets[name] = l.Set
	}
	return sets
}

// fileEntries separates the entries of a key from the files among them, which it
// reads. "!" before a file excludes its entries.
func fileEntries(entries []string, kinds addrlist.Kind) (plain []string, files condition.Lists, problem, remedy string) {
	for _, e := range entries {
		name, not := strings.CutPrefix(e, "!")
		if !strings.HasPrefix(name, filePrefix) {
			plain = append(plain, e)
			continue
		}
		var l List
		if l, problem, remedy = parseEntries(undated([]string{name}), kinds, 0); problem != "" {
			return nil, files, problem, remedy
		}
		files.Names = append(files.Names, e)
		if not {
			files.Out = append(files.Out, l.Set)
		} else {
			files.In = append(files.In, l.Set)
		}
	}
	return plain, files, "", ""
}

// writeLists writes the keys of the section.
func (c *Config) writeLists(b *strings.Builder) {
	for _, name := range slices.Sorted(maps.Keys(c.lists)) {
		fmt.Fprintf(b, "%s = %s\n", name, formatList(c.lists[name].Entries))
	}
}
