package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
)

type reportShowFlags struct {
	reportStoreFlags
	documentFlags
}

// documentFlags are the flags of a command that shows a report which we send.
type documentFlags struct {
	xml, json, all bool
	color          string
}

func (f *documentFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.xml, "xml", false, "print the document")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&f.all, "all", false, "show all records, and of each what it is made of")
	addColor(cmd, &f.color)
}

// screen returns the screen behind the output, if the flags fit together.
func (f *documentFlags) screen(cmd *cobra.Command) (layout.Screen, error) {
	if f.xml && f.json {
		return layout.Screen{}, usage("--xml beside --json; write one of them")
	}
	return screenOf(cmd, f.color)
}

func newReportShow() *cobra.Command {
	f := &reportShowFlags{}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "show a report that we send, and its deliveries",
		Long: `Show prints a DMARC report that this receiver sends: what it is about, where it
goes and what became of that, and its records, those with most messages first.
ID is that of "postvet report list", or its beginning if no other one begins so.

With --xml, the document is printed as it is sent. With --json, one object is
printed: id, kind, day, domain, submitter, created, messages, deliveries (each
with the keys of "report list"), and report with aggregate and records, as
"postvet report read --json" has them; text in its place if it is a failure
report.

Exit codes: 0 shown, 1 there is no such report, 2 wrong usage, or several begin
so, 3 it could not be read.`,
		Example: `  postvet report show 5f2c09aa
  postvet report show 5f2c09aa --xml | postvet report check -`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.reportStoreFlags.add(cmd)
	f.documentFlags.add(cmd)
	return cmd
}

func (f *reportShowFlags) run(cmd *cobra.Command, id string) error {
	screen, err := f.screen(cmd)
	if err != nil {
		return err
	}
	var r *reports.Report
	var deliveries []reportstore.Sent
	err = f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) (err error) {
		if r, err = findReport(ctx, s, id); err != nil {
			return err
		}
		deliveries, err = s.Deliveries(ctx, reportstore.Query{ID: r.ID})
		return storeError(err)
	})
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	switch {
	case r.Kind == reports.Failure && f.xml:
		return usage("%s is a failure report, which has no XML; leave out --xml", r.ID)
	case f.xml:
		err = copyDocument(w, r.Document)
	case f.json:
		err = writeSentJSON(w, r, deliveries)
	default:
		err = f.write(w, screen, r, deliveries)
	}
	return output(err)
}

// findReport returns the report whose ID begins so.
func findReport(ctx context.Context, s *reportstore.Store, id string) (*reports.Report, error) {
	id = strings.ToLower(strings.Trim(id, "<> "))
	if id == "" || strings.Trim(id, "0123456789abcdef") != "" {
		return nil, usage("%q is no ID of a report; \"postvet report list\" has them", id)
	}
	found, err := s.Reports(ctx, reportstore.Query{ID: id, Limit: 2})
	switch {
	case err != nil:
		return nil, storeError(err)
	case len(found) == 0:
		return nil, answerNo("there is no report %s; \"postvet report list\" has those that are kept", id)
	case len(found) > 1:
		return nil, usage("several reports begin with %s; write more of it", id)
	}
	r, ok, err := s.Report(ctx, found[0].ID)
	switch {
	case err != nil:
		return nil, storeError(err)
	case !ok:
		return nil, answerNo("the report %s was removed just now", found[0].ID)
	}
	return &r, nil
}

// copyDocument writes a document without its compression. We have written it, and it has
// no character that could steer a terminal.
func copyDocument(w io.Writer, document []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(document))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, z)
	return err
}

// write writes a report for a person.
func (f *reportShowFlags) write(w io.Writer, screen layout.Screen, r *reports.Report, deliveries []reportstore.Sent) error {
	if r.Kind == reports.Failure {
		_, err := fmt.Fprintf(w, "failure report about %s, made %s\n%s\n%s", foreign.Terminal(r.Domain, 255), r.Created.UTC().Format(time.DateTime),
			deliveryLines(deliveries), foreign.TerminalLines(string(r.Document)))
		return err
	}
	if _, err := fmt.Fprintf(w, "report %s, made %s UTC\n%s\n", r.ID, r.Created.UTC().Format(time.DateTime), deliveryLines(deliveries)); err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Document))
	if err != nil {
		return err
	}
	return writeDocument(&reportTable{w: w, screen: screen, all: f.all}, z, "")
}

// writeDocument writes an aggregate report by a table.
func writeDocument(t *reportTable, document io.Reader, place string) error {
	p := received.Place{File: place}
	reading, err := report.Read(document, func(h *report.Head, r *report.Record) error { return t.Record(p, h, r) })
	if err != nil {
		return err
	}
	return t.End(&received.Report{Kind: received.Aggregate, Place: p, Aggregate: &reading})
}

// deliveryLines returns a line for each delivery.
func deliveryLines(all []reportstore.Sent) string {
	var b strings.Builder
	for i := range all {
		r := sentRow(&all[i])
		fmt.Fprintf(&b, "  to %s: %s", foreign.Terminal(r.Address, 320), r.State)
		if r.Changed != nil {
			fmt.Fprintf(&b, " since %s UTC", r.Changed.Format(time.DateTime))
		}
		if r.State == string(reports.New) && r.Next != nil {
			fmt.Fprintf(&b, ", to be sent at %s", r.Next.Format(time.DateTime))
		}
		b.WriteByte('\n')
		if said := saidText(r.Code, r.Status, r.Text); said != "" {
			b.WriteString("     " + foreign.Terminal(said, 300) + "\n")
		}
	}
	if len(all) == 0 {
		b.WriteString("  to nobody: the record names no address that can be used\n")
	}
	return b.String()
}

// sentJSON is a report that we send, in JSON.
type sentJSON struct {
	ID         string        `json:"id"`
	Kind       reports.Kind  `json:"kind"`
	Day        string        `json:"day"`
	Domain     string        `json:"domain"`
	Submitter  string        `json:"submitter"`
	Created    time.Time     `json:"created"`
	Messages   int64         `json:"messages"`
	Deliveries []reportRow   `json:"deliveries"`
	Report     *documentJSON `json:"report,omitempty"`
	Text       string        `json:"text,omitempty"` // of a failure report
}

// documentJSON is an aggregate report in JSON.
type documentJSON struct {
	Aggregate *report.Head     `json:"aggregate"`
	Records   []*report.Record `json:"records"`
}

// readDocument returns an aggregate report for JSON.
func readDocument(document io.Reader) (*documentJSON, error) {
	out := &documentJSON{Records: []*report.Record{}}
	reading, err := report.Read(document, func(_ *report.Head, r *report.Record) error {
		out.Records = append(out.Records, r)
		return nil
	})
	out.Aggregate = &reading.Head
	return out, err
}

func writeSentJSON(w io.Writer, r *reports.Report, deliveries []reportstore.Sent) error {
	out := sentJSON{
		ID: r.ID, Kind: r.Kind, Day: reports.DayOf(r.Begin).String(), Domain: r.Domain, Submitter: r.Submitter, Created: r.Created.UTC(), Messages: r.Messages,
		Deliveries: []reportRow{},
	}
	for i := range deliveries {
		out.Deliveries = append(out.Deliveries, sentRow(&deliveries[i]))
	}
	if r.Kind == reports.Failure {
		out.Text = string(r.Document)
		return printJSON(w, out)
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Document))
	if err == nil {
		out.Report, err = readDocument(z)
	}
	if err != nil {
		return err
	}
	return printJSON(w, out)
}
