package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
)

// reportsIn are the reports of others: what do they say of us?
type reportsIn struct {
	Sentence string        `json:"sentence"`
	Domain   string        `json:"domain,omitempty"`
	Kinds    []option      `json:"kinds"`
	Kind     string        `json:"kind"`
	Lines    []receivedRow `json:"reports"`
	// Unproven are those whose mail did not pass DMARC.
	Unproven int      `json:"unproven"`
	Notes    []string `json:"notes"`
}

// receivedRow is a report of another receiver.
type receivedRow struct {
	ID       int64                `json:"id"`
	Kind     reports.ReceivedKind `json:"kind"`
	Reporter string               `json:"reporter"`
	Domain   string               `json:"domain"`
	Begin    time.Time            `json:"begin,omitzero"`
	End      time.Time            `json:"end,omitzero"`
	Messages int64                `json:"messages"`
	Passed   int64                `json:"passed"`
	Arrived  time.Time            `json:"arrived"`
	// Trusted is true if somebody vouches for it: DMARC, or you, who read it from a file.
	Trusted   bool   `json:"trusted"`
	Author    string `json:"author"`
	Result    string `json:"dmarc"`
	Copies    int    `json:"copies"`
	Conflicts bool   `json:"conflicts"`
	Findings  int    `json:"findings"`
}

// maxReports bounds a list of reports, and maxReportRecords the records of one.
const (
	maxReports       = 100
	maxReportRecords = 100
)

func (h *Handler) reportsIn(q *request) (any, error) {
	q, cancel := q.bounded(q.left())
	defer cancel()
	p := &reportsIn{Lines: []receivedRow{}, Notes: []string{}}
	p.Kind, p.Kinds = options(q.get("kind"), option{Title: "all"}, option{Word: "aggregate", Title: "aggregate"}, option{Word: "failure", Title: "failure"}, option{Word: "tls", Title: "TLS"})
	f := reports.ReceivedFilter{Kind: reports.ReceivedKind(p.Kind), Limit: maxReports + 1}
	if d := q.get("domain"); d != "" {
		domain, ok := message.NormalizeDomain(d)
		if !ok {
			return nil, &problem{Status: http.StatusBadRequest, Title: "This is no domain name", Text: "Write one such as example.org."}
		}
		f.Domain, p.Domain = domain, domain
	}
	store, err := h.reportStore(q)
	if err != nil {
		return nil, err
	}
	var messages, passed int64
	err = store.Received(q.ctx, f, func(r *reports.Received) error {
		if len(p.Lines) == maxReports {
			p.Notes = append(p.Notes, fmt.Sprintf("These are the newest %d; \"postvet report received --limit 0\" lists all.", maxReports))
			return nil
		}
		row := rowOf(r)
		if !row.Trusted {
			p.Unproven++
		} else if r.Kind == reports.ReceivedAggregate {
			messages, passed = messages+r.Messages, passed+r.Passed
		}
		p.Lines = append(p.Lines, row)
		return nil
	})
	if err != nil {
		return nil, h.unreadableReports(q, err)
	}
	p.Sentence = p.sentence(messages, passed)
	return p, nil
}

func rowOf(r *reports.Received) receivedRow {
	return receivedRow{
		ID: r.ID, Kind: r.Kind, Reporter: r.Reporter, Domain: r.Domain, Begin: r.Begin, End: r.End, Messages: r.Messages, Passed: r.Passed, Arrived: r.Arrived,
		Trusted: r.Trusted(), Author: r.Author, Result: r.Result, Copies: r.Copies, Conflicts: r.Conflicts, Findings: len(r.Findings),
	}
}

func (p *reportsIn) sentence(messages, passed int64) string {
	about := ""
	if p.Domain != "" {
		about = " about " + p.Domain
	}
	switch n := len(p.Lines); {
	case n == 0:
		return "No report of others" + about + " has come."
	case messages == 0:
		return fmt.Sprintf("%s%s came, none of which counts messages that somebody vouches for.", layout.Count(n, "report"), about)
	default:
		text := fmt.Sprintf("By the newest %s of others%s, %s of %s in your name passed DMARC (%s).", layout.Count(n, "report"), about, plain(passed), layout.Count(messages, "message"), share(passed, messages))
		if p.Unproven > 0 {
			text += fmt.Sprintf(" %s did not prove where it comes from, and does not count.", layout.Count(p.Unproven, "report"))
		}
		return text
	}
}

