package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/rules"
)

// authorSection is the section whose keys are domains.
const authorSection = "author_overrides"

var authorOverrides = section{name: authorSection, inRules: true, comment: `What is done for single author domains and those below them, instead of what
they ask for, if DMARC does not pass. reject, quarantine: also where they
publish nothing or p=none. none: never reject or hold. The longest name wins.
Public suffixes such as "com" and "co.uk" are not allowed, those of single
owners such as "github.io" are.
"example.org" = "reject"
"example.net" = { policy = "none", until = 2026-12-31 }`}

// AuthorOverride is an entry of the section.
type AuthorOverride struct {
	Policy dmarc.Policy
	until
	origin
}

// UntilText returns the end of the override as it is written, "" for none.
func (o AuthorOverride) UntilText() string { return o.text }

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
		end, problem, remedy := until{}, "", ""
		switch {
		case isTable && isAuthor(sub):
			v, end, problem, remedy = readAuthor(sub)
		case isTable && len(domain) <= maxName:
			f.readAuthors(domain, sub)
			continue
		}
		at := origin{file: f.name, line: f.lineOf(authorSection + "." + domain)}
		if problem == "" {
			problem, remedy = f.config.setAuthor(domain, v, end, at)
		}
		if problem != "" {
			f.errs = append(f.errs, &Error{
				File: at.file, Line: at.line, Key: authorSection + "." + foreign.Terminal(domain, maxShown),
				Problem: problem, Remedy: remedy,
			})
		}
	}
}

// isAuthor reports whether a table stands for an override with its keys, and not for
// the end of a domain: no domain ends in ".policy" or ".until".
func isAuthor(table map[string]any) bool {
	_, named := table["policy"].(string)
	end, given := table[untilKey]
	switch end.(type) {
	case string, map[string]any:
		given = false
	}
	return named || given
}

// readAuthor reads an override that is a table.
func readAuthor(table map[string]any) (policy any, end until, problem, remedy string) {
	for _, name := range slices.Sorted(maps.Keys(table)) {
		switch name {
		case "policy":
			policy = table[name]
		case untilKey:
			if end, problem, remedy = readUntil(table[name], time.Local); problem != "" {
				return nil, end, "until " + problem, remedy
			}
		default:
			return nil, end, cite(name) + " is no key here", "write policy and until"
		}
	}
	if policy == nil {
		return nil, end, "has no policy", `write { policy = "reject", until = 2026-12-31 }`
	}
	return policy, end, "", ""
}

func (c *Config) setAuthor(domain string, v any, end until, at origin) (problem, remedy string) {
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
	case c.AuthorOverrides[name].Policy != "":
		return "stands in the section twice", "remove one"
	case len(c.AuthorOverrides) >= maxAuthors:
		return fmt.Sprintf("the section has more than %d domains", maxAuthors), "name whole domains instead of those below them"
	}
	if c.AuthorOverrides == nil {
		c.AuthorOverrides = map[string]AuthorOverride{}
	}
	c.AuthorOverrides[name] = AuthorOverride{dmarc.Policy(word), end, at}
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
	for _, domain := range sortedKeys(c.AuthorOverrides) {
		fmt.Fprintf(b, "%s = %s\n", strconv.Quote(domain), c.AuthorOverrides[domain].format())
	}
}

// format returns the override as it is written in a file.
func (o AuthorOverride) format() string {
	word := strconv.Quote(string(o.Policy))
	if o.text == "" {
		return word
	}
	return fmt.Sprintf("{ policy = %s, until = %s }", word, o.text)
}

// authors returns the overrides for the decision.
func (c *Config) authors() map[string]rules.AuthorOverride {
	if c.AuthorOverrides == nil {
		return nil
	}
	all := make(map[string]rules.AuthorOverride, len(c.AuthorOverrides))
	for domain, o := range c.AuthorOverrides {
		all[domain] = rules.AuthorOverride{Policy: o.Policy, Until: o.end}
	}
	return all
}

// sortedKeys returns the keys of a map in their order.
func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
