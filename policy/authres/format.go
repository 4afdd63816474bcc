package authres

import (
	"slices"
	"strings"
)

// Bounds on our own field, in octets where not said otherwise. A value of 256
// octets that are all escaped stays below the 998 of RFC 5322 section 2.1.1.
const (
	maxMethods    = 50 // results of one field
	maxProperties = 20 // properties of one result
	maxValue      = 256
	maxKeyword    = 64
	maxField      = 32 << 10 // Postfix cuts a header at 100 KiB
	foldAt        = 78
)

// Format returns the field's value as it stands after the colon. It begins with
// a blank and is folded at 78 columns with CRLF and a tab, with each result on
// lines of its own. It has no final CRLF and is ASCII.
//
// No byte of a value from outside can end its token, its quoted string or the
// field. White space becomes a blank, other control characters and all
// characters beyond ASCII become "?", quotes and backslashes are escaped, and a
// value over 256 octets is cut and ends in "...". Format never writes a
// comment.
//
// It leaves out values without text and results whose method or result is no
// keyword. The properties of a result are in alphabetical order. It writes at
// most 50 results, 20 properties of each, and 32 KiB. Without results it writes
// "none", and for an empty authservID "localhost".
func Format(authservID string, methods []Method) string {
	f := folder{out: make([]byte, 0, 512)}
	var w words
	w.quote(writtenID(authservID))
	w.text = append(w.text, ';')
	f.word(w.text)
	written := 0
	for _, m := range safeMethods(methods) {
		w.write(m)
		if len(f.out)+len(w.text)+3*len(w.ends) > maxField {
			break
		}
		if written > 0 {
			f.out = append(f.out, ';')
		}
		written++
		f.result(&w)
	}
	if written == 0 {
		f.word([]byte("none"))
	}
	return string(f.out)
}

// folder writes words in folded lines.
type folder struct {
	out    []byte
	column int
}

// word adds a word to the current line, or to a new one if it does not fit.
func (f *folder) word(w []byte) {
	if len(f.out) == 0 {
		f.column = len(FieldName) + len(":")
	}
	if len(f.out) > 0 && f.column+1+len(w) > foldAt {
		f.newLine(w)
		return
	}
	f.out = append(append(f.out, ' '), w...)
	f.column += 1 + len(w)
}

// newLine begins a line with a word.
func (f *folder) newLine(w []byte) {
	f.out = append(append(f.out, "\r\n\t"...), w...)
	f.column = 1 + len(w)
}

// result writes the words of a result on a new line. It keeps a column free for
// the semicolon after the last word.
func (f *folder) result(w *words) {
	start := 0
	for i, end := range w.ends {
		word := w.text[start:end]
		start = end
		last := i == len(w.ends)-1
		if i == 0 || last && f.column+1+len(word)+len(";") > foldAt {
			f.newLine(word)
			continue
		}
		f.word(word)
	}
}

// words holds the words of one result in text, and in ends where each of them
// ends.
type words struct {
	text []byte
	ends []int
}

// write replaces the words by those of a result: "dkim=pass", "reason=...",
// "header.d=...". go-msgauth writes the same (see TestFormatLibrary), except
// for
//   - a backslash, which it does not escape;
//   - values with "/", ",", "[" or "]" that are no address, which it does not quote although neither a token nor a pvalue may hold them ("header.b=ab/c");
//   - a repeated property, because it takes a map.
func (w *words) write(m Method) {
	w.text, w.ends = w.text[:0], w.ends[:0]
	w.text = append(append(append(w.text, m.Name...), '='), m.Result...)
	w.end()
	if m.Reason != "" {
		w.text = append(w.text, "reason="...)
		w.quote(m.Reason)
		w.end()
	}
	for _, p := range m.Properties {
		w.text = append(append(w.text, p.Type...), '.')
		w.text = append(append(w.text, p.Name...), '=')
		if isAddress(p.Value) {
			w.text = append(w.text, p.Value...)
		} else {
			w.quote(p.Value)
		}
		w.end()
	}
}

// end ends the current word.
func (w *words) end() { w.ends = append(w.ends, len(w.text)) }

// quote adds a value (RFC 2045 section 5.1): a token as it is, anything else as
// a quoted-string.
func (w *words) quote(s string) {
	if isToken(s) {
		w.text = append(w.text, s...)
		return
	}
	w.text = append(w.text, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			w.text = append(w.text, '\\')
		}
		w.text = append(w.text, s[i])
	}
	w.text = append(w.text, '"')
}

// safeMethods returns the results that can be written, with harmless values.
func safeMethods(methods []Method) []Method {
	safe := make([]Method, 0, min(len(methods), maxMethods))
	for _, m := range methods {
		if len(safe) == maxMethods {
			break
		}
		m = Method{Name: keyword(m.Name), Result: keyword(m.Result), Reason: safeValue(m.Reason), Properties: safeProperties(m.Properties)}
		if m.Name != "" && m.Result != "" {
			safe = append(safe, m)
		}
	}
	return safe
}

// safeProperties returns the properties that can be written, sorted by name.
func safeProperties(properties []Property) []Property {
	if len(properties) == 0 {
		return nil
	}
	safe := make([]Property, 0, min(len(properties), maxProperties))
	for _, p := range properties {
		if len(safe) == maxProperties {
			break
		}
		p = Property{Type: keyword(p.Type), Name: keyword(p.Name), Value: safeValue(p.Value)}
		if p.Type != "" && p.Name != "" && p.Value != "" {
			safe = append(safe, p)
		}
	}
	slices.SortStableFunc(safe, func(a, b Property) int {
		if a.Type == b.Type {
			return strings.Compare(a.Name, b.Name)
		}
		return strings.Compare(a.Type+".", b.Type+".") // as go-msgauth sorts
	})
	return safe
}
