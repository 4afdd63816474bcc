package peers

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLines bounds a peer's file. A longer one is another file than was meant.
const maxLines = 20000

// Read returns the settings of a peer's file in the order of its lines. A line that
// the peer would not take is a fault, and so is an option that is set twice with
// different values. The error is [Faults].
func Read(peer Peer, file string, text []byte) ([]Setting, error) {
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, Faults{{File: file, Line: 1, Problem: "is no text", Remedy: "name the configuration file of " + string(peer)}}
	}
	peer = peer.Of(file)
	r := reader{peer: peer, file: file, seen: map[string]Setting{}}
	parse := r.words
	if peer == PySPF {
		parse = r.assignment
	}
	switch peer {
	case Rspamd, RspamdDMARC:
		r.readUCL(string(text))
		if len(r.faults) > 0 {
			return nil, r.faults
		}
		if peer == Rspamd {
			return inSealSection(file, r.settings()), nil
		}
		return r.settings(), nil
	case OpenDMARCReports:
		r.readScript(string(text))
		if len(r.faults) > 0 {
			return nil, r.faults
		}
		return r.settings(), nil
	case MailDMARC:
		parse = r.readINI
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n > maxLines {
			r.fault(n, "", "the file goes on", "name a configuration file of fewer than 20000 lines")
			break
		}
		// All peers take a hash sign for the beginning of a comment.
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

// reader collects the settings of a file.
type reader struct {
	peer Peer
	file string
	seen map[string]Setting // by name in lower case
	// section is that of the line in a file that has sections.
	section string
	faults  Faults
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

// add adds a setting, which may repeat one before.
func (r *reader) add(n int, name, value string) {
	s := Setting{Peer: r.peer, Name: name, Value: value, File: r.file, Line: n}
	key := strings.ToLower(name)
	if before, ok := r.seen[key]; ok && before.Value != value {
		r.fault(n, name, fmt.Sprintf("is %q here and %q in line %d", value, before.Value, before.Line), "remove one of the two")
		return
	}
	r.seen[key] = s
}

// settings returns the settings in the order of their lines.
func (r *reader) settings() []Setting {
	return slices.SortedFunc(maps.Values(r.seen), func(a, b Setting) int { return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Name, b.Name)) })
}
