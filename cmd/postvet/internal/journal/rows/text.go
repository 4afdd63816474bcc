package rows

import (
	"encoding/binary"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
)

// text writes or reads a text of at most n octets, in harmless form. A text begins with a
// number, the last two bits of which are its form.
func text[T ~string](c *codec, s *T, n int) {
	if c.reading {
		*s = T(c.readText())
		return
	}
	c.writeText(string(*s), n)
}

// fact is text for a value by which rules may decide. If it is not kept as it is, that is
// written down.
func fact[T ~string](c *codec, s *T, n int) {
	c.whole(string(*s), min(n, c.room))
	text(c, s, n)
}

// whole notes whether a text is kept as it is.
func (c *codec) whole(s string, n int) {
	if !c.reading && (len(s) > n || !isHarmless(s)) {
		c.cut = true
	}
}

// isHarmless reports whether a text is kept as it is, if it is short enough.
func isHarmless(s string) bool {
	return foreign.IsPrintable(s) || foreign.Terminal(s, foreign.Whole) == s
}

// The forms of a text. The rest of its number is the length of the text that follows, the
// number of a known text or word, the length of a text to which a known one is added, or
// the number of a sentence whose gaps follow.
const (
	textPlain = iota
	textKnown
	textEnding
	textSentence
)

func (c *codec) writeText(s string, n int) {
	if c.hidden != "" {
		s = strings.ReplaceAll(s, c.hidden, c.network)
	}
	if len(s) >= minSentence && len(s) <= n && strings.IndexByte(s, ' ') >= 0 && c.writeSentence(s) {
		return
	}
	c.writePart(s, n)
}

// writeSentence writes a text that is one of the sentences. It returns false for another
// text.
func (c *codec) writeSentence(s string) bool {
	for number, parts := range &sentences {
		rest, ok := strings.CutPrefix(s, parts[0])
		if !ok || !strings.HasSuffix(rest, parts[2]) {
			continue
		}
		rest = rest[:len(rest)-len(parts[2])]
		first, second, two := rest, "", parts[1] != ""
		if two {
			if first, second, ok = strings.Cut(rest, parts[1]); !ok {
				continue
			}
		}
		c.b = binary.AppendUvarint(c.b, uint64(number)<<2|textSentence)
		c.writePart(first, maxText)
		if two {
			c.writePart(second, maxText)
		}
		return true
	}
	return false
}

// writePart writes a text that is no sentence, or a gap of one.
func (c *codec) writePart(s string, n int) {
	if s == "" {
		c.b = append(c.b, textPlain)
		return
	}
	ending := -1
	for i, k := range &c.known {
		switch {
		case len(k) == len(s):
			if k == s {
				c.b = append(c.b, byte(i<<2|textKnown))
				return
			}
		case k == "" || len(k) > len(s) || len(s) < 2*len("example.org") || s[len(s)-len(k):] != k:
		case ending < 0 || len(k) > len(c.known[ending]):
			ending = i
		}
	}
	if w, ok := wordNumber(s); ok {
		c.b = binary.AppendUvarint(c.b, uint64(len(c.known)+w)<<2|textKnown)
		return
	}
	if len(s) > n {
		ending = -1
	}
	form := uint64(textPlain)
	if ending >= 0 {
		form = textEnding
		s = s[:len(s)-len(c.known[ending])]
	}
	s = foreign.Terminal(s, max(0, min(n, c.room)))
	c.room -= len(s)
	c.b = binary.AppendUvarint(c.b, uint64(len(s))<<2|form)
	c.b = append(c.b, s...)
	if form == textEnding {
		c.b = append(c.b, byte(ending))
	}
}

func (c *codec) readText() string {
	v := c.readUint()
	if v&3 != textSentence {
		return c.readPart(v)
	}
	if v >>= 2; v >= uint64(len(sentences)) {
		c.bad = true
		return ""
	}
	parts := &sentences[v]
	s := parts[0] + c.readPart(c.readUint())
	if parts[1] != "" {
		s += parts[1] + c.readPart(c.readUint())
	}
	return s + parts[2]
}

// readPart reads the text that begins with a number. No sentence has another one in it.
func (c *codec) readPart(v uint64) string {
	switch i := v >> 2; v & 3 {
	case textPlain:
		return string(c.octets(i))
	case textEnding:
		s := string(c.octets(i))
		if end := c.octets(1); len(end) == 1 && int(end[0]) < len(c.known) {
			return s + c.known[end[0]]
		}
	case textKnown:
		if i < uint64(len(c.known)) {
			return c.known[i]
		}
		if i -= uint64(len(c.known)); i < uint64(len(words)) {
			return words[i]
		}
	}
	c.bad = true
	return ""
}
