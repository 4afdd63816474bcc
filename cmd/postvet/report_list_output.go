package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
)

// reportListOutput writes the list of reports.
type reportListOutput struct {
	w      io.Writer
	screen layout.Screen
}

func (o *reportListOutput) json(rows []reportRow) error {
	e := newEncoder(o.w)
	for i := range rows {
		if err := e.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func (o *reportListOutput) csv(rows []reportRow) error {
	w := csv.NewWriter(o.w)
	_ = w.Write([]string{"day", "domain", "kind", "state", "messages", "records", "id", "address", "attempts", "next", "changed", "code", "status", "text"})
	for i := range rows {
		r := &rows[i]
		_ = writeCells(w, []string{
			r.Day, r.Domain, string(r.Kind), r.State, strconv.FormatInt(r.Messages, 10), strconv.Itoa(r.Records), r.ID, r.Address, strconv.Itoa(r.Attempts),
			cellTime(r.Next), cellTime(r.Changed), strconv.Itoa(r.Code), r.Status, r.Text,
		}) // buffered; Flush has the error
	}
	w.Flush()
	return w.Error()
}

func cellTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

// Styles of states: what needs a look, and what has failed.
var stateStyles = map[string]layout.Style{
	string(reports.Deferred): layout.Yellow, string(reports.Bounced): layout.Red, string(reports.Expired): layout.Red,
	string(reports.Done): layout.Green,
}

// table writes lines of at most 80 columns, or as many as the terminal has.
func (o *reportListOutput) table(rows []reportRow, more bool) error {
	width := max(o.screen.Width, reportWidth)
	const fixed = 10 + 2 + 8 + 2 + 10 + 2 + 8 + 4 // day, id, state, messages
	domain := min(30, (width-fixed)/2)
	address := width - fixed - domain
	form := "%-10s  %-" + strconv.Itoa(domain) + "s  %8s  %-10s  %-8s  %s\n"
	if len(rows) > 0 {
		if _, err := fmt.Fprint(o.w, o.screen.Paint(layout.Bold, fmt.Sprintf(form, "day", "domain", "messages", "state", "id", "to"))); err != nil {
			return err
		}
	}
	for i := range rows {
		r := &rows[i]
		id := r.ID[:min(len(r.ID), 8)]
		line := fmt.Sprintf(form, r.Day, fit(r.Domain, domain), strconv.FormatInt(r.Messages, 10), r.State, id, fit(r.Address, address))
		if r.Kind == reports.Failure {
			line = fmt.Sprintf(form, r.Day, fit(r.Domain, domain), "failure", r.State, id, fit(r.Address, address))
		}
		line = strings.TrimRight(line, " \n")
		if style, ok := stateStyles[r.State]; ok {
			line = o.screen.Paint(style, line)
		}
		if _, err := fmt.Fprintln(o.w, line); err != nil {
			return err
		}
		if note := r.note(); note != "" {
			if _, err := fmt.Fprintf(o.w, "%12s%s\n", "", fit(note, width-12)); err != nil {
				return err
			}
		}
	}
	if more {
		_, err := fmt.Fprintln(o.w, "there are more; --limit shows them")
		return err
	}
	return nil
}

// note returns the line below a row: the server's answer, and when the report is tried again.
func (r *reportRow) note() string {
	switch reports.State(r.State) {
	case reports.New, reports.Sending, reports.Queued, reports.Done:
		return ""
	case reports.Deferred:
		if r.Next != nil {
			return "again at " + r.Next.Format("01-02 15:04") + " UTC: " + saidText(r.Code, r.Status, r.Text)
		}
	}
	return saidText(r.Code, r.Status, r.Text)
}
