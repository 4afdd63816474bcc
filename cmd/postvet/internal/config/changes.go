package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// Change is a difference between two configurations. No key holds a secret.
type Change struct {
	Key string // with its section; "rule" for all rules
	// Old and New are the values as they are written in a file, "" for lists.
	Old     string
	New     string
	Entries *EntryChange // of a list or of a section of domains, else nil
	Rules   *RuleChange  // nil unless the key stands for rules
	// Restart means that the service has the old value until it is restarted.
	Restart bool
}

// EntryChange counts the entries of a list, or the domains of a section.
type EntryChange struct {
	Added   int
	Removed int
	Changed int // always 0 for a list
}

// RuleChange names rules. Moved means that those which stayed have another order.
type RuleChange struct {
	Added   []string
	Removed []string
	Changed []string
	Moved   bool
}

// maxValue bounds a value in a change, in octets.
const maxValue = 160

// String returns the change on one line.
func (c Change) String() string {
	text := c.Key + ": "
	switch {
	case c.Rules != nil:
		text += c.Rules.String()
	case c.Entries != nil:
		text += c.Entries.String()
	default:
		text += foreign.Terminal(c.Old, maxValue) + " -> " + foreign.Terminal(c.New, maxValue)
	}
	if c.Restart {
		text += " (needs a restart)"
	}
	return text
}

func (e EntryChange) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{e.Added, "added"}, {e.Removed, "removed"}, {e.Changed, "changed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

func (r RuleChange) String() string {
	var parts []string
	for _, p := range []struct {
		names []string
		word  string
	}{{r.Added, "added"}, {r.Removed, "removed"}, {r.Changed, "changed"}} {
		if len(p.names) > 0 {
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(p.names), p.word, some(p.names)))
		}
	}
	if r.Moved {
		parts = append(parts, "the others in another order")
	}
	return strings.Join(parts, ", ")
}

// Changes returns what is different in d, in the order of the file. The lists are
// compared with the entries of their files.
func (c *Config) Changes(d *Config) []Change {
	var all []Change
	other := d.keys()
	for i, k := range c.keys() {
		if change, differs := k.compare(other[i]); differs {
			all = append(all, change)
		}
	}
	if e := compareMaps(c.AuthorOverrides, d.AuthorOverrides, AuthorOverride.format); e != (EntryChange{}) {
		all = append(all, Change{Key: authorSection, Entries: &e})
	}
	if e := compareUsers(c.Web.FileUsers, d.Web.FileUsers); e != (EntryChange{}) {
		all = append(all, Change{Key: "web.users_file", Entries: &e})
	}
	for _, name := range sortedKeys(union(c.lists, d.lists)) {
		if e := compareLists(c.lists[name], d.lists[name]); e != (EntryChange{}) {
			all = append(all, Change{Key: listSection + "." + name, Entries: &e})
		}
	}
	if r, differ := compareRules(c.rules, d.rules); differ {
		all = append(all, Change{Key: ruleTable, Rules: &r})
	}
	return append(all, compareShadows(c, d)...)
}

// compareShadows returns the changes of the shadow policy that are none of the policy.
func compareShadows(c, d *Config) []Change {
	before, after := c.shadow, d.shadow
	if before == nil && after == nil {
		return nil
	}
	if before == nil {
		before = &Config{}
	}
	if after == nil {
		after = &Config{}
	}
	if r, differ := compareRules(before.rules, after.rules); differ {
		return []Change{{Key: "shadow_rules", Rules: &r}}
	}
	return nil
}

// compare returns how the value of a key differs in another configuration.
func (k key) compare(other key) (c Change, differs bool) {
	c = Change{Key: k.name, Restart: k.restart}
	if before, ok := k.value.(*entriesValue); ok {
		e := compareLists(*before.field, *other.value.(*entriesValue).field)
		c.Entries = &e
		return c, e != EntryChange{}
	}
	if before, ok := k.value.(*webUsersValue); ok {
		e := compareUsers(*before.field, *other.value.(*webUsersValue).field)
		c.Entries = &e
		return c, e != EntryChange{}
	}
	c.Old, c.New = k.value.format(), other.value.format()
	return c, c.Old != c.New
}

// compareLists counts the entries that only one of two lists has, with those of their
// files.
func compareLists(before, after List) EntryChange {
	e := compareMaps(textsOf(before), textsOf(after), func(n int) string { return fmt.Sprint(n) })
	e.Added, e.Removed, e.Changed = e.Added+e.Changed, e.Removed+e.Changed, 0
	added, removed := after.Set.Difference(before.Set)
	return EntryChange{Added: max(e.Added, added), Removed: max(e.Removed, removed)}
}

// textsOf returns the entries of a list with their ends, and how often each stands there.
func textsOf(l List) map[string]int {
	texts := map[string]int{}
	for _, e := range l.entries {
		texts[e.text+" "+e.until.text]++
	}
	return texts
}

// compareMaps counts the keys that only one of two maps has, and those with another
// value.
func compareMaps[T any](before, after map[string]T, format func(T) string) (e EntryChange) {
	for name, v := range before {
		switch w, stays := after[name]; {
		case !stays:
			e.Removed++
		case format(v) != format(w):
			e.Changed++
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			e.Added++
		}
	}
	return e
}

func union[T any](a, b map[string]T) map[string]T {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]T{}
	}
	maps.Copy(all, b)
	return all
}

// compareRules compares rules by their names.
func compareRules(before, after []rule) (c RuleChange, differ bool) {
	old, now := map[string]string{}, map[string]string{}
	var stayed, order []string
	for _, r := range before {
		old[r.Name] = r.text()
	}
	for _, r := range after {
		now[r.Name] = r.text()
		switch text, was := old[r.Name]; {
		case !was:
			c.Added = append(c.Added, r.Name)
		case text != now[r.Name]:
			c.Changed = append(c.Changed, r.Name)
			order = append(order, r.Name)
		default:
			order = append(order, r.Name)
		}
	}
	for _, r := range before {
		if _, stays := now[r.Name]; stays {
			stayed = append(stayed, r.Name)
		} else {
			c.Removed = append(c.Removed, r.Name)
		}
	}
	c.Moved = !slices.Equal(stayed, order)
	return c, c.Moved || len(c.Added)+len(c.Removed)+len(c.Changed) > 0
}

// text returns all that a rule says, to compare it with another.
func (r rule) text() string {
	var b strings.Builder
	b.WriteString(conditions(r))
	fmt.Fprintf(&b, "\n%q %q %q %q %q %q %q %v %q", r.Comment, r.Action, r.Quarantine, r.RedirectTo, r.Code, r.Text.String(), r.Reason, r.Monitor, r.until.text)
	for _, a := range r.Add {
		fmt.Fprintf(&b, " %q %q", a.Name, a.Value.String())
	}
	fmt.Fprintf(&b, " %q", r.Remove)
	return b.String()
}
