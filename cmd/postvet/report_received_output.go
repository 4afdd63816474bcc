package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/foreign"
)

// receivedList writes reports of others: as JSON, as CSV, or for a person, who sees those
// apart that nobody vouches for.
type receivedList struct {
	w      io.Writer
	screen layout.Screen
	json   *json.Encoder // nil for other forms
	csv    *csv.Writer   // nil for other forms

	proven, unproven []*reports.Received
}

// receivedColumns are the columns of CSV.
var receivedColumns = []string{
	"arrived", "kind", "reporter", "email", "domain", "report_id", "begin", "end", "messages", "passed", "records", "author", "dmarc", "trusted", "copies", "conflicts", "place", "findings",
}

func (l *receivedList) beginCSV() {
	l.csv = csv.NewWriter(l.w)
	_ = l.csv.Write(receivedColumns) // buffered; Flush has the error
}

// add adds a report.
func (l *receivedList) add(r *reports.Received) error {
	switch {
	case l.json != nil:
		return l.json.Encode(newReceivedLine(r))
	case l.csv != nil:
		var findings []string
		for _, d := range r.Findings {
			findings = append(findings, d.Name)
		}
		return writeCells(l.csv, []string{
			reportTime(r.Arrived.Truncate(time.Second)), string(r.Kind), r.Reporter, r.Email, r.Domain, r.ReportID, reportTime(r.Begin), reportTime(r.End),
			strconv.FormatInt(r.Messages, 10), strconv.FormatInt(r.Passed, 10), strconv.Itoa(r.Records), r.Author, r.Result,
			strconv.FormatBool(r.Trusted()), strconv.Itoa(r.Copies), strconv.FormatBool(r.Conflicts), r.Place, strings.Join(findings, " "),
		})
	case r.Trusted():
		l.proven = append(l.proven, r)
	default:
		l.unproven = append(l.unproven, r)
	}
	return nil
}

// end writes what waits.
func (l *receivedList) end() error {
	switch {
	case l.json != nil:
		return nil
	case l.csv != nil:
		l.csv.Flush()
		return l.csv.Error()
	case len(l.proven)+len(l.unproven) == 0:
		_, err := fmt.Fprintln(l.w, "no report")
		return err
	}
	if err := l.table(l.proven); err != nil || len(l.unproven) == 0 {
		return err
	}
	if len(l.proven) > 0 {
		fmt.Fprintln(l.w) // the table has the error
	}
	fmt.Fprintln(l.w, l.screen.Paint(layout.Yellow, "Their mail did not pass DMARC; anybody may have written them:"))
	return l.table(l.unproven)
}

const (
	receivedForm  = "%-16s  %-9s  %8s  %5s  %s\n"
	receivedFixed = 46 // columns before the last
)

func (l *receivedList) table(all []*reports.Received) error {
	if len(all) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(l.w, receivedForm, "arrived (UTC)", "kind", "messages", "pass", "domain"); err != nil {
		return err
	}
	width := max(l.screen.Width, reportWidth)
	for _, r := range all {
		passed := share(r.Passed, r.Messages)
		if r.Kind == reports.ReceivedFailure {
			passed = "-"
		}
		line := fmt.Sprintf(receivedForm, r.Arrived.UTC().Format("2006-01-02 15:04"), r.Kind, strconv.FormatInt(r.Messages, 10), passed, fit(cmp.Or(r.Domain, "unknown"), width-receivedFixed))
		text := cmp.Or(r.Reporter, r.Email, "unknown reporter") + ", " + periodText(r.Begin, r.End) + ", from " + provenText(r)
		if notes := notesText(r); notes != "" {
			text += "; " + notes
		}
		more := strings.Join(layout.Lines(foreign.Terminal(text, 600), width-18, 0), "\n"+strings.Repeat(" ", 20))
		if _, err := fmt.Fprintf(l.w, "%s%18s%s\n", line, "", more); err != nil {
			return err
		}
	}
	return nil
}
