package opendkim

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a table.
type Fault struct {
	File            string // "" for a table in the configuration itself
	Line            int    // from 1; 0 for the whole table
	Problem, Remedy string
}

func (f *Fault) Error() string {
	place := f.File
	if place == "" {
		place = "the table"
	}
	if f.Line > 0 {
		place += fmt.Sprintf(":%d", f.Line)
	}
	return place + ": " + f.Problem + "; " + f.Remedy
}

// Faults are all faults of the tables, at most maxFaults of them; More counts the rest.
type Faults struct {
	List []*Fault
	More int
}

// maxFaults bounds the faults that are told. A wrong file has one in each line.
const maxFaults = 20

func (f *Faults) Error() string {
	var lines []string
	for _, one := range f.List {
		lines = append(lines, one.Error())
	}
	if f.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more; are these the right files?", f.More))
	}
	return strings.Join(lines, "\n")
}

func (f *Faults) add(t source, line int, problem, remedy string) {
	if len(f.List) == maxFaults {
		f.More++
		return
	}
	f.List = append(f.List, &Fault{File: t.path, Line: line, Problem: problem, Remedy: remedy})
}

func (f *Faults) orNil() error {
	if len(f.List) == 0 {
		return nil
	}
	return f
}
