package config

import (
	"bytes"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineFinder finds the line of each key and table by its full name.
type lineFinder struct {
	text         []byte
	lines        map[string]int
	offset, line int // the offset up to which lines have been counted
}

// linesOf returns the line of each key and table of a text, which has been decoded
// before and so is valid.
func linesOf(text []byte) map[string]int {
	l := lineFinder{text: text, lines: map[string]int{}, line: 1}
	p := &unstable.Parser{}
	p.Reset(text)
	section := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			section = l.note("", e)
		case unstable.KeyValue:
			l.noteValue(section, e)
		}
	}
	return l.lines
}

// noteValue notes the line of a key and, for an inline table, of the keys within. Of a
// list it notes the lines of the tables within.
func (l *lineFinder) noteValue(prefix string, e *unstable.Node) {
	name := l.note(prefix, e)
	switch v := e.Value(); v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			l.noteValue(name, it.Node())
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); i++ {
			inside := it.Node().Children()
			if it.Node().Kind != unstable.InlineTable || !inside.Next() {
				continue
			}
			if key := inside.Node().Key(); key.Next() {
				l.lines[entryName(name, i)] = l.lineAt(int(key.Node().Raw.Offset))
			}
		}
	}
}

// maxDepth bounds the parts of a name that has a line of its own. All our names
// have two.
const maxDepth = 3

// note notes the line of each part of a dotted key. It returns the full name, cut
// at maxDepth.
func (l *lineFinder) note(prefix string, e *unstable.Node) string {
	name := prefix
	for it := e.Key(); it.Next(); {
		n := it.Node()
		if strings.Count(name, ".") >= maxDepth-1 {
			break
		}
		if name != "" {
			name += "."
		}
		name += string(n.Data)
		if _, seen := l.lines[name]; !seen {
			l.lines[name] = l.lineAt(int(n.Raw.Offset))
		}
	}
	return name
}

// lineAt returns the line of an offset. It counts from the offset before, since
// keys come in order.
func (l *lineFinder) lineAt(offset int) int {
	if offset < l.offset || offset > len(l.text) {
		return l.line
	}
	l.line += bytes.Count(l.text[l.offset:offset], []byte("\n"))
	l.offset = offset
	return l.line
}
