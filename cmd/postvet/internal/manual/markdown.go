package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// markdown writes a text in the part of Markdown that the project's documents use:
// headings, paragraphs, lists of one level, tables, `code`, **strong** and links. The
// title is left out, as the page has its own. What it does not know is an error, so
// that no mark of Markdown reaches a reader.
func (r *roff) markdown(text string) error {
	for _, block := range paragraphs(text) {
		lines := strings.Split(block, "\n")
		var err error
		switch first := lines[0]; {
		case strings.HasPrefix(first, "#"):
			err = r.heading(lines)
		case strings.HasPrefix(first, "|"):
			err = r.table(lines)
		case strings.HasPrefix(first, "- "):
			err = r.list(lines)
		case strings.HasPrefix(first, "```"), strings.HasPrefix(first, "    "), strings.HasPrefix(first, ">"):
			err = fmt.Errorf("a page has no form for %q", first)
		default:
			r.paragraph()
			r.filled(plain(block))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// paragraph begins a paragraph, except behind a heading, which begins one itself.
func (r *roff) paragraph() {
	written := strings.TrimSuffix(r.b.String(), "\n")
	if last := written[strings.LastIndexByte(written, '\n')+1:]; !strings.HasPrefix(last, ".SH ") && !strings.HasPrefix(last, ".SS ") {
		r.request("PP")
	}
}

// heading writes a section or a subsection, but not the title.
func (r *roff) heading(lines []string) error {
	if len(lines) > 1 {
		return fmt.Errorf("no empty line behind %q", lines[0])
	}
	switch level, title, _ := strings.Cut(lines[0], " "); level {
	case "#":
	case "##":
		r.section(plain(title))
	case "###":
		r.request("SS", plain(title))
	default:
		return fmt.Errorf("a page has no heading as deep as %q", lines[0])
	}
	return nil
}

// list writes each entry of a list as a paragraph with a dot in front.
func (r *roff) list(lines []string) error {
	var entries []string
	for _, line := range lines {
		switch entry, isNew := strings.CutPrefix(line, "- "); {
		case isNew:
			entries = append(entries, entry)
		case strings.HasPrefix(line, "  "):
			entries[len(entries)-1] += "\n" + strings.TrimSpace(line)
		default:
			return fmt.Errorf("a line of a list without its indent: %q", line)
		}
	}
	for _, entry := range entries {
		r.b.WriteString(".IP \\(bu 2\n")
		r.filled(plain(entry))
	}
	return nil
}

// table writes each row as a tagged paragraph: the last cell is its text, and those
// before it are its tag. The heading is left out.
func (r *roff) table(lines []string) error {
	if len(lines) < 3 || !tableRule.MatchString(lines[1]) {
		return fmt.Errorf("no table: %q", lines[0])
	}
	columns := len(cells(lines[0]))
	for _, line := range lines[2:] {
		row := cells(line)
		if len(row) != columns || columns < 2 {
			return fmt.Errorf("a row with %d cells in a table of %d: %q", len(row), columns, line)
		}
		tag, text := plain(strings.Join(row[:columns-1], ": ")), plain(row[columns-1])
		if text == "" { // the tag says it all, and a tagged paragraph needs a text
			r.paragraph()
			r.request("B", tag)
			continue
		}
		r.item(tag)
		r.filled(text)
	}
	return nil
}

var tableRule = regexp.MustCompile(`^\|(?:-+\|)+$`)

// cells splits a row of a table. No cell of the documents has a bar in it.
func cells(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|")
	all := strings.Split(row, "|")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

var (
	markdownLink   = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	markdownStrong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// plain returns a text without the marks of Markdown.
func plain(text string) string {
	text = markdownLink.ReplaceAllString(text, "$1")
	text = markdownStrong.ReplaceAllString(text, "$1")
	return strings.ReplaceAll(text, "`", "")
}
