package config

import (
	"fmt"
	"sort"
	"strings"
)

// Error is one fault of a configuration, on one line:
// "FILE:LINE: key: problem; remedy".
type Error struct {
	// File is the file, or the flag with its dashes.
	File string
	// Line counts from 1; 0 if no line is to blame.
	Line int
	// Key is the full name, such as dns.timeout; "" if the file is no TOML.
	Key string
	// Problem is what is wrong, Remedy what would be right.
	Problem, Remedy string
	// Excerpt shows the place within an expression: its line, and below it a
	// caret. "" if there is none.
	Excerpt string
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

// maxErrors bounds the faults that are told at once: who has more has given the
// wrong file.
const maxErrors = 50

// orNil returns the sorted faults as an error, or nil if there are none.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	sort.SliceStable(e, func(i, j int) bool {
		if e[i].File != e[j].File {
			return false // in the order in which they were read
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

// Faults whose remedy is looked for when it is known that they will be told.
const (
	unknownKey     = "unknown key"
	unknownSection = "unknown section"
)

// suggest says what an unknown key was probably meant to be.
func suggest(name string) string {
	const list = "\"postvet config default\" prints every key"
	section, last := split(name)
	plain := normal(name)
	best, distance := "", 1+len(plain)/4
	for _, k := range keys {
		ks, kl := split(k.name)
		if kl == normal(last) && ks != section {
			return "it belongs " + place(ks) + " as " + kl
		}
		if d := editDistance(plain, k.name); d <= distance {
			best, distance = k.name, d-1
		}
		if best == "" && len(last) > 2 && strings.HasPrefix(k.name, plain) {
			best = k.name
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return list
}

func suggestSection(name string) string {
	best, distance := "", 2
	for _, s := range sections[1:] {
		if d := editDistance(normal(name), s.name); d <= distance {
			best, distance = s.name, d-1
		}
	}
	if best != "" {
		return "did you mean [" + best + "]?"
	}
	return "\"postvet config default\" prints every section"
}

func place(section string) string {
	if section == "" {
		return "above the first section"
	}
	return "into [" + section + "]"
}

// split parts a full name into section and key.
func split(name string) (section, last string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}

func normal(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours. Long names are no typing errors and are not measured.
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
