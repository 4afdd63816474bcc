package mta

import "strings"

// line is a line of main.cf or master.cf with the lines that continue it.
type line struct {
	text   string // in one line
	raw    string // as it is in the file
	number int    // of the first line, from 1
}

// logicalLines returns the lines of a text (postconf(5), master(5)): one that
// begins with white space continues the line before it, and comments and empty
// lines may stand between.
func logicalLines(text string) []line {
	var list []line
	n := 0
	for raw := range strings.Lines(text) {
		n++
		raw = strings.TrimRight(raw, "\r\n")
		switch trimmed := strings.TrimSpace(raw); {
		case trimmed == "" || trimmed[0] == '#':
		case raw[0] != ' ' && raw[0] != '\t':
			list = append(list, line{raw, raw, n})
		case len(list) > 0:
			last := &list[len(list)-1]
			last.text += " " + trimmed
			last.raw += "\n" + raw
		}
	}
	return list
}

// Parameter is one parameter of main.cf.
type Parameter struct {
	Name, Value string
	Line        int    // of its name, from 1
	Raw         string // all its lines
}

// MainCF is the parameters of main.cf in the order of its lines. Of those with one
// name the last counts.
type MainCF []Parameter

// ParseMainCF reads main.cf (postconf(5)). Lines that Postfix would warn of are left
// out.
func ParseMainCF(text string) MainCF {
	var list MainCF
	for _, l := range logicalLines(text) {
		if name, value, ok := strings.Cut(l.text, "="); ok {
			list = append(list, Parameter{strings.TrimSpace(name), strings.TrimSpace(value), l.number, l.raw})
		}
	}
	return list
}

// Get returns the parameter of a name that counts.
func (m MainCF) Get(name string) (Parameter, bool) {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].Name == name {
			return m[i], true
		}
	}
	return Parameter{}, false
}

// Value returns the value of a parameter, or byDefault if it is not set, with the
// values of other parameters put in.
func (m MainCF) Value(name, byDefault string) string {
	if p, ok := m.Get(name); ok {
		return strings.TrimSpace(m.expand(p.Value))
	}
	return m.expand(byDefault)
}

// maxReferences bounds how many parameters one value may refer to, with all that
// these refer to, and maxExpanded the length of the result. No honest file comes
// near, and parameters may refer to themselves.
const (
	maxReferences = 1000
	maxExpanded   = 64 << 10
)

// expand puts the values of parameters in place of $name, ${name} and $(name).
func (m MainCF) expand(value string) string {
	left := maxReferences
	return m.expandWith(value, &left)
}

// expandWith is expand for a value that may refer to so many parameters more.
func (m MainCF) expandWith(value string, left *int) string {
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
			b.WriteString(m.expandWith(p.Value, left))
		}
		value = after
	}
	return b.String()
}

// reference reads the name after a dollar sign.
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
