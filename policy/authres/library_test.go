package authres

import (
	"math/rand/v2"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/authres"
	"github.com/google/go-cmp/cmp"
)

// TestFormatLibrary checks that we write a result as go-msgauth does, wherever
// that follows the grammar.
func TestFormatLibrary(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	const alphabet = "aZ0.-_@/+=,;:?!\"\\()[]<> %&'~"
	value := func() string {
		b := make([]byte, r.IntN(8))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	library := 0
	for range 20000 {
		m := Method{Name: "dkim", Result: "pass", Reason: value(), Properties: []Property{{"header", "b", value()}, {"header", "d", value()}}}
		safe := safeMethods([]Method{m})[0]
		if !libraryRight(safe) {
			continue
		}
		library++
		var w words
		w.write(safe)
		var ours []string
		start := 0
		for _, end := range w.ends {
			ours = append(ours, string(w.text[start:end]))
			start = end
		}
		if diff := cmp.Diff(ours, libraryWords(safe)); diff != "" {
			t.Fatalf("%+v: (-ours +library)\n%s", safe, diff)
		}
	}
	if library < 1000 || library > 19000 {
		t.Errorf("the library is right about %d of 20000", library)
	}
}

// libraryWords returns the words of a result as go-msgauth writes it.
func libraryWords(m Method) []string {
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

// libraryRight reports whether go-msgauth writes a result by the grammar of RFC
// 8601 section 2.2. It does not if
//   - a value holds a backslash, which it does not escape;
//   - a value with "/", ",", "[" or "]" is no address: it does not quote such a value, although neither a token nor a pvalue may hold these ("header.b=ab/c");
//   - a property is repeated, because it takes a map.
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

// libraryQuotes reports whether go-msgauth quotes a value.
func libraryQuotes(value string) bool {
	for i := range len(value) {
		if c := value[i]; !isAlnum(c) && strings.IndexByte("#$%&'*+,./-@[]\\^_`{|}~", c) < 0 {
			return true
		}
	}
	return false
}

// splitWords splits a text at the blanks outside quotes.
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
