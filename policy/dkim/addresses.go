package dkim

import (
	"strings"

	"github.com/postvet/postvet/policy/message"
)

// addressFields are the fields with lists of addresses that a signature covers.
var addressFields = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "cc": true,
	"resent-from": true, "resent-sender": true, "resent-to": true, "resent-cc": true,
}

// AsSendmail writes a field of addresses as Sendmail does when it passes a message on, after
// milters have seen it, and reports whether that changes anything. A comma and white space
// stand between addresses, no white space in front of a comma, and a name with a dot, an
// apostrophe or another of Sendmail's MustQuoteChars stands in quotes. A field whose quotes
// and comments do not end stays as it is.
func AsSendmail(f message.Field) (message.Field, bool) {
	if !addressFields[strings.ToLower(f.Name)] {
		return f, false
	}
	colon := strings.IndexByte(f.Raw, ':') + 1
	elements, ok := splitAddresses(f.Raw[colon:])
	if !ok {
		return f, false
	}
	var b strings.Builder
	b.Grow(len(f.Raw) + len(elements))
	b.WriteString(f.Raw[:colon])
	const blanks = " \t\r\n"
	front := ""
	written := 0
	for i, e := range elements {
		text := strings.TrimLeft(e, blanks)
		if front == "" {
			front = e[:len(e)-len(text)]
		}
		last := i == len(elements)-1
		if trimmed := strings.TrimRight(text, blanks); trimmed != "" {
			switch {
			case written > 0 && front == "":
				b.WriteString(", ")
			case written > 0:
				b.WriteString("," + front)
			default:
				b.WriteString(front)
			}
			b.WriteString(quoteName(trimmed))
			written++
			front = ""
			if last {
				b.WriteString(text[len(trimmed):])
			}
		} else if last {
			b.WriteString("\r\n")
		}
	}
	if written == 0 || b.String() == f.Raw {
		return f, false
	}
	return message.Field{Name: f.Name, Raw: b.String()}, true
}

// quoteName puts the name in front of "<" into quotes if Sendmail does, which is for
// characters outside of comments. A name with a quote or a colon is not touched.
func quoteName(address string) string {
	angle := strings.IndexByte(address, '<')
	if angle <= 0 {
		return address
	}
	name := strings.TrimRight(address[:angle], " \t\r\n")
	if !strings.ContainsAny(withoutComments(name), ".'@;[]\\") || strings.ContainsAny(name, `":`) || strings.HasSuffix(name, `\`) {
		return address
	}
	return `"` + name + `"` + address[len(name):]
}

// withoutComments returns a name without what stands between parentheses.
func withoutComments(name string) string {
	depth := 0
	return strings.Map(func(r rune) rune {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth > 0 {
			return -1
		}
		return r
	}, name)
}

// splitAddresses cuts a value at the commas outside quotes, comments and angle brackets.
// ok is false if one of these does not end.
func splitAddresses(value string) (elements []string, ok bool) {
	quoted, angle, depth, start := false, false, 0, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && (quoted || depth > 0):
			i++
		case quoted:
			quoted = c != '"'
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '"':
			quoted = true
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			elements = append(elements, value[start:i])
			start = i + 1
		}
	}
	return append(elements, value[start:]), !quoted && !angle && depth == 0
}
