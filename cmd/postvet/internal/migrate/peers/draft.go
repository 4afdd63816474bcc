package peers

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// draft is a postvet.toml in the making.
type draft struct {
	entries []entry
	rules   []rule
}

// entry is a key with its value in TOML and what it comes from, in words and as
// settings.
type entry struct {
	key, value string
	because    []string
	from       []Setting
}

// rule is a [[rule]], its keys in order, values in TOML.
type rule struct {
	keys [][2]string
	from Setting
}

// putFrom sets a key for a setting, which is cited, with what else is to be said.
func (d *draft) putFrom(s Setting, key, value string, more ...string) {
	d.put(key, value, strings.Join(append([]string{cite(s)}, more...), " "), s)
}

// put sets a key; a later call for it replaces the value and adds its reason.
func (d *draft) put(key, value, because string, from ...Setting) {
	for i := range d.entries {
		if e := &d.entries[i]; e.key == key {
			e.value = value
			e.because = append(e.because, because)
			e.from = append(e.from, from...)
			return
		}
	}
	d.entries = append(d.entries, entry{key, value, []string{because}, from})
}

func (d *draft) get(key string) (value string, ok bool) {
	for _, e := range d.entries {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// quoted returns a TOML string. What cannot be read on a terminal is escaped.
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

func quotedList(list []string) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = quoted(s)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func seconds(n int) string { return quoted((time.Duration(n) * time.Second).String()) }

// sectionOrder is where a section stands in the file.
var sectionOrder = []string{"", "socket", "dns", "policy", "trust", "dkim", "exempt", "limits", "log", "author_overrides"}

// TOML is the configuration that the plan comes to, listening on socket ("" for
// the default). Each key says what it stands for.
func (p *Plan) TOML(socket string) string {
	w := p.write(socket)
	return w.String()
}

// FaultAt makes a fault that line of [Plan.TOML] has one of the setting that the
// line comes from; nil if it comes from none that somebody set.
func (p *Plan) FaultAt(socket string, line int, problem, remedy string) *Fault {
	w := p.write(socket)
	for _, part := range w.parts {
		if line < part.first || line > part.last || len(part.from) == 0 {
			continue
		}
		s := meant(part.from, problem)
		if s.File == "" {
			return nil
		}
		return &Fault{File: s.File, Line: s.Line, Option: s.Name, Problem: problem, Remedy: remedy}
	}
	return nil
}

// meant is the setting that a problem speaks of: the one with the longest member
// that the problem quotes, as several lists become one of ours.
func meant(from []Setting, problem string) Setting {
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

// written is a text with the lines of which it is known whence they come.
type written struct {
	strings.Builder
	line  int // that is written next, from 0
	parts []part
}

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

func (p *Plan) write(socket string) *written {
	var b written
	b.add("# Postvet's configuration, made from that of " + p.sources() + ".\n")
	for _, u := range p.Unset {
		b.add(comment(u.String() + "."))
	}
	b.add("# Keys that are not here have their defaults: \"postvet config default\" explains all.\n")
	entries := append([]entry(nil), p.draft.entries...)
	if socket != "" {
		entries = append(entries, entry{key: "listen", value: quotedList([]string{socket}), because: []string{"Where the MTA reaches Postvet."}})
	}
	sort.SliceStable(entries, func(i, j int) bool {
		return place(entries[i].key) < place(entries[j].key)
	})
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

// sources names the files.
func (p *Plan) sources() string {
	var names []string
	seen := map[string]bool{}
	for _, peer := range order {
		for _, s := range p.set[peer] {
			if s.File != "" && !seen[s.File] {
				seen[s.File] = true
				names = append(names, s.File)
			}
		}
	}
	for _, u := range p.Unset {
		names = append(names, u.File)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

func place(key string) int {
	section, _ := splitKey(key)
	for i, s := range sectionOrder {
		if s == section {
			return i
		}
	}
	return len(sectionOrder)
}

// splitKey parts "section.name"; a name may be quoted and hold dots.
func splitKey(key string) (section, name string) {
	section, name, ok := strings.Cut(key, ".")
	if !ok || strings.HasPrefix(key, `"`) {
		return "", key
	}
	return section, name
}

// comment returns a text as comment lines of ordinary width.
func comment(text string) string {
	return "# " + strings.Join(layout.Paragraph(foreign.TerminalLines(text), 76), "\n# ") + "\n"
}

// cite is a setting as comments quote it.
func cite(s Setting) string {
	if s.File == "" {
		return fmt.Sprintf("%s's default: %s %s.", s.Peer, s.Name, orNothing(s.Value))
	}
	return fmt.Sprintf("%s: %s %s.", s.place(), s.Name, s.Value)
}

func orNothing(s string) string {
	if s == "" {
		return "not set"
	}
	return s
}

func integer(s Setting) int {
	n, _ := strconv.Atoi(s.Value) // checked when it was read
	return n
}
