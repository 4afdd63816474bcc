package config

import (
	"bytes"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// rulePlace is where a [[rule]] stands in its file.
type rulePlace struct {
	line int
	// keys are the lines of its keys. values are the lines on which the texts of
	// their strings begin.
	keys, values map[string]int
}

// rulePlaces returns the places of the rules of a text, in order. The text has been
// decoded before.
func rulePlaces(text []byte) []rulePlace {
	var rules []rulePlace
	lines := lineFinder{text: text, line: 1}
	p := &unstable.Parser{}
	p.Reset(text)
	inside := false
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			name, depth := headOf(e)
			inside = name == ruleTable && depth == 1 && e.Kind == unstable.ArrayTable
			if inside {
				it := e.Key()
				it.Next()
				rules = append(rules, rulePlace{
					line: lines.lineAt(int(it.Node().Raw.Offset)),
					keys: map[string]int{}, values: map[string]int{},
				})
			}
		case unstable.KeyValue:
			if !inside {
				continue
			}
			it := e.Key()
			if !it.Next() {
				continue
			}
			place := &rules[len(rules)-1]
			name := string(it.Node().Data)
			if _, twice := place.keys[name]; twice {
				continue
			}
			line := lines.lineAt(int(it.Node().Raw.Offset))
			place.keys[name], place.values[name] = line, line
			if v := e.Value(); v.Kind == unstable.String {
				raw := p.Raw(v.Raw)
				place.values[name] = lines.lineAt(int(v.Raw.Offset))
				// TOML ignores a line end right after the opening quotes.
				if opening := raw[:min(len(raw), 5)]; bytes.HasPrefix(opening, []byte("'''\n")) || bytes.HasPrefix(opening, []byte("'''\r\n")) ||
					bytes.HasPrefix(opening, []byte("\"\"\"\n")) || bytes.HasPrefix(opening, []byte("\"\"\"\r\n")) {
					place.values[name]++
				}
			}
		}
	}
	return rules
}

// headOf returns the first part of a table's name and how many parts it has.
func headOf(e *unstable.Node) (name string, depth int) {
	for it := e.Key(); it.Next(); depth++ {
		if depth == 0 {
			name = string(it.Node().Data)
		}
	}
	return strings.TrimSpace(name), depth
}
