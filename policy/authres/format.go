package authres

import (
	"slices"
	"strings"
)

// Bounds on our own field, in octets where not said otherwise. A value of 256
// octets that are all escaped stays below the 998 of RFC 5322 section 2.1.1.
const (
	maxMethods    = 50 // results
	maxProperties = 20 // of one result
	maxValue      = 256
	maxKeyword    = 64
	maxField      = 32 << 10 // Postfix cuts a header at 100 KiB
	foldAt        = 78
)

// Format returns the field's value as it goes after the colon: it begins with
// a blank, is folded at 78 columns with CRLF and a tab, one result a line where
// it fits, and has no final CRLF. It is ASCII.
//
// No byte of a value from outside can end its token, its quoted string or the
// field: white space of any kind becomes a blank, other control characters and
// all beyond ASCII become "?", quotes and backslashes are escaped, and what is
// over 256 octets is cut and ends in "...". No comment is ever written. A value
// without text is left out, as is a result whose method or result is no
// keyword. The properties of a result stand in alphabetical order. At most 50
// results, 20 properties of each, and 32 KiB are written. Without a result it
// says "none". An empty authservID is written as "localhost".
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
		f.line(&w)
	}
	if written == 0 {
		f.word([]byte("none"))
	}
	return string(f.out)
}

// folder puts words into lines.
type folder struct {
	out    []byte
	column int
}

// word adds a word to the line, or begins a line with it.
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

func (f *folder) newLine(w []byte) {
	f.out = append(append(f.out, "\r\n\t"...), w...)
	f.column = 1 + len(w)
}

// line writes words from a new line on, leaving room for a semicolon.
func (f *folder) line(w *words) {
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

// words are those of one result, one behind the other, and where each ends.
type words struct {
	text []byte
	ends []int
}

// write makes them those of a result: "dkim=pass", "reason=...", "header.d=...".
// go-msgauth writes the same (see TestFormatLibrary), but for
//   - a backslash, which it does not escape,
//   - values with "/", ",", "[" or "]" that are no address, which it leaves
//     unquoted, as no token and no pvalue may be ("header.b=ab/c"),
//   - a property that stands twice, since it takes a map.
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

func (w *words) end() { w.ends = append(w.ends, len(w.text)) }

// quote adds a value (RFC 2045 section 5.1): a token as it is, and all else as a
// quoted-string.
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

// safeMethods returns what of the results can be written, each value safe.
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