// reportIn is one report of another receiver.
type reportIn struct {
	receivedRow
	Sentence  string         `json:"sentence"`
	Email     string         `json:"email"`
	ReportID  string         `json:"report_id"`
	Place     string         `json:"place"`
	From      string         `json:"from"`
	MessageID string         `json:"message_id"`
	Policy    *report.Policy `json:"policy,omitempty"`
	Records   []recordLine   `json:"records"`
	// More is how many records are not shown.
	More int `json:"more"`
	// Deviations are how it differs from its standard.
	Deviations []string `json:"deviations"`
	// Text is a report of another kind as it is kept, in parts.
	Text string `json:"text,omitempty"`
}

// recordLine is a record of an aggregate report.
type recordLine struct {
	Source      string `json:"source_ip"`
	Count       int64  `json:"messages"`
	Passed      bool   `json:"passed"`
	DKIM        bool   `json:"dkim_aligned"`
	SPF         bool   `json:"spf_aligned"`
	Disposition string `json:"disposition"`
	HeaderFrom  string `json:"header_from"`
}

// errEnough ends the reading of a report.
var errEnough = errors.New("enough records")

func (h *Handler) reportIn(q *request) (any, error) {
	q, cancel := q.bounded(q.left())
	defer cancel()
	id, err := strconv.ParseInt(q.segment("id"), 10, 64)
	if err != nil || id <= 0 {
		return nil, noSuchReport
	}
	store, err := h.reportStore(q)
	if err != nil {
		return nil, err
	}
	var kept *reports.Received
	err = store.Received(q.ctx, reports.ReceivedFilter{ID: id, Documents: true, Limit: 1}, func(r *reports.Received) error {
		kept = r
		return nil
	})
	switch {
	case err != nil:
		return nil, h.unreadableReports(q, err)
	case kept == nil:
		return nil, noSuchReport
	}
	p := &reportIn{receivedRow: rowOf(kept), Email: kept.Email, ReportID: kept.ReportID, Place: kept.Place, From: kept.From, MessageID: kept.MessageID, Records: []recordLine{}, Deviations: []string{}}
	for _, d := range kept.Findings {
		p.Deviations = append(p.Deviations, d.String())
	}
	p.Deviations = p.Deviations[:min(len(p.Deviations), maxFindings)]
	_ = received.Replay(kept, reportInSink{p}) // what it could not read, End has noted
	p.More = max(0, kept.Records-len(p.Records))
	p.Sentence = sentenceOf(kept)
	return p, nil
}

// sentenceOf says what a report says.
func sentenceOf(r *reports.Received) string {
	who := cmp.Or(r.Reporter, "Somebody")
	switch r.Kind {
	case reports.ReceivedTLS:
		return fmt.Sprintf("%s reported about %s to %s, of which %s were as your policies demand.", who, layout.Count(r.Messages, "session"), r.Domain, plain(r.Passed))
	case reports.ReceivedFailure:
		return fmt.Sprintf("%s reported one message in the name of %s that failed.", who, r.Domain)
	}
	return fmt.Sprintf("%s reported about %s: %s passed DMARC (%s).", who, layout.Count(r.Messages, "message"), plain(r.Passed), share(r.Passed, r.Messages))
}

var noSuchReport = &problem{Status: http.StatusNotFound, Title: "There is no such report", Text: "It is older than reports are kept (report.retention), or the address is mistyped."}

// reportInSink takes what a report says.
type reportInSink struct{ p *reportIn }

// Record implements [received.Sink].
func (s reportInSink) Record(_ received.Place, head *report.Head, r *report.Record) error {
	p := s.p
	if p.Policy == nil {
		policy := head.Policy
		p.Policy = &policy
	}
	if len(p.Records) == maxReportRecords {
		return errEnough
	}
	source := r.SourceText
	if r.Source.IsValid() {
		source = r.Source.String()
	}
	p.Records = append(p.Records, recordLine{source, r.Count, r.Passed(), r.DKIMAligned, r.SPFAligned, string(r.Disposition), r.HeaderFrom})
	return nil
}

// End implements [received.Sink].
func (s reportInSink) End(r *received.Report) error {
	switch p := s.p; {
	case r.Err != nil:
		p.Text = "The copy in the store cannot be read: " + r.Err.Error()
	case r.Failure != nil:
		p.Text = indented(r.Failure)
	case r.TLS != nil:
		p.Text = indented(r.TLS)
	}
	return nil
}
