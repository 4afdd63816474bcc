// Package message says what a message is to the evaluators: an envelope, header
// fields in order with their exact bytes, and the author that its From field
// names. It knows nothing of DNS, of policy, or of where the message came from.
package message

import "strings"

// Field is one header field as it was received.
type Field struct {
	// Name is the field's name as it was spelt, without white space before the colon.
	Name string
	// Raw holds the exact bytes: name, colon, value, folds as CRLF, and the
	// final CRLF.
	Raw string
}

// NewField makes a field of a name and the exact bytes after the colon. Line
// ends in value may be LF or CRLF; they become CRLF.
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

// Value returns the exact bytes after the colon, without the final CRLF; folds
// are kept.
func (f Field) Value() string {
	i := strings.IndexByte(f.Raw, ':')
	return strings.TrimSuffix(f.Raw[i+1:], "\r\n")
}

// Is reports whether the field has this name, in any ASCII case. Unicode knows
// further letters that fold to ASCII ones; to an MTA those are another name.
func (f Field) Is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Header is a message's fields in the order received, top first.
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
