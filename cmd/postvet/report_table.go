package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
)

// reportTable writes reports for a person.
type reportTable struct {
	w      io.Writer
	screen layout.Screen
	all    bool

	begun   bool             // the head of the report was written
	top     []*report.Record // the records with the most messages
	records int
	err     error
}

// topRecords is how many records of a report are shown.
const topRecords = 20

// reportWidth is the width of tables where no terminal says another one.
const reportWidth = 80

func (t *reportTable) width() int { return max(t.screen.Width, reportWidth) }

func (t *reportTable) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// Record implements [received.Sink].
func (t *reportTable) Record(p received.Place, h *report.Head, r *report.Record) error {
	t.records++
	if t.all {
		if !t.begun {
			t.begun = true
			t.head(p, h)
			t.columns()
		}
		t.record(r)
		return t.err
	}
	at, _ := slices.BinarySearchFunc(t.top, r, func(a, b *report.Record) int { return cmp.Or(cmp.Compare(b.Count, a.Count), -1) })
	if at < topRecords {
		t.top = slices.Insert(t.top, at, r)
		t.top = t.top[:min(len(t.top), topRecords)]
	}
	return nil
}

// End implements [received.Sink].
func (t *reportTable) End(r *received.Report) error {
	begun, top, records := t.begun, t.top, t.records
	t.begun, t.top, t.records = false, nil, 0
	switch {
	case r.Err != nil && !begun:
		return nil // said elsewhere
	case r.Err != nil:
		t.printf("  it ends here: %s\n\n", foreign.Terminal(r.Err.Error(), 200))
		return t.err
	case r.Kind == received.Failure:
		t.failure(r)
	case r.Kind == received.TLS:
		t.tls(r)
	default:
		if !begun {
			t.head(r.Place, &r.Aggregate.Head)
		}
		if len(top) > 0 {
			t.columns()
			for _, rec := range top {
				t.record(rec)
			}
		}
		if hidden := records - len(top); !t.all && hidden > 0 {
			t.printf("  and %s; --all shows them\n", layout.Count(hidden, "further record"))
		}
		sum := layout.Count(r.Aggregate.Messages, "message") + " in " + layout.Count(r.Aggregate.Records, "record")
		if r.Deviations.Has(report.OldForm) {
			sum += ", in the form of RFC 7489"
		}
		t.line("", sum)
	}
	t.notes(r)
	t.printf("\n")
	return t.err
}

// line writes an indented line, wrapped.
func (t *reportTable) line(label, text string) {
	if label != "" {
		label += " "
	}
	t.printf("  %s\n", strings.Join(layout.Lines(label+foreign.Terminal(text, 2000), t.width()-2, 0), "\n    "))
}

// notes writes what was found about the report itself.
func (t *reportTable) notes(r *received.Report) {
	if r.DuplicateOf != nil {
		t.line("duplicate:", "the same report is in "+placeText(*r.DuplicateOf)+"; this one does not count")
	}
	if r.ConflictsWith != nil {
		t.line("conflict:", "another report with its id is in "+placeText(*r.ConflictsWith)+"; both count")
	}
	for _, d := range r.Deviations {
		if d.Name != report.OldForm { // most reports are; the sum says it
			t.line("finding:", d.Name+": "+d.String())
		}
	}
}

// head writes what an aggregate report is about.
func (t *reportTable) head(p received.Place, h *report.Head) {
	t.printf("%s\n", t.screen.Paint(layout.Bold, fit(cmp.Or(h.OrgName, h.Email, "unknown reporter"), t.width()-30)+"  "+periodText(h.Begin, h.End)))
	policy := cmp.Or(h.Policy.Domain, "unknown domain")
	for _, tag := range []struct{ name, value string }{{"p", h.Policy.P}, {"sp", h.Policy.SP}, {"np", h.Policy.NP}, {"pct", h.Policy.Percent}, {"adkim", h.Policy.ADKIM}, {"aspf", h.Policy.ASPF}} {
		if tag.value != "" {
			policy += " " + tag.name + "=" + tag.value
		}
	}
	if h.Policy.Testing == "y" {
		policy += " t=y"
	}
	t.line("", policy)
	if p.File != "" {
		t.line("", "in "+placeText(p))
	}
	for _, e := range h.Errors {
		t.line("error:", e)
	}
}

// periodText returns a period in UTC: a day, or its bounds.
func periodText(begin, end time.Time) string {
	switch {
	case begin.IsZero() || end.IsZero():
		return "unknown period"
	case begin.Equal(end):
		return begin.Format("2006-01-02 15:04")
	case begin.Equal(begin.Truncate(24*time.Hour)) && end.Sub(begin) <= 24*time.Hour && end.Sub(begin) >= 24*time.Hour-time.Second:
		return begin.Format(time.DateOnly)
	}
	return begin.Format("2006-01-02 15:04") + " to " + end.Format("2006-01-02 15:04")
}

const (
	recordForm  = "  %8s  %-24s  %-4s  %-4s  %-10s  %s\n"
	recordFixed = 64 // columns before the last
)

