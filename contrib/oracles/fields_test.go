package oracles

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// maxDepth bounds the nesting of a generated field.
const maxDepth = 12

// generator makes bodies of From fields, the same ones from the same seed.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 5322))} }

// field returns the body of a From field, with the blank after the colon. It
// has no line that begins without white space: a mail transfer agent would take
// that for another field.
func (g generator) field() []byte {
	text := g.expand("field", 0)
	if g.IntN(8) == 0 {
		for range 1 + g.IntN(3) {
			text = g.mutate(text)
		}
	}
	if g.IntN(20) > 0 {
		text = " " + text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		out.WriteByte(text[i])
		if strings.HasSuffix(out.String()[max(0, out.Len()-2):], "\r\n") && (i+1 == len(text) || text[i+1] != ' ' && text[i+1] != '\t') {
			out.WriteByte(' ')
		}
	}
	return []byte(out.String())
}

// expand returns a text for a symbol of the grammar.
func (g generator) expand(symbol string, depth int) string {
	texts := grammar[symbol]
	if len(texts) == 0 {
		panic("the grammar has no symbol " + symbol)
	}
	if depth > maxDepth {
		return ""
	}
	rest := texts[g.IntN(len(texts))]
	var out strings.Builder
	for {
		plain, after, ok := strings.Cut(rest, "{")
		out.WriteString(plain)
		if !ok {
			return out.String()
		}
		inner, after, _ := strings.Cut(after, "}")
		name, steps, _ := strings.Cut(inner, "|")
		text := g.expand(name, depth+1)
		for step := range strings.SplitSeq(steps, "|") {
			if step != "" {
				text = transforms[step](g, text)
			}
		}
		out.WriteString(text)
		rest = after
	}
}

// mutate damages a text as no grammar would.
func (g generator) mutate(s string) string {
	if s == "" {
		return s
	}
	i, j := g.IntN(len(s)), g.IntN(len(s))
	i, j = min(i, j), max(i, j)+1
	switch g.IntN(5) {
	case 0:
		return s[:i] + s[i+1:]
	case 1:
		return s[:i] + g.expand("junk", maxDepth-2) + s[i:]
	case 2:
		return s[:i] + s[j:]
	case 3:
		return s[:j] + s[i:]
	}
	return s[:i] + g.expand("junk", maxDepth-2) + s[i+1:]
}

// transforms change the text of a symbol: {name|word} is a name as an encoded
// word.
var transforms = map[string]func(generator, string) string{
	"word":    generator.word,
	"oddword": generator.oddWord,
	"quote": func(_ generator, s string) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	},
	"fold": func(g generator, s string) string { return g.insert(s, "\r\n ", "\r\n\t", "\r\n  ", "\r\n \r\n ") },
	"invisible": func(g generator, s string) string {
		return g.insert(s, "\ufeff", "\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufe0f", "\ufe00", "\u034f", "\u180b", "\u2064", "\u206a", "\U000e0100", "\U000e0041", "\u00a0", "\u202e", "\u3000", "\u115f")
	},
	"control": func(g generator, s string) string {
		return g.insert(s, "\x00", "\r", "\n", "\t", "\x01", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\xa0", "\r\r\n ", "\n ", "\r ")
	},
	"escape": func(g generator, s string) string { return g.insert(s, `\`, `\"`, `\\`, `"`, `\\"`) },
	"special": func(g generator, s string) string {
		return g.insert(s, "<", ">", "(", ")", ",", ";", ":", "@", "[", "]", `"`, `\`, ".", "%", "!", " ", "()", `""`, "\xe9", "=?")
	},
	"double":  func(_ generator, s string) string { return s + s },
	"long":    func(g generator, s string) string { return strings.Repeat(s, 20+g.IntN(200)) },
	"upper":   func(_ generator, s string) string { return strings.ToUpper(s) },
	"latin":   func(_ generator, s string) string { return latin1(s) },
	"percent": func(_ generator, s string) string { return strings.ReplaceAll(s, "@", "%40") },
	"html":    func(_ generator, s string) string { return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(s) },
}

// insert inserts one of the texts somewhere into s.
func (g generator) insert(s string, texts ...string) string {
	i := g.IntN(len(s) + 1)
	return s[:i] + texts[g.IntN(len(texts))] + s[i:]
}

// latin1 returns a text in ISO 8859-1, without the characters that it lacks.
func latin1(s string) string {
	var out []byte
	for _, r := range s {
		if r < 0x100 {
			out = append(out, byte(r))
		}
	}
	return string(out)
}

func TestGenerator(t *testing.T) {
	t.Parallel()
	for symbol, texts := range grammar {
		for _, text := range texts {
			for {
				_, after, ok := strings.Cut(text, "{")
				if !ok {
					break
				}
				inner, after, ok := strings.Cut(after, "}")
				parts := strings.Split(inner, "|")
				if !ok || grammar[parts[0]] == nil {
					t.Errorf("%s has no sound %q", symbol, inner)
				}
				for _, step := range parts[1:] {
					if transforms[step] == nil {
						t.Errorf("%s: there is no transform %q", symbol, step)
					}
				}
				text = after
			}
		}
	}
	a, b := newGenerator(1), newGenerator(1)
	distinct := map[string]bool{}
	for range 5000 {
		f := a.field()
		if string(f) != string(b.field()) {
			t.Fatal("the same seed makes other fields")
		}
		for _, line := range strings.Split(string(f), "\r\n")[1:] {
			if line == "" || line[0] != ' ' && line[0] != '\t' {
				t.Fatalf("%q has a line that is no fold", f)
			}
		}
		distinct[string(f)] = true
	}
	if len(distinct) < 4000 {
		t.Errorf("only %d of 5000 fields are distinct", len(distinct))
	}
}
