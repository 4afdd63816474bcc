package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/tlsrpt"
)

// reportObjects writes each report as one object. Records come first, since they are written
// as they are read.
type reportObjects struct {
	w       io.Writer
	records int
}

// Record implements [received.Sink].
func (o *reportObjects) Record(_ received.Place, _ *report.Head, r *report.Record) error {
	begin := ","
	if o.records == 0 {
		begin = `{"records":[`
	}
	o.records++
	return o.write(begin, r)
}

// write writes a text and a value behind it.
func (o *reportObjects) write(before string, v any) error {
	var b bytes.Buffer
	b.WriteString(before)
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := o.w.Write(foreign.JSON(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
	return err
}

// reportLine is a report in JSON without its records.
type reportLine struct {
	Kind received.Kind `json:"kind"`
	received.Place
	Mail          *reportMail     `json:"mail,omitempty"`
	Messages      *int64          `json:"messages,omitempty"`
	Aggregate     *report.Head    `json:"aggregate,omitempty"`
	Failure       *report.Failure `json:"failure,omitempty"`
	TLS           *tlsrpt.Report  `json:"tls,omitempty"`
	Findings      deviation.List  `json:"findings"`
	DuplicateOf   *received.Place `json:"duplicate_of,omitempty"`
	ConflictsWith *received.Place `json:"conflicts_with,omitempty"`
	Error         string          `json:"error,omitempty"`
}

// reportMail is the message that a report came in.
type reportMail struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Subject   string `json:"subject"`
	Date      string `json:"date"`
	MessageID string `json:"message_id"`
}

// End implements [received.Sink].
func (o *reportObjects) End(r *received.Report) error {
	l := reportLine{
		Kind: r.Kind, Place: r.Place, Failure: r.Failure, TLS: r.TLS, Findings: r.Deviations,
		DuplicateOf: r.DuplicateOf, ConflictsWith: r.ConflictsWith,
	}
	if l.Findings == nil {
		l.Findings = deviation.List{}
	}
	if m := r.Mail; m != nil {
		l.Mail = &reportMail{m.From, m.To, m.Subject, m.Date, m.MessageID}
	}
	if a := r.Aggregate; a != nil {
		l.Aggregate, l.Messages = &a.Head, &a.Messages
	}
	if r.Err != nil {
		l.Error = r.Err.Error()
	}
	begin := "],"
	if o.records == 0 {
		begin = "{"
		if r.Kind == received.Aggregate {
			begin = `{"records":[],`
		}
	}
	o.records = 0
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(l); err != nil {
		return err
	}
	_, err := o.w.Write(foreign.JSON(append([]byte(begin), b.Bytes()[1:]...)))
	return err
}

// reportCSV writes each record of aggregate reports as a line.
type reportCSV struct{ w *csv.Writer }

// reportColumns are the columns of CSV.
var reportColumns = []string{
	"file", "reporter", "email", "report_id", "begin", "end", "policy_domain", "p", "sp", "np", "testing", "source_ip", "messages", "disposition",
	"dkim_aligned", "spf_aligned", "header_from", "envelope_from", "envelope_to", "dkim", "spf", "reasons",
}

func newReportCSV(w io.Writer) *reportCSV {
	c := &reportCSV{csv.NewWriter(w)}
	_ = c.w.Write(reportColumns) // buffered; Flush has the error
	return c
}

// Record implements [received.Sink].
func (c *reportCSV) Record(p received.Place, h *report.Head, r *report.Record) error {
	cells := []string{
		placeText(p), h.OrgName, h.Email, h.ReportID, reportTime(h.Begin), reportTime(h.End), h.Policy.Domain, h.Policy.P, h.Policy.SP, h.Policy.NP, h.Policy.Testing,
		sourceText(r), strconv.FormatInt(r.Count, 10), string(r.Disposition), passWord(r.DKIMAligned), passWord(r.SPFAligned),
		r.HeaderFrom, r.EnvelopeFrom, r.EnvelopeTo, strings.Join(dkimTexts(r), "; "), strings.Join(spfTexts(r), "; "), strings.Join(reasonTexts(r), "; "),
	}
	return writeCells(c.w, cells)
}

// End implements [received.Sink].
func (c *reportCSV) End(*received.Report) error {
	c.w.Flush()
	return c.w.Error()
}

func reportTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
