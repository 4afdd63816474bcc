package markdown

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/postvet/postvet/policy/foreign"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                "",
		"no SPF record: anybody may send": "no SPF record: anybody may send",
		"null MX (RFC 7505), see":         "null MX (RFC 7505), see",
		"the MX of a.example.":            "the MX of `a.example`.",
		"(RFC 7208 section 4.6.4)":        "(RFC 7208 section `4.6.4`)",
		"p=none: it":                      "`p=none`: it",
		"1. list":                         "`1`. list",
		"1) list":                         "`1`) list",
		"1 of 10 lookups":                 "1 of 10 lookups",
		"- list":                          "`-` list",
		"# head":                          "`#` head",
		"a|b":                             "`a`&#124;`b`",
		"|":                               "&#124;",
		"a`b":                             "``a`b``",
		"``":                              "``` `` ```",
		`\|`:                              "`\\`&#124;",
		"@everyone":                       "`@everyone`",
		"[x](http://y.example)":           "`[x](http://y.example`)",
		"<b>":                             "`<b>`",
		"a\x1b[2J\nb":                     "`a?[2J` b",
		"b\u00fccher \u202e":              "`b\u00fccher` `?`",
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := New(&b)
	d.Code([]string{"```", "a\x1bb", "", "````` x"})
	d.Code([]string{"", ""})
	d.Heading(2, "The end")
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "``````text\n```\na?b\n\n````` x\n``````\n\n## The end\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestFlush(t *testing.T) {
	t.Parallel()
	d := New(full{})
	d.Paragraph("text")
	if err := d.Flush(); err == nil {
		t.Error("no error")
	}
}

// FuzzDocument: no text forms anything but itself, by the reading of another implementation
// with all that GitHub adds to Markdown.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{
		"plain words", "a | b", "`", "``` x", "~~~", "@all #1 !2 $3", "[a]: http://x", "<script>", "<!--", "a\\", "\\`", "\\|", "`a\\` | `b`",
		"www.x.example", "http://x", "mailto:a@b.example", "**b**", "__b__", "~~s~~", "* x", "+ x", "> x", "1) x", "===", "---", "    code",
		"- [ ] task", "&lt;", "a  ", "\t", ":smile:", "![i](x)", "| --- |", "\r\n\r\n# x", "\u2028", "^1^", "(`)", "'\"`|`\"'",
	} {
		f.Add(s)
	}
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList)).Parser()
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		d := New(&b)
		d.Heading(1, "x "+s)
		d.Paragraph(s)
		d.Table([]string{"one", "two"}, [][]string{{s, "x"}, {"x", s}})
		d.Code([]string{s})
		d.Paragraph("end")
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
		source := b.Bytes()
		count := map[ast.NodeKind]int{}
		var cells []string
		err := ast.Walk(parser.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch n.Kind() {
			case ast.KindDocument, ast.KindText, ast.KindString, ast.KindCodeSpan, east.KindTableRow, east.KindTableHeader:
			case ast.KindHeading, ast.KindParagraph, ast.KindFencedCodeBlock, east.KindTable:
				count[n.Kind()]++
			case east.KindTableCell:
				cells = append(cells, content(n, source))
			default:
				t.Fatalf("%q became %v in %q", s, n.Kind(), source)
			}
			if n.Kind() == ast.KindText && n.Parent().Kind() != ast.KindCodeSpan && strings.ContainsAny(content(n, source), "@#!$~^<>[]*_\\") {
				t.Fatalf("%q stands outside of code in %q", content(n, source), source)
			}
			return ast.WalkContinue, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		shown := foreign.Terminal(strings.Join(strings.Fields(s), " "), foreign.Whole)
		if d := cmp.Diff([]string{"one", "two", shown, "x", "x", shown}, cells); d != "" {
			t.Fatalf("%q (-want +got):\n%s", source, d)
		}
		paragraphs, blocks := 1, 0
		if shown != "" {
			paragraphs++
		}
		if strings.Trim(foreign.TerminalLines(s), "\n") != "" {
			blocks = 1
		}
		if count[ast.KindHeading] != 1 || count[ast.KindParagraph] != paragraphs || count[ast.KindFencedCodeBlock] != blocks || count[east.KindTable] != 1 {
			t.Fatalf("%q: %v in %q", s, count, source)
		}
	})
}

// content returns the text of a node.
func content(n ast.Node, source []byte) string {
	if s, ok := n.(*ast.Text); ok {
		return strings.ReplaceAll(string(s.Segment.Value(source)), "&#124;", "|")
	}
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		b.WriteString(content(c, source))
	}
	return b.String()
}
