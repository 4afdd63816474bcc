package mta

import "strings"

// Milter is one entry of an MTA's list of milters.
type Milter struct {
	// Name is Sendmail's name for it, "" in Postfix.
	Name string
	// Socket is its address in the MTA's notation.
	Socket string
	// Settings are what its entry says besides: Postfix's "name=value", Sendmail's
	// "F=T" and "T=C:30s;S:10s".
	Settings map[string]string
	// Entry is all of it as it is in the file.
	Entry string
}

// ParseMilters reads a list of Postfix (MILTER_README): commas and white space
// separate the entries, and one with settings stands in braces.
func ParseMilters(value string) []Milter {
	var list []Milter
	for {
		value = strings.TrimLeft(value, ", \t")
		if value == "" {
			return list
		}
		entry := value
		if value[0] == '{' {
			if i := strings.IndexByte(value, '}'); i >= 0 {
				entry = value[:i+1]
			}
		} else if i := strings.IndexAny(value, ", \t"); i >= 0 {
			entry = value[:i]
		}
		value = value[len(entry):]
		m := Milter{Entry: entry, Settings: map[string]string{}}
		for i, word := range words(strings.Trim(entry, "{}")) {
			if i == 0 {
				m.Socket = word
			} else if name, v, ok := strings.Cut(word, "="); ok {
				m.Settings[name] = v
			}
		}
		list = append(list, m)
	}
}

// words splits a text at commas and white space.
func words(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}
