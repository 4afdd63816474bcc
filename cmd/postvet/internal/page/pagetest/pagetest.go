// Package pagetest compares reports of inspections with wanted ones, for tests.
package pagetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// Report is a report of an inspection.
type Report interface {
	Print(io.Writer, layout.Screen) error
	Markdown(io.Writer) error
	Verdict() finding.Verdict
}

// Golden compares a report with the files verdict, text, markdown and json of an archive, those that it
// has. If update is true, it writes them to the archive's file instead.
func Golden(t *testing.T, file string, a *txtar.Archive, r Report, update bool) {
	t.Helper()
	js, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var ticket bytes.Buffer
	if err := r.Markdown(&ticket); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"verdict": string(r.Verdict()) + "\n", "text": printed(t, r, layout.Screen{}), "json": string(js) + "\n",
		"markdown": ticket.String(),
	}
	Ticket(t, r)
	for i, f := range a.Files {
		g, ok := got[f.Name]
		if !ok {
			continue
		}
		if update {
			a.Files[i].Data = []byte(g)
		} else if d := cmp.Diff(string(f.Data), g); d != "" {
			t.Errorf("%s: %s", f.Name, d)
		}
	}
	if update {
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// Ticket checks that the report for a ticket has nothing that its texts could have formed: no
// links, images, HTML or emphasis, by all that GitHub adds to Markdown.
func Ticket(t *testing.T, r Report) {
	t.Helper()
	var ticket bytes.Buffer
	if err := r.Markdown(&ticket); err != nil {
		t.Fatal(err)
	}
	parsed := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(ticket.Bytes()))
	err := ast.Walk(parsed, func(n ast.Node, _ bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case ast.KindDocument, ast.KindHeading, ast.KindParagraph, ast.KindText, ast.KindString, ast.KindCodeSpan, ast.KindFencedCodeBlock,
			east.KindTable, east.KindTableHeader, east.KindTableRow, east.KindTableCell:
			return ast.WalkContinue, nil
		}
		return ast.WalkStop, fmt.Errorf("a text became %v", n.Kind())
	})
	if err != nil {
		t.Errorf("%v in %s", err, ticket.Bytes())
	}
}

// Columns checks that no line of a report is longer than the screen is wide.
func Columns(t *testing.T, r Report) {
	t.Helper()
	for line := range strings.Lines(printed(t, r, layout.Screen{Width: 80})) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func printed(t *testing.T, r Report, s layout.Screen) string {
	t.Helper()
	var text bytes.Buffer
	if err := r.Print(&text, s); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
