package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxList bounds a list in the configuration itself. Files may hold more.
const maxList = 1000

// listValue is a list of strings. One that is not empty by default must not be
// empty.
type listValue struct {
	field   *[]string
	check   check
	example string // a remedy
	initial []string
}

func list(field *[]string, c check, example string, initial ...string) value {
	return &listValue{field, c, example, initial}
}

func (l *listValue) set(v any) (problem, remedy string) {
	entries, problem, remedy := stringsOf(v, l.example, l.example)
	if problem != "" {
		return problem, remedy
	}
	normal := make([]string, len(entries))
	for i, s := range entries {
		if normal[i], problem, remedy = l.check(s); problem != "" {
			var bad []string
			for _, other := range entries[i+1:] {
				if _, also, _ := l.check(other); also != "" && len(bad) < maxFurther {
					bad = append(bad, cite(other))
				}
			}
			return problem + badToo("", bad), remedy
		}
	}
	if len(normal) == 0 && len(l.initial) > 0 {
		return "is empty", l.example
	}
	*l.field = normal
	return "", ""
}

func (l *listValue) setDefault()    { *l.field = slices.Clone(l.initial) }
func (l *listValue) format() string { return formatList(*l.field) }

// stringsOf returns the strings of a list. noList and noString are the remedies for
// a value that is no list and for an entry that is no string.
func stringsOf(v any, noList, noString string) (list []string, problem, remedy string) {
	all, ok := v.([]any)
	if !ok {
		return nil, "is " + describe(v), noList
	}
	if len(all) > maxList {
		return nil, fmt.Sprintf("has %d entries", len(all)), fmt.Sprintf("write at most %d", maxList)
	}
	list = make([]string, len(all))
	for i, e := range all {
		if list[i], ok = e.(string); !ok {
			return nil, fmt.Sprintf("entry %d is %s", i+1, describe(e)), noString
		}
	}
	return list, "", ""
}

func formatList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
