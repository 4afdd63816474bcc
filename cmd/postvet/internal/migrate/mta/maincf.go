// Package mta reads how Postfix and Sendmail are set up and says whether mail
// reaches Postvet, and what happens while it does not.
//
// It exists because most trouble with a milter is not in the milter: a socket
// outside a chroot, rights that keep the MTA out, a default action that lets
// mail pass unchecked. The package reads texts and file modes; it changes
// nothing.
package mta

import "strings"

// Parameter is one parameter of main.cf.
type Parameter struct {
	Name, Value string
	Line        int    // of its name, from 1
	Raw         string // all its lines
}

// MainCF are the parameters of main.cf in the order of its lines; of those
// with one name the last counts.
type MainCF []Parameter

// ParseMainCF reads main.cf (postconf(5)): a line that begins with white space
// goes on with the one before it, comments and empty lines may stand between.
// What Postfix itself would warn of is left out.
func ParseMainCF(text string) MainCF {
	var list MainCF
	n := 0
	for line := range strings.Lines(text) {
		n++
		body := strings.TrimRight(line, "\r\n")
		switch trimmed := strings.TrimSpace(body); {
		case trimmed == "" || trimmed[0] == '#':
		case body[0] == ' ' || body[0] == '\t':
			if i := len(list) - 1; i >= 0 {
				list[i].Value = strings.TrimSpace(list[i].Value + " " + trimmed)
				list[i].Raw += "\n" + body
			}
		default:
			if name, value, ok := strings.Cut(body, "="); ok {
				list = append(list, Parameter{strings.TrimSpace(name), strings.TrimSpace(value), n, body})
			}
		}
	}
	return list
}

// Get returns the parameter of a name as it counts.
func (m MainCF) Get(name string) (Parameter, bool) {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].Name == name {
			return m[i], true
		}
	}
	return Parameter{}, false
}

// Value returns what a parameter comes down to, or byDefault.
func (m MainCF) Value(name, byDefault string) string {
	if p, ok := m.Get(name); ok {
		return strings.TrimSpace(m.Expand(p.Value))
	}
	return m.Expand(byDefault)
}

// Expand puts the values of parameters in place of $name, ${name} and $(name).
func (m MainCF) Expand(value string) string {
	left := maxReferences
	return m.expand(value, &left)
}

// maxReferences bounds how many parameters one value may refer to with all
// that they refer to, and maxExpanded what comes of it: no honest file comes
// near, and parameters may refer to themselves.
const (
	maxReferences = 1000
	maxExpanded   = 64 << 10
)

func (m MainCF) expand(value string, left *int) string {
	var b strings.Builder
	for b.Len() < maxExpanded {
		before, rest, ok := strings.Cut(value, "$")
		b.WriteString(before)
		if !ok {
			break
		}
		name, after := reference(rest)
		if name == "" {
			b.WriteByte('$')
		} else if p, ok := m.Get(name); ok && *left > 0 {
			*left--
			b.WriteString(m.expand(p.Value, left))
		}
		value = after
	}
	return b.String()
}

// reference reads the name behind a dollar sign.
func reference(s string) (name, after string) {
	if s != "" && (s[0] == '{' || s[0] == '(') {
		if i := strings.IndexAny(s, "})"); i > 0 {
			return s[1:i], s[i+1:]
		}
		return "", s
	}
	i := 0
	for i < len(s) && (s[i] == '_' || isAlphanumeric(s[i])) {
		i++
	}
	return s[:i], s[i:]
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Milter is one entry of an MTA's list of milters.
type Milter struct {
	// Name is Sendmail's name for it, "" in Postfix.
	Name string
	// Socket is its address in the MTA's notation.
	Socket string
	// Settings are what its entry says besides: Postfix's "name=value",
	// Sendmail's "F=T" and "T=C:30s;S:10s".
	Settings map[string]string
	// Entry is the whole of it as it stands in the file.
	Entry string
}

// ParseMilters splits a list of Postfix's (its MILTER_README): entries are
// separated by commas and white space, one with settings stands in braces.
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
		for i, field := range fields(strings.Trim(entry, "{}")) {
			if i == 0 {
				m.Socket = field
			} else if name, v, ok := strings.Cut(field, "="); ok {
				m.Settings[name] = v
			}
		}
		list = append(list, m)
	}
}

// fields splits at commas and white space.
func fields(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}
