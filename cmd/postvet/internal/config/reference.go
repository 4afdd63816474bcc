package config

// Section is a section of the file, for documentation.
type Section struct {
	// Name is "" for the keys above the first section.
	Name string
	// Comment introduces the section. It may have several lines.
	Comment string
	Keys    []Key
}

// Key is one setting, for documentation.
type Key struct {
	Name    string   // without the section
	Default string   // as it is written in TOML
	Comment string   // may have several lines
	Words   []string // the only values, nil if there are others
	// Variable is the variable of the environment that sets it, "" for none.
	Variable string
}

// Sections returns all sections in the order of contrib/postvet.toml.
func Sections() []Section {
	var all []Section
	for _, s := range Default().sections() {
		d := Section{Name: s.name, Comment: s.comment}
		for _, k := range s.keys {
			_, last := split(k.name)
			d.Keys = append(d.Keys, Key{Name: last, Default: k.value.format(), Comment: k.comment, Words: k.words(), Variable: k.variable()})
		}
		all = append(all, d)
	}
	return all
}

// LogLevels returns the words of log.level.
func LogLevels() []string {
	k, _ := Default().key("log.level")
	return k.words()
}

// words returns the only values of a key, nil if there are others.
func (k key) words() []string {
	if w, ok := k.value.(interface{ allowed() []string }); ok {
		return w.allowed()
	}
	return nil
}
