package config

import "slices"

// Section is a table of the file, for documentation.
type Section struct {
	// Name is the table's name, "" for the keys at the top.
	Name string
	// Comment introduces it; it may have several lines.
	Comment string
	Keys    []Key
}

// Key is one setting, for documentation.
type Key struct {
	Name    string   // without the section
	Default string   // as it is written in TOML
	Comment string   // may have several lines
	Words   []string // the only values, if it has such
}

// Sections describes all settings in the order of contrib/postvet.toml.
func Sections() []Section {
	c := Default()
	var all []Section
	eachSection(func(name, comment string, keys []*key) {
		s := Section{Name: name, Comment: comment}
		for _, k := range keys {
			_, last := split(k.name)
			s.Keys = append(s.Keys, Key{Name: last, Default: k.format(c), Comment: k.comment, Words: k.words})
		}
		all = append(all, s)
	})
	return all
}

// LogLevels returns the words of log.level.
func LogLevels() []string { return slices.Clone(keyNamed("log.level").words) }
