package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// writeReport prints a report for a person. Strangers wrote most of its texts, so
// each of them is made harmless for the terminal.
func writeReport(w io.Writer, r *result.Report, opinions []dkim.Opinion, notes []string, trace bool, s layout.Screen) error {
	p := page{Screen: s}
	for _, l := range resulttext.Lines(r, opinions, notes) {
		p.line(l.Name, l.Result, l.Details...)
	}
	if r.AuthenticationResults != "" {
		p.WriteString("\nAuthentication-Results: " + foreign.TerminalLines(strings.ReplaceAll(r.AuthenticationResults, "\r\n", "\n")) + "\n")
	}
	if trace {
		p.trace(r.Trace)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// page is text in columns.
type page struct {
	strings.Builder
	layout.Screen
}

// resultStyle are the colours of results and actions; others have none.
var resultStyle = map[string]layout.Style{
	"pass": layout.Green, "accept": layout.Green,
	"fail": layout.Red, "reject": layout.Red, "discard": layout.Red,
	"softfail": layout.Yellow, "policy": layout.Yellow, "temperror": layout.Yellow, "permerror": layout.Yellow, "neutral": layout.Yellow,
	"quarantine": layout.Yellow, "tempfail": layout.Yellow, "redirect": layout.Yellow,
}

// The columns of a page: the name of a method, then its result.
const (
	nameColumn   = 9
	resultColumn = 11
)

// line writes a method, its result, and the details that are not empty.
func (p *page) line(name, result string, details ...string) {
	var some []string
	for _, d := range details {
		if d != "" {
			some = append(some, foreign.Terminal(d, foreign.Whole))
		}
	}
	head := p.Paint(layout.Bold, name) + layout.Pad(name, nameColumn)
	indent := nameColumn
	if result != "" {
		result = foreign.Terminal(result, foreign.Whole)
		head += p.Paint(resultStyle[result], result) + layout.Pad(result, resultColumn)
		indent += resultColumn
	}
	p.WriteString(strings.TrimRight(head+p.Wrap(strings.Join(some, "; "), indent, indent), " ") + "\n")
}

// trace writes a trace, check by check. A lookup has the time of its end in front, and
// its duration in the text.
func (p *page) trace(events []result.Event) {
	const timeColumn = 21
	for _, s := range explain.Sections(events) {
		p.WriteString("\n" + p.Paint(layout.Bold, s.Title) + "\n")
		for _, e := range s.Events {
			text := foreign.Terminal(e.Text, foreign.Whole)
			deeper := len(text) - len(strings.TrimLeft(text, " "))
			head := strings.Repeat(" ", timeColumn)
			if e.What == "dns" {
				head = p.Paint(layout.Faint, fmt.Sprintf("%9.1f ms", e.AtMS)) + "  dns    "
			}
			p.WriteString(head + p.Wrap(text, timeColumn, timeColumn+deeper+2) + "\n")
		}
	}
}

// writeReportJSON prints the answer of "check --json", one object.
func writeReportJSON(w io.Writer, r *result.Report, opinions []dkim.Opinion, notes []string) error {
	out := resulttext.NewReport(r)
	out.SecondOpinion, out.Notes = opinions, notes
	return printJSON(w, out)
}
