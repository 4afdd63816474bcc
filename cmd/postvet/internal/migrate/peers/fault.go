package peers

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/policy/spelling"
)

// Fault is one thing that is wrong with a peer's file, on one line:
// "FILE:LINE: option: problem; remedy".
type Fault struct {
	File            string
	Line            int
	Option          string
	Problem, Remedy string
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("%s:%d: ", f.File, f.Line)
	if f.Option != "" {
		s += f.Option + ": "
	}
	s += f.Problem
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}

// Faults is all faults of the files.
type Faults []*Fault

func (f Faults) Error() string {
	const most = 50
	lines := []string{}
	for i, one := range f {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more faults; are these the right files?", len(f)-most))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// unknownOption returns the fault of a setting that its peer does not know.
func unknownOption(s Setting) *Fault {
	f := &Fault{File: s.File, Line: s.Line, Option: s.Name, Problem: "is no option of " + string(s.Peer), Remedy: "correct or remove the line"}
	for _, peer := range All {
		if o := optionNamed(peer, s.Name); o != nil && !strings.HasSuffix(o.name, "*") {
			f.Remedy = fmt.Sprintf("%s has it; is this the right file?", peer)
			return f
		}
	}
	var names []string
	for _, o := range options[s.Peer] {
		names = append(names, o.name)
	}
	if name := spelling.Nearest(s.Name, names); name != "" {
		f.Remedy = fmt.Sprintf("did you mean %s?", name)
	}
	return f
}