// columns writes the heads of columns.
func (t *reportTable) columns() {
	t.printf(recordForm, "messages", "source", "dkim", "spf", "done", "from")
}

// record writes a record; of one that failed, or of all, also what it is made of.
func (t *reportTable) record(r *report.Record) {
	style := layout.Style("")
	if !r.Passed() {
		style = layout.Yellow
	}
	line := fmt.Sprintf(recordForm, strconv.FormatInt(r.Count, 10), fit(sourceText(r), 24), passWord(r.DKIMAligned), passWord(r.SPFAligned), r.Disposition, fit(r.HeaderFrom, t.width()-recordFixed))
	t.printf("%s\n", t.screen.Paint(style, strings.TrimRight(line, " \n")))
	if r.Passed() && len(r.Reasons) == 0 && !t.all {
		return
	}
	more := slices.Concat(dkimTexts(r), spfTexts(r), reasonTexts(r))
	if r.HasEnvelopeFrom {
		more = append(more, "mail from "+cmp.Or(r.EnvelopeFrom, "<>"))
	}
	if len(more) > 0 {
		text := foreign.Terminal(strings.Join(more, "; "), 1000)
		t.printf("            %s\n", strings.Join(layout.Lines(text, t.width()-12, 0), "\n            "))
	}
}

// passWord returns "pass" or "fail".
func passWord(pass bool) string {
	if pass {
		return "pass"
	}
	return "fail"
}

// sourceText returns the address of a record, or what stands for it.
func sourceText(r *report.Record) string {
	if r.Source.IsValid() {
		return r.Source.String()
	}
	return cmp.Or(r.SourceText, "unknown")
}

func dkimTexts(r *report.Record) []string {
	var all []string
	for _, d := range r.DKIM {
		text := "dkim " + d.Result + " " + d.Domain
		if d.Selector != "" {
			text += "/" + d.Selector
		}
		all = append(all, text)
	}
	return all
}

func spfTexts(r *report.Record) []string {
	var all []string
	for _, s := range r.SPF {
		text := "spf " + s.Result + " " + s.Domain
		if s.Scope == "helo" {
			text += " (HELO)"
		}
		all = append(all, text)
	}
	return all
}

func reasonTexts(r *report.Record) []string {
	var all []string
	for _, reason := range r.Reasons {
		text := string(reason.Type)
		if reason.Comment != "" {
			text += " (" + reason.Comment + ")"
		}
		all = append(all, text)
	}
	return all
}

// failure writes a failure report.
func (t *reportTable) failure(r *received.Report) {
	f := r.Failure
	domain := f.Author
	if len(f.ReportedDomain) > 0 {
		domain = f.ReportedDomain[0]
	}
	when := "unknown time"
	if !f.Arrival.IsZero() {
		when = f.Arrival.Format("2006-01-02 15:04:05") + " UTC"
	}
	t.printf("%s\n", t.screen.Paint(layout.Bold, "failure of "+fit(cmp.Or(domain, "unknown domain"), t.width()-40)+"  "+when))
	from := cmp.Or(f.SourceText, "unknown")
	if f.Source.IsValid() {
		from = f.Source.String()
	}
	text := layout.Count(f.Incidents, "message") + " from " + from
	for _, part := range []string{f.Methods(), f.DeliveryResult, given("mail from %s", f.OriginalMailFrom), given("signed as %s", f.DKIMDomain)} {
		if part != "" {
			text += ", " + part
		}
	}
	t.line("", text)
	t.line("", "in "+placeText(r.Place))
	for _, part := range []struct{ label, text string }{{"From:", f.From}, {"Subject:", f.Subject}, {"Message-ID:", f.MessageID}} {
		if part.text != "" {
			t.line(part.label, part.text)
		}
	}
	for _, text := range f.AuthenticationResults {
		t.line("results:", text)
	}
}

// tls writes a TLS report.
func (t *reportTable) tls(r *received.Report) {
	t.printf("%s\n", t.screen.Paint(layout.Bold, "TLS, "+fit(cmp.Or(r.TLS.Organization, "unknown reporter"), t.width()-40)+"  "+periodText(r.TLS.Begin, r.TLS.End)))
	t.line("", "in "+placeText(r.Place))
	for _, p := range r.TLS.Policies {
		t.line("", fmt.Sprintf("%s (%s): %s as they should be, %d not", cmp.Or(p.Domain, "unknown domain"), cmp.Or(p.Type, "unknown policy"), layout.Count(p.Successful, "session"), p.Failed))
		for i, f := range p.Failures {
			if i == topRecords && !t.all {
				t.line("", fmt.Sprintf("  and %s; --all shows them", layout.Count(len(p.Failures)-i, "further failure")))
				break
			}
			t.line("", fmt.Sprintf("  %d %s at %s from %s %s", f.Sessions, f.Result, cmp.Or(f.ReceivingMX, f.ReceivingIP, "unknown MX"), cmp.Or(f.SendingMTA, "unknown MTA"), f.Code))
		}
	}
}
