package peers

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// draft is a postvet.toml in the making.
type draft struct {
	entries []entry
	rules   []rule
}

// entry is a key with its value in TOML and what it comes from.
type entry struct {
	key, value string
	because    []string
}

// rule is a [[rule]], its keys in order, values in TOML.
type rule struct {
	keys    [][2]string
	because string
}

// put sets a key; a later call for it replaces the value and adds its reason.
func (d *draft) put(key, value, because string) {
	for i := range d.entries {
		if e := &d.entries[i]; e.key == key {
			e.value = value
			e.because = append(e.because, because)
			return
		}
	}
	d.entries = append(d.entries, entry{key, value, []string{because}})
}

func (d *draft) get(key string) (value string, ok bool) {
	for _, e := range d.entries {
		if e.key == key {
			return e.value, true
		}
	}
	return "", false
}

// quoted is a TOML string. What a peer's file holds is text without line ends.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
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
	var b strings.Builder
	b.WriteString("# Postvet's configuration, made from that of ")
	b.WriteString(p.sources() + ".\n# Keys that are not here have their defaults: \"postvet config default\" explains all.\n")
	entries := append([]entry(nil), p.draft.entries...)
	if socket != "" {
		entries = append(entries, entry{"listen", quotedList([]string{socket}), []string{"Where the MTA reaches Postvet."}})
	}
	sort.SliceStable(entries, func(i, j int) bool {
		return place(entries[i].key) < place(entries[j].key)
	})
	current := ""
	for _, e := range entries {
		section, name := splitKey(e.key)
		if section != current {
			current = section
			fmt.Fprintf(&b, "\n[%s]\n", section)
		} else {
			b.WriteString("\n")
		}
		for _, why := range e.because {
			comment(&b, why)
		}
		fmt.Fprintf(&b, "%s = %s\n", name, e.value)
	}
	for _, r := range p.draft.rules {
		b.WriteString("\n")
		comment(&b, r.because)
		b.WriteString("[[rule]]\n")
		for _, kv := range r.keys {
			fmt.Fprintf(&b, "%s = %s\n", kv[0], kv[1])
		}
	}
	return b.String()
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

// comment writes a text as comment lines of ordinary width.
func comment(b *strings.Builder, text string) {
	const width = 78
	line := "#"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width && line != "#" {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
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
