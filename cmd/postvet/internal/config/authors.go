package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// authorSection is the section whose keys are domains.
const authorSection = "author_overrides"

var authorOverrides = section{name: authorSection, inRules: true, comment: `What is done for single author domains and those below them, instead of what
they ask for, if DMARC does not pass. reject, quarantine: also where they
publish nothing or p=none. none: never reject or hold. The longest name wins.
Public suffixes such as "com" and "co.uk" are not allowed, those of single
owners such as "github.io" are.
"example.org" = "reject"`}

var authorWords = []string{string(dmarc.PolicyReject), string(dmarc.PolicyQuarantine), string(dmarc.PolicyNone)}

const (
	maxAuthors = 10000 // bounds the section
	maxName    = 1024  // bounds a domain, in octets
)

// readAuthors reads the section. TOML reads a domain without quotes, as in
// example.org = "reject", as a table example with the key org. It counts as the
// domain.
func (f *file) readAuthors(prefix string, tree map[string]any) {
	// In the order of the file, so that the later one of two equal entries is at fault.
	full := func(name string) string {
		if prefix != "" {
			return prefix + "." + name
		}
		return name
	}
	names := slices.SortedFunc(maps.Keys(tree), func(a, b string) int {
		return cmp.Or(f.lineOf(authorSection+"."+full(a))-f.lineOf(authorSection+"."+full(b)), strings.Compare(a, b))
	})
	for _, name := range names {
		domain, v := full(name), tree[name]
		sub, isTable := v.(map[string]any)
		if isTable && len(domain) <= maxName {
			f.readAuthors(domain, sub)
			continue
		}
		if problem, remedy := f.config.setAuthor(domain, v); problem != "" {
			f.errs = append(f.errs, &Error{
				File: f.name, Line: f.lineOf(authorSection + "." + domain), Key: authorSection + "." + foreign.Terminal(domain, maxShown),
				Problem: problem, Remedy: remedy,
			})
		}
	}
}

func (c *Config) setAuthor(domain string, v any) (problem, remedy string) {
	word, ok := v.(string)
	name, valid := message.NormalizeDomain(domain)
	switch {
	case !valid:
		return "is no domain", `write one such as "example.org" = "reject"`
	case !ok:
		return "is " + describe(v), "write " + quotedOr(authorWords)
	case !slices.Contains(authorWords, word):
		return cite(word) + " is not known", "write " + quotedOr(authorWords)
	case dmarc.PublicSuffix(name):
		return "is a public suffix, below which anybody can have a domain",
			fmt.Sprintf("name the domains that are meant, or write a [[rule]] with from = [%q]", "."+name)
	case c.AuthorOverrides[name] != "":
		return "stands in the section twice", "remove one"
	case len(c.AuthorOverrides) >= maxAuthors:
		return fmt.Sprintf("the section has more than %d domains", maxAuthors), "name whole domains instead of those below them"
	}
	if c.AuthorOverrides == nil {
		c.AuthorOverrides = map[string]dmarc.Policy{}
	}
	c.AuthorOverrides[name] = dmarc.Policy(word)
	return "", ""
}

// lineOf returns the line of a name, or of the longest part of it that has a line:
// a name of many parts has none.
func (f *file) lineOf(name string) int {
	for name != "" {
		if line := f.lines[name]; line > 0 {
			return line
		}
		name, _ = split(name)
	}
	return 0
}

// writeAuthors writes the keys of the section.
func (c *Config) writeAuthors(b *strings.Builder) {
	for _, domain := range slices.Sorted(maps.Keys(c.AuthorOverrides)) {
		fmt.Fprintf(b, "%s = %s\n", strconv.Quote(domain), strconv.Quote(string(c.AuthorOverrides[domain])))
	}
}
