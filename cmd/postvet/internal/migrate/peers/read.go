package peers

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// maxLines bounds a peer's file; what is longer is another file.
const maxLines = 20000

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

// Faults are all faults of the files.
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

// Read returns the settings of a peer's file in the order of its lines. An
// option that is set twice with different values, and a line that is none of
// the peer's grammar, is a fault.
func Read(peer Peer, file string, text []byte) ([]Setting, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, Faults{{File: file, Line: 1, Problem: "is no text", Remedy: "name the configuration file of " + string(peer)}}
	}
	r := reader{peer: peer, file: file, seen: map[string]Setting{}}
	parse := r.words
	if peer == PySPF {
		parse = r.assignment
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n > maxLines {
			r.fault(n, "", "the file goes on", "name a configuration file of fewer than 20000 lines")
			break
		}
		// All of them cut a line at its hash sign.
		line, _, _ = strings.Cut(strings.TrimRight(line, "\r\n"), "#")
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "\ufeff"):
			r.fault(n, "", "begins with a byte order mark, which "+string(peer)+" takes for a part of the name", "remove it (sed -i '1s/^\\xef\\xbb\\xbf//' FILE)")
		case !utf8.ValidString(line):
			r.fault(n, "", "has a letter that is not UTF-8", "write it in UTF-8")
		case line != "":
			parse(n, line)
		}
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return r.settings(), nil
}

type reader struct {
	peer   Peer
	file   string
	seen   map[string]Setting
	faults Faults
}

func (r *reader) fault(line int, option, problem, remedy string) {
	r.faults = append(r.faults, &Fault{File: r.file, Line: line, Option: option, Problem: problem, Remedy: remedy})
}

// words reads "Name value" as opendkim, opendmarc and openarc do.
func (r *reader) words(n int, line string) {
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		r.fault(n, line, "has no value", "write \"Name value\", or remove the line")
		return
	}
	r.add(n, line[:i], strings.TrimSpace(line[i:]))
}

// assignment reads "name = value" as pyspf-milter does.
func (r *reader) assignment(n int, line string) {
	name, value, ok := strings.Cut(line, "=")
	switch {
	case !ok:
		r.fault(n, line, "has no value", "write \"name = value\", or remove the line")
	case strings.Contains(value, "="):
		r.fault(n, strings.TrimSpace(name), "has two equals signs, and pyspf-milter ignores such a line", "write one \"name = value\" on a line")
	default:
		r.add(n, strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

func (r *reader) add(n int, name, value string) {
	s := Setting{Peer: r.peer, Name: name, Value: value, File: r.file, Line: n}
	key := strings.ToLower(name)
	if before, ok := r.seen[key]; ok && before.Value != value {
		r.fault(n, name, fmt.Sprintf("is %q here and %q in line %d", value, before.Value, before.Line), "remove one of the two")
		return
	}
	r.seen[key] = s
}

func (r *reader) settings() []Setting {
	list := make([]Setting, 0, len(r.seen))
	for _, s := range r.seen {
		list = append(list, s)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Line < list[j].Line })
	return list
}
