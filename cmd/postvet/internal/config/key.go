package config

import (
	"slices"
	"strings"
)

// section is a table of the file with its keys.
type section struct {
	name string // "" for the keys above the first table
	// comment introduces the section in contrib/postvet.toml.
	comment string
	keys    []key
	// inRules allows the keys in a file of rules too.
	inRules bool
}

// key is one setting of one configuration. Its entry in the table of its section
// is the only place that knows its name, meaning, default and bounds.
type key struct {
	name    string // "timeout"; with its section after sections, "dns.timeout"
	value   value
	comment string // for contrib/postvet.toml
	// restart marks a key that a reload cannot change.
	restart bool
	// environment marks a key that a variable of the environment can set: one that
	// differs from one container to the next.
	environment bool
	// inRules allows the key in a file of rules too.
	inRules bool
	// evaluation marks a key that decides what is looked up, not what is done about
	// it. It cannot be tried on a message that was evaluated before, so it is not
	// allowed in a file of rules.
	evaluation bool
}

// sections returns the sections of the file in order. Their keys set and format
// the fields of c.
func (c *Config) sections() []section {
	all := []section{
		c.general(),
		c.Socket.section(),
		c.DNS.section(),
		c.Policy.section(),
		c.Trust.section(),
		authorOverrides,
		namedLists,
		c.DKIM.section(),
		c.Exempt.section(),
		c.Sign.section(),
	}
	all = append(all, c.Sign.sources()...)
	all = append(all,
		c.Seal.section(),
		c.Limits.section(),
		c.Control.section(),
		c.Log.section(),
		c.Metrics.section(),
		c.Web.section(),
		c.Peers.section(),
		c.Journal.section(),
	)
	all = append(all, c.Report.sections()...)
	all = append(all, c.Watch.section())
	for _, s := range all {
		for i := range s.keys {
			k := &s.keys[i]
			k.inRules = (k.inRules || s.inRules) && !k.evaluation
			if s.name != "" {
				k.name = s.name + "." + k.name
			}
		}
	}
	return all
}

// keys returns all keys in the order of the file.
func (c *Config) keys() []key {
	var all []key
	for _, s := range c.sections() {
		all = append(all, s.keys...)
	}
	return all
}

// key returns the key with a full name, such as "dns.timeout".
func (c *Config) key(name string) (key, bool) {
	all := c.keys()
	i := slices.IndexFunc(all, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return all[i], true
}

// changed returns the keys that have another value in d.
func (c *Config) changed(d *Config) []key {
	var list []key
	other := d.keys()
	for i, k := range c.keys() {
		if k.value.format() != other[i].value.format() {
			list = append(list, k)
		}
	}
	return list
}

// NeedsRestart returns the names of the keys that have another value in d and
// that a reload cannot change.
func (c *Config) NeedsRestart(d *Config) []string {
	var names []string
	for _, k := range c.changed(d) {
		if k.restart {
			names = append(names, k.name)
		}
	}
	return names
}

// split parts a full name into section and key.
func split(name string) (section, last string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}
