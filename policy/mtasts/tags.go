package mtasts

import (
	"errors"
	"strings"
)

// Field is one "name=value" of a record.
type Field struct{ Name, Value string }

var (
	errField  = errors.New("a field has no equals sign")
	errName   = errors.New("a field has a name that is not allowed")
	errValue  = errors.New("a field has a value with octets that are not allowed")
	errDouble = errors.New("a field stands twice")
	errMany   = errors.New("more than 100 fields")
)

// maxFields bounds the fields of a record.
const maxFields = 100

// readFields takes a record apart behind its version: fields with ";" between them, the
// last of which may end the record (RFC 8461 section 3.1, RFC 8460 section 3).
func readFields(text string) ([]Field, error) {
	var fields []Field
	members := strings.Split(text, ";")
	for i, m := range members {
		m = strings.Trim(m, " \t")
		if m == "" && i == len(members)-1 {
			break
		}
		name, value, ok := strings.Cut(m, "=")
		name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
		switch {
		case len(fields) == maxFields:
			return nil, errMany
		case !ok:
			return nil, errField
		case !validName(name):
			return nil, errName
		case !validValue(value):
			return nil, errValue
		}
		for _, f := range fields {
			if f.Name == name {
				return nil, errDouble
			}
		}
		fields = append(fields, Field{name, value})
	}
	return fields, nil
}

// validName reports whether a name of a field is 1 to 32 letters, digits, "_", "-" and
// ".", with a letter or digit in front.
func validName(s string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && (i == 0 || strings.IndexByte("_-.", s[i]) < 0) {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 32
}

// validValue reports whether a value of a field is printable, without blanks, "=" and
// ";". A URI may have "=".
func validValue(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' || s[i] == ';' {
			return false
		}
	}
	return s != ""
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// cutVersion reports whether a record begins with its version and ";", and returns what
// follows.
func cutVersion(text, v string) (rest string, ok bool) {
	rest, begins := strings.CutPrefix(text, "v="+v)
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ";")
	return rest, begins && ok
}
