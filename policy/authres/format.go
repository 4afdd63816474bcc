package authres

import (
	"slices"
	"strings"

	msgauth "github.com/emersion/go-msgauth/authres"
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
	var f folder
	f.out.Grow(512)
	f.word(quote(writtenID(authservID)) + ";")
	any := false
	for _, m := range safeMethods(methods) {
		words := write(m)
		size := 0
		for _, w := range words {
			size += len(w) + 3
		}
		if f.out.Len()+size > maxField {
			break
		}
		if any {
			f.out.WriteByte(';')
		}
		any = true
		f.line(words)
	}
	if !any {
		f.word("none")
	}
	return f.out.String()
}

// folder puts words into lines.
type folder struct {
	out    strings.Builder
	column int
}

// word adds a word to the line, or begins a line with it.
func (f *folder) word(w string) {
	if f.out.Len() == 0 {
		f.column = len(FieldName) + len(":")
	}
	if f.out.Len() > 0 && f.column+1+len(w) > foldAt {
		f.newLine(w)
		return
	}
	f.out.WriteByte(' ')
	f.out.WriteString(w)
	f.column += 1 + len(w)
}

func (f *folder) newLine(w string) {
	f.out.WriteString("\r\n\t")
	f.out.WriteString(w)
	f.column = 1 + len(w)
}

// line writes words from a new line on, leaving room for a semicolon.
func (f *folder) line(words []string) {
	f.newLine(words[0])
	for i, w := range words[1:] {
		if i == len(words)-2 && f.column+1+len(w)+len(";") > foldAt {
			f.newLine(w)
			continue
		}
		f.word(w)
	}
}

// write returns the words of one result: "dkim=pass", "reason=...",
// "header.d=...". go-msgauth writes it where it writes it right.
func write(m Method) []string {
	if !libraryRight(m) {
		return writeOurselves(m)
	}
	params := make(map[string]string, len(m.Properties)+1)
	if m.Reason != "" {
		params["reason"] = m.Reason
	}
	for _, p := range m.Properties {
		params[p.Type+"."+p.Name] = p.Value
	}
	text := msgauth.Format("", []msgauth.Result{
		&msgauth.GenericResult{Method: m.Name, Value: msgauth.ResultValue(m.Result), Params: params},
	})
	return splitWords(strings.TrimSpace(strings.TrimPrefix(text, "; ")))
}

// libraryRight reports whether go-msgauth writes a result by the grammar of
// RFC 8601 section 2.2. It does not if
//   - a value holds a backslash, which it does not escape;
//   - a value with "/", ",", "[" or "]" is no address: it leaves such a value
//     unquoted, which no token and no pvalue may be ("header.b=ab/c");
//   - a property stands twice, since it takes a map.
func libraryRight(m Method) bool {
	if strings.IndexByte(m.Reason, '\\') >= 0 {
		return false
	}
	for i, p := range m.Properties {
		if strings.IndexByte(p.Value, '\\') >= 0 {
			return false
		}
		if !isToken(p.Value) && !isAddress(p.Value) && !libraryQuotes(p.Value) {
			return false
		}
		if i > 0 && p.Type == m.Properties[i-1].Type && p.Name == m.Properties[i-1].Name {
			return false
		}
	}
	return true
}

// libraryQuotes reports whether go-msgauth sees that a value needs quotes.
func libraryQuotes(value string) bool {
	for i := range len(value) {
		if c := value[i]; !isAlnum(c) && strings.IndexByte("#$%&'*+,./-@[]\\^_`{|}~", c) < 0 {
			return true
		}
	}
	return false
}

func writeOurselves(m Method) []string {
	words := []string{m.Name + "=" + m.Result}
	if m.Reason != "" {
		words = append(words, "reason="+quote(m.Reason))
	}
	for _, p := range m.Properties {
		value := p.Value
		if !isAddress(value) {
			value = quote(value)
		}
		words = append(words, p.Type+"."+p.Name+"="+value)
	}
	return words
}

// splitWords cuts at the blanks outside quotes.
func splitWords(text string) []string {
	words := make([]string, 0, 8)
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ' ':
			if !quoted {
				words = append(words, text[start:i])
				start = i + 1
			}
		}
	}
	return append(words, text[start:])
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
