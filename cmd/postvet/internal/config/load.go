package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
	"github.com/postvet/postvet/policy/foreign"
)

// maxFile bounds a configuration file: what is larger is another file.
const maxFile = 1 << 20

// Load reads a file on top of the defaults and checks the whole. A file that
// cannot be read gives an error that is not Errors; one with faults gives
// Errors, and nothing of it is used.
func Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		c.empty = append(c.empty, path)
	}
	if err := c.loadRules(); err != nil {
		return nil, err
	}
	return c, nil
}

// Emptied returns an error for each file that has no octet and had some in the
// configuration before: who writes a file in place empties it first, and a
// reload in that moment would put the defaults in force.
func (c *Config) Emptied(before *Config) error {
	var errs Errors
	for _, name := range c.empty {
		if !slices.Contains(before.empty, name) {
			errs = append(errs, &Error{File: name, Problem: "is empty, as while it is being written", Remedy: "reload when it is complete; if nothing is to be set, write a comment into it"})
		}
	}
	return errs.orNil()
}

func readBounded(name string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, Errors{{File: name, Problem: "is larger than 1 MB", Remedy: "name a configuration file"}}
	}
	// A byte order mark is no part of the text; editors of other systems write it.
	return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), nil
}

func decode(name string, text []byte) (map[string]any, error) {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, Errors{syntaxError(name, text, err)}
	}
	return tree, nil
}

// Parse is Load for a text; name stands for the file in errors. Files that the
// text names are not read.
func Parse(name string, text []byte) (*Config, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	tree, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	c := Default()
	f := file{name: name, lines: linesOf(text), config: c, places: rulePlaces(text)}
	f.table("", tree)
	// Values that are out of place are not compared with one another.
	if len(f.errs) == 0 {
		f.errs = append(c.cross(), checkRules(c.rules)...)
	}
	if err := f.errs.orNil(); err != nil {
		return nil, err
	}
	c.settle()
	return c, nil
}

// file is a text being read.
type file struct {
	name   string
	lines  map[string]int
	config *Config
	errs   Errors
	places []rulePlace
	// ruleFile tells that only rules and keys of the policy may stand here, over
	// that a section of domains stands for the one there was.
	ruleFile, over bool
}

func (f *file) table(section string, tree map[string]any) {
	if section == "" {
		f.namedLists(tree) // which the rules of the file may name
	}
	for name, v := range tree {
		full := name
		if section != "" {
			full = section + "." + name
		}
		line := f.lines[full]
		fault := func(problem, remedy string) {
			f.errs = append(f.errs, &Error{File: f.name, Line: line, Key: foreign.Terminal(full, maxShown), Problem: problem, Remedy: remedy})
		}
		sub, isTable := v.(map[string]any)
		k := keyNamed(full)
		switch {
		case section == "" && name == ruleTable:
			f.readTables(v)
		case section == "" && name == listSection && isTable:
			// read before
		case f.ruleFile && (k != nil && !policyKey(full) || section == "" && isTable && sectionNamed(name) && !policySection(name)):
			fault("does not belong into a file of rules", "write it into the main configuration")
		case section == "" && name == authorSection && isTable:
			if f.over {
				f.config.AuthorOverrides = nil
			}
			f.authorOverrides("", sub)
		case section == "" && sectionNamed(name) && isTable:
			f.table(name, sub)
		case section == "" && sectionNamed(name):
			fault("is "+describe(v)+" where a section is expected", "write ["+name+"] on a line of its own, its keys below")
		case k == nil && section == "" && isTable:
			fault(unknownSection, "")
		case k == nil:
			fault(unknownKey, "")
		default:
			if problem, remedy := k.set(f.config, v); problem != "" {
				fault(problem, remedy)
				continue
			}
			f.config.setOrigin(full, origin{file: f.name, line: line})
		}
	}
}

// SetFlag sets a key from the command line, over the file. Values of one
// element set keys that are no lists. Call Check after the last.
func (c *Config) SetFlag(flag, name string, values ...string) error {
	k := keyNamed(name)
	if k == nil {
		panic("config: no key " + name)
	}
	var v any
	switch k.field(c).(type) {
	case *[]string:
		list := make([]any, len(values))
		for i, s := range values {
			list[i] = s
		}
		v = list
	default:
		v = values[0]
	}
	// The shadow policy follows, unless its file sets the key.
	follows := c.shadow != nil && c.shadow.origin[name] == c.origin[name]
	if problem, remedy := k.set(c, v); problem != "" {
		return Errors{{File: flag, Problem: problem, Remedy: remedy}}
	}
	c.setOrigin(name, origin{file: flag})
	if follows {
		if err := c.shadow.SetFlag(flag, name, values...); err != nil {
			return err
		}
	}
	// A flag is for a trial: it bends what the file says beside it.
	if name == "dns.timeout" && c.DNS.AttemptTimeout > c.DNS.Timeout {
		c.DNS.AttemptTimeout = c.DNS.Timeout
	}
	return nil
}

// Check compares the settings with one another; Load has done it for a file.
func (c *Config) Check() error {
	if err := c.cross().orNil(); err != nil {
		return err
	}
	c.settle()
	return nil
}

func syntaxError(name string, text []byte, err error) *Error {
	e := &Error{
		File: name, Problem: "not TOML: " + strings.TrimPrefix(err.Error(), "toml: "),
		Remedy: "write one key = value per line, strings in quotes",
	}
	var de *toml.DecodeError
	if errors.As(err, &de) {
		row, column := de.Position()
		e.Line = row
		e.Problem += fmt.Sprintf(" (column %d)", column)
	}
	if strings.Contains(e.Problem, "already") || strings.Contains(e.Problem, "exists") {
		e.Remedy = "write every key and every section once"
	}
	e.Problem = foreign.Terminal(e.Problem, maxShown)
	return e
}

// places finds the line of each key and table by its full name.
type places struct {
	text         []byte
	lines        map[string]int
	offset, line int // how far lines have been counted
}

// linesOf reads a text that has been decoded before, so it is valid.
func linesOf(text []byte) map[string]int {
	l := places{text: text, lines: map[string]int{}, line: 1}
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

// noteValue notes a key and, for an inline table, the keys within.
func (l *places) noteValue(prefix string, e *unstable.Node) {
	name := l.note(prefix, e)
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			l.noteValue(name, it.Node())
		}
	}
}

// maxDepth is how deep a name may be that is worth a line of its own: all ours
// have two parts.
const maxDepth = 3

// note notes each part of a dotted key and returns its full name, cut at
// maxDepth.
func (l *places) note(prefix string, e *unstable.Node) string {
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

// lineAt counts from where it was asked before: keys come in order.
func (l *places) lineAt(offset int) int {
	if offset < l.offset || offset > len(l.text) {
		return l.line
	}
	l.line += bytes.Count(l.text[l.offset:offset], []byte("\n"))
	l.offset = offset
	return l.line
}
