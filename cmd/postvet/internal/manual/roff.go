package manual

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// roff is a page in the language of man(7). Text is escaped, so that nothing in it is
// taken for a request.
type roff struct {
	b bytes.Buffer
	// inItem is whether the text stands in a tagged paragraph.
	inItem bool
}

// request writes a line that begins with a request or macro; each argument is
// escaped and quoted.
func (r *roff) request(name string, args ...string) {
	switch name {
	case "TP":
		r.inItem = true
	case "SH", "SS", "PP":
		r.inItem = false
	}
	r.b.WriteString("." + name)
	for _, a := range args {
		fmt.Fprintf(&r.b, " \"%s\"", strings.ReplaceAll(inline(a), `"`, `\(dq`))
	}
	r.b.WriteByte('\n')
}

// section begins a section. Names of sections are in capitals.
func (r *roff) section(name string) { r.request("SH", strings.ToUpper(name)) }

// item begins a tagged paragraph; the tag is in bold.
func (r *roff) item(tag string) {
	r.request("TP")
	r.request("B", tag)
}

// line writes one line of running text.
func (r *roff) line(s string) {
	s = inline(s)
	// A control character at the beginning of a line makes it a request.
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	r.b.WriteString(s + "\n")
}

// text writes paragraphs as they are in a help text: an empty line ends one, and
// lines that begin with two blanks are kept as they are. between is the macro
// between two paragraphs: PP, which also ends a list, or IP with "" inside an item.
func (r *roff) text(s, between string) {
	if r.inItem && between == "PP" {
		r.request("PP")
	}
	for i, p := range paragraphs(s) {
		if i > 0 {
			r.b.WriteString("." + between + "\n")
		}
		lines := strings.Split(p, "\n")
		for first := true; len(lines) > 0; first = false {
			kept := strings.HasPrefix(lines[0], "  ")
			n := 1
			for n < len(lines) && strings.HasPrefix(lines[n], "  ") == kept {
				n++
			}
			if run := strings.Join(lines[:n], "\n"); kept {
				r.literal(run)
			} else {
				if !first { // the margin has changed
					r.b.WriteString("." + between + "\n")
				}
				r.filled(run)
			}
			lines = lines[n:]
		}
	}
}

// filled writes one paragraph with its lines kept short, as roff's tools like
// it; the reader's terminal decides what it looks like.
func (r *roff) filled(p string) {
	for _, line := range layout.Paragraph(p, 72) {
		r.line(line)
	}
}

// references writes the names of pages, one a line.
func (r *roff) references(pages ...string) {
	for i, p := range pages {
		if i < len(pages)-1 {
			p += ","
		}
		r.line(p)
	}
}

// literal writes lines that must not be filled, such as commands.
func (r *roff) literal(s string) {
	r.request("RS", "4")
	r.request("nf")
	for l := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		r.line(strings.TrimPrefix(l, "  "))
	}
	r.request("fi")
	r.request("RE")
}

// inline escapes what roff would interpret inside a line. A plain "-" may be set as
// a hyphen, which a shell does not take.
func inline(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`, "'", `\(aq`).Replace(s)
}

// paragraphs splits a text at its empty lines.
func paragraphs(s string) []string {
	var all []string
	for p := range strings.SplitSeq(s, "\n\n") {
		if p = strings.Trim(p, "\n"); strings.TrimSpace(p) != "" {
			all = append(all, p)
		}
	}
	return all
}
