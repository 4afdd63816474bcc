package peers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// sectionOrder is the order of the sections in the file.
var sectionOrder = []string{"", "socket", "dns", "policy", "trust", "dkim", "exempt", "sign", "sign.opendkim", "sign.rspamd", "sign.redis", "sign.vault", "seal", "lists", "limits", "log", "report", "report.failure", "author_overrides"}

// TOML returns the configuration that the plan leads to. It listens on socket, "" for
// the default. A comment at each key names the setting that it comes from.
func (p *Plan) TOML(socket string) string {
	w := p.write(socket)
	return w.String()
}

// FaultAt returns a fault of a line of [Plan.TOML] as one of the setting that the
// line comes from; nil if it comes from no setting of a file.
func (p *Plan) FaultAt(socket string, line int, problem, remedy string) *Fault {
	w := p.write(socket)
	for _, part := range w.parts {
		if line < part.first || line > part.last || len(part.from) == 0 {
			continue
		}
		s := settingOf(part.from, problem)
		if s.File == "" {
			return nil
		}
		return &Fault{File: s.File, Line: s.Line, Option: s.Name, Problem: problem, Remedy: remedy}
	}
	return nil
}

// settingOf returns the setting that a problem is about. Several lists become one:
// it is the list with the longest member that the problem quotes.
func settingOf(from []Setting, problem string) Setting {
	problem, _, _ = strings.Cut(problem, " (bad, too: ") // which may be of other lists
	best, longest := from[0], 0
	for _, s := range from {
		members, _ := parseDataset(s.Value)
		for _, m := range members {
			if m = strings.TrimPrefix(m, "file:"); len(m) > longest && strings.Contains(problem, m) {
				best, longest = s, len(m)
			}
		}
	}
	return best
}

// written is a text whose parts know the settings that they come from.
type written struct {
	strings.Builder
	line  int // so many lines were written
	parts []part
}

// part is a run of lines.
type part struct {
	first, last int // from 1
	from        []Setting
}

// add writes whole lines that come from settings.
func (w *written) add(lines string, from ...Setting) {
	first := w.line + 1
	w.WriteString(lines)
	w.line += strings.Count(lines, "\n")
	w.parts = append(w.parts, part{first, w.line, from})
}

// write writes the whole configuration.
func (p *Plan) write(socket string) *written {
	var b written
	b.add("# Postvet's configuration, made from that of " + foreign.TerminalLines(p.sources()) + ".\n")
	for _, u := range p.Unset {
		b.add(comment(u.String() + "."))
	}
	b.add("# Keys that are not here have their defaults: \"postvet config default\" explains all.\n")
	entries := slices.Clone(p.draft.entries)
	if socket != "" {
		entries = append(entries, entry{key: "listen", value: quotedList([]string{socket}), because: []string{"Where the MTA reaches Postvet."}})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return place(a.key) - place(b.key) })
	current := ""
	for _, e := range entries {
		section, name := splitKey(e.key)
		if section != current {
			current = section
			b.add("\n[" + section + "]\n")
		} else {
			b.add("\n")
		}
		for _, why := range e.because {
			b.add(comment(why))
		}
		b.add(name+" = "+e.value+"\n", e.from...)
	}
	for _, r := range p.draft.rules {
		b.add("\n" + comment(cite(r.from)))
		b.add("[[rule]]\n", r.from)
		for _, kv := range r.keys {
			b.add(kv[0]+" = "+kv[1]+"\n", r.from)
		}
	}
	return &b
}

// sources returns the names of the files.
func (p *Plan) sources() string {
	var names []string
	for _, all := range p.set {
		for _, s := range all {
			if s.File != "" {
				names = append(names, s.File)
			}
		}
	}
	for _, u := range p.Unset {
		names = append(names, u.File)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// place returns the place of a key's section in the file.
func place(key string) int {
	section, _ := splitKey(key)
	if i := slices.Index(sectionOrder, section); i >= 0 {
		return i
	}
	return len(sectionOrder)
}

// comment returns a text as comment lines of ordinary width.
func comment(text string) string {
	return "# " + strings.Join(layout.Paragraph(foreign.TerminalLines(text), 76), "\n# ") + "\n"
}

// cite returns a setting as comments quote it.
func cite(s Setting) string {
	value := s.Value
	if s.File == "" {
		value = cmp.Or(value, "not set")
	}
	return fmt.Sprintf("%s: %s %s.", s.place(), s.Name, value)
}

// quoted returns a TOML string. Characters that a terminal cannot show are escaped.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r > 0xffff && !foreign.IsReadable(r):
			fmt.Fprintf(&b, `\U%08X`, r)
		case !foreign.IsReadable(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// quotedList returns a TOML array of strings.
func quotedList(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = quoted(s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// seconds returns a duration as a TOML string.
func seconds(n int) string { return quoted((time.Duration(n) * time.Second).String()) }
