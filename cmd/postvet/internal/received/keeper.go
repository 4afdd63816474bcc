package received

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxKept bounds what is kept of a report, compressed. An honest one of a hundred
// thousand records has less than 1 MB.
const maxKept = 16 << 20

// ErrTooLargeToKeep is the error for a report that has more to say than is kept.
var ErrTooLargeToKeep = fmt.Errorf("it is read, and not kept: it has more than %d MB when compressed", maxKept>>20)

// Arrival is what is known of the message or file that reports came in.
type Arrival struct {
	At time.Time
	// Author and Result are the author's domain and the result of DMARC; "" for a file.
	Author, Result string
}

// Keeper is a [Sink] that passes reports on in the form in which they are kept. What could
// not be read is not passed on.
type Keeper struct {
	// Keep takes a report that was read. A duplicate that the reader knows has no
	// document.
	Keep func(*reports.Received, *Report) error
	// Arrival is that of the reports to come.
	Arrival Arrival

	records         *records
	messages, taken int64 // of the report that is being read
}

// records are the records of a report, as they are kept.
type records struct {
	buffer bytes.Buffer
	zip    *gzip.Writer
	json   *json.Encoder
	full   bool
}

func newRecords() *records {
	r := &records{}
	r.zip, _ = gzip.NewWriterLevel(&r.buffer, gzip.BestSpeed) // a level that there is
	r.json = json.NewEncoder(r.zip)
	r.json.SetEscapeHTML(false)
	return r
}

func (r *records) add(v any) error {
	if r.full {
		return nil
	}
	if r.full = r.buffer.Len() > maxKept; r.full {
		r.buffer = bytes.Buffer{}
		return nil
	}
	return r.json.Encode(v)
}

// end returns what was written.
func (r *records) end() ([]byte, error) {
	if err := r.zip.Close(); err != nil {
		return nil, err
	}
	if r.full || r.buffer.Len() > maxKept {
		return nil, ErrTooLargeToKeep
	}
	return r.buffer.Bytes(), nil
}

// Record implements [Sink].
func (k *Keeper) Record(_ Place, _ *report.Head, r *report.Record) error {
	if k.records == nil {
		k.records = newRecords()
	}
	k.messages += r.Count
	if r.Passed() {
		k.taken += r.Count
	}
	return k.records.add(r)
}

// End implements [Sink].
func (k *Keeper) End(r *Report) error {
	recs, messages, passed := k.records, k.messages, k.taken
	k.records, k.messages, k.taken = nil, 0, 0
	if r.Err != nil {
		return nil
	}
	compareReporter(&r.Deviations, r, k.Arrival.Author)
	kept := &reports.Received{
		Kind: reports.ReceivedKind(r.Kind), Key: sha256.Sum256([]byte(r.Key)), Content: r.Content,
		Findings: r.Deviations, Arrived: k.Arrival.At, Last: k.Arrival.At, Copies: 1, Place: r.Place.File,
		Author: k.Arrival.Author, Result: k.Arrival.Result,
	}
	if m := r.Mail; m != nil {
		kept.From, kept.Subject, kept.MessageID = text(m.From), text(m.Subject), text(m.MessageID)
	}
	var err error
	switch {
	case r.Aggregate != nil:
		h := &r.Aggregate.Head
		kept.Reporter, kept.Email, kept.ReportID, kept.Begin, kept.End = text(h.OrgName), text(h.Email), text(h.ReportID), h.Begin, h.End
		kept.Domain = domainOf(h.Policy.Domain)
		kept.Messages, kept.Passed, kept.Records = messages, passed, r.Aggregate.Records
		if recs == nil {
			recs = newRecords()
		}
		if kept.Head, err = json.Marshal(h); err != nil {
			return err
		}
	case r.Failure != nil:
		f := r.Failure
		kept.Reporter, kept.Messages = text(cmp.Or(f.ReportingMTA, f.UserAgent)), f.Incidents
		kept.Domain = domainOf(cmp.Or(strings.Join(f.ReportedDomain[:min(1, len(f.ReportedDomain))], ""), f.Author))
		kept.Begin, kept.End = f.Arrival, f.Arrival
		recs = newRecords()
		err = recs.add(f)
	case r.TLS != nil:
		t := r.TLS
		kept.Reporter, kept.Email, kept.ReportID, kept.Begin, kept.End = text(t.Organization), text(t.Contact), text(t.ID), t.Begin, t.End
		good, bad := t.Sessions()
		kept.Messages, kept.Passed, kept.Records = good+bad, good, len(t.Policies)
		if len(t.Policies) > 0 {
			kept.Domain = domainOf(t.Policies[0].Domain)
		}
		recs = newRecords()
		err = recs.add(t)
	default:
		return errors.New("a report of no kind")
	}
	if err != nil {
		return err
	}
	if kept.Document, err = recs.end(); err != nil {
		r.Err = err
	}
	if r.DuplicateOf != nil { // its records did not come
		kept.Document = nil
	}
	return k.Keep(kept, r)
}

// maxText bounds a text of a report in the columns of a store; the document has it whole.
const maxText = 400

func text(s string) string { return foreign.Cut(strings.ToValidUTF8(s, "\uFFFD"), maxText) }

// domainOf returns a domain as it is compared: in lower-case A-labels, if it is one.
func domainOf(s string) string {
	if name, ok := message.NormalizeDomain(s); ok {
		return name
	}
	return text(strings.ToLower(s))
}
