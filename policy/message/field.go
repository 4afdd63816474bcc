package message

import "strings"

// Field is one header field as it was received.
type Field struct {
	// Name is the field's name as it was spelled, without white space before
	// the colon.
	Name string
	// Raw is the exact field: name, colon, value with folds as CRLF, and the
	// final CRLF.
	Raw string
}

// NewField returns a field with a name and the exact bytes after the colon.
// Line ends in value may be LF or CRLF; they become CRLF.
func NewField(name, value string) Field {
	var raw strings.Builder
	raw.Grow(len(name) + len(value) + len(":\r\n") + strings.Count(value, "\n"))
	raw.WriteString(name)
	raw.WriteByte(':')
	for {
		i := strings.IndexByte(value, '\n')
		if i < 0 {
			break
		}
		raw.WriteString(strings.TrimSuffix(value[:i], "\r"))
		raw.WriteString("\r\n")
		value = value[i+1:]
	}
	raw.WriteString(value)
	raw.WriteString("\r\n")
	return Field{Name: strings.TrimRight(raw.String()[:len(name)], " \t"), Raw: raw.String()}
}

// Value returns the exact bytes after the colon without the final CRLF. Folds
// remain.
func (f Field) Value() string {
	i := strings.IndexByte(f.Raw, ':')
	return strings.TrimSuffix(f.Raw[i+1:], "\r\n")
}

// Is reports whether the field has this name, in any ASCII case. Unicode has
// other letters that fold to ASCII ones, but they make another name to an MTA.
func (f Field) Is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Header is the list of a message's fields in the order received.
type Header []Field

// Count returns how many fields have this name, in any case.
func (h Header) Count(name string) int {
	n := 0
	for _, f := range h {
		if f.Is(name) {
			n++
		}
	}
	return n
}
