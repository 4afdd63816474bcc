package config

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/spelling"
)

// Bounds of foreign text in an error, in octets, with and without quotes.
const (
	maxCited = 65
	maxShown = 203
)

// cite returns foreign text in quotes, but for what may be a private key.
func cite(s string) string { return foreign.TerminalQuote(foreign.HideKeys(s), maxCited) }

// Error is one fault of a configuration, on one line:
// "FILE:LINE: key: problem; remedy".
type Error struct {
	// File is the file, the variable, or the flag with its dashes.
	File string
	// Line counts from 1. It is 0 if the fault has no line.
	Line int
	// Key is the full name, such as dns.timeout, "" if the file is not TOML.
	Key string
	// Problem is what is wrong, Remedy what to do.
	Problem, Remedy string
	// Excerpt shows the place within an expression: its line, and a caret below it.
	// It is "" for other faults.
	Excerpt string
}

// fault returns a fault of a key, with the place that set it.
func (c *Config) fault(key, problem, remedy string) *Error {
	at := c.origin[key]
	return &Error{File: at.file, Line: at.line, Key: key, Problem: problem, Remedy: remedy}
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Errors are all faults of a configuration, in the order of its lines.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// maxErrors bounds the faults that are reported at once. A file with more is
// probably no configuration.
const maxErrors = 50

// orNil returns the sorted faults as an error, or nil if there are none.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	sort.SliceStable(e, func(i, j int) bool {
		if e[i].File != e[j].File {
			return false // keep the order in which the files were read
		}
		if e[i].Line != e[j].Line {
			return e[i].Line < e[j].Line
		}
		return e[i].Key < e[j].Key
	})
	if len(e) > maxErrors {
		last := e[maxErrors]
		e = append(e[:maxErrors:maxErrors], &Error{
			File: last.File, Line: last.Line,
			Problem: fmt.Sprintf("and %d more faults from here on", len(e)-maxErrors), Remedy: "is this the right file?",
		})
	}
	for _, one := range e {
		switch one.Problem {
		case unknownKey:
			one.Remedy = suggest(one.Key)
		case unknownSection:
			one.Remedy = suggestSection(one.Key)
		}
	}
	return e
}

// These faults get their remedy when it is known that they are reported.
const (
	unknownKey     = "unknown key"
	unknownSection = "unknown section"
)

// suggest returns the remedy for an unknown key: where the key belongs, or what
// it was probably meant to be.
func suggest(name string) string {
	section, last := split(name)
	var names, same []string
	for _, k := range Default().keys() {
		ks, kl := split(k.name)
		if kl == normal(last) && ks != section {
			return "it belongs " + place(ks) + " as " + kl
		}
		names = append(names, k.name)
		if ks == section {
			same = append(same, kl)
		}
	}
	if len(same) == 0 {
		if near := spelling.Nearest(name, names); near != "" {
			return "did you mean " + near + "?"
		}
	} else if near := spelling.Nearest(last, same); near != "" { // the section is right, and no part of the likeness
		return "did you mean " + strings.TrimPrefix(section+"."+near, ".") + "?"
	}
	return "\"postvet config default\" prints every key"
}

func suggestSection(name string) string {
	var names []string
	for _, s := range Default().sections() {
		names = append(names, s.name)
	}
	if near := spelling.Nearest(name, names); near != "" {
		return "did you mean [" + near + "]?"
	}
	return "\"postvet config default\" prints every section"
}

func place(section string) string {
	if section == "" {
		return "above the first section"
	}
	return "into [" + section + "]"
}

func normal(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// describe describes a TOML value in the words of TOML.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the string " + cite(v)
	case int64:
		return fmt.Sprintf("the integer %d", v)
	case float64:
		return "a floating-point number"
	case bool:
		return fmt.Sprintf("the boolean %v", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}

func quotedOr(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}
