// Package received reads the reports of other receivers from files: XML, JSON, gzip and
// zip, messages, mailboxes and folders of all of these, each file by itself. It knows
// reports that come twice.
package received

import (
	"crypto/sha256"

	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
	"github.com/postvet/postvet/policy/tlsrpt"
)

// Place is where a report lies.
type Place struct {
	File string `json:"file"`
	// Message is the number of the message in a mailbox with several; 0 for others.
	Message int `json:"message,omitempty"`
	// Where is the place in the file: "part 2, gzip".
	Where string `json:"where,omitempty"`
}

// Kind is a kind of report.
type Kind string

// The kinds.
const (
	Aggregate Kind = "aggregate"
	Failure   Kind = "failure"
	TLS       Kind = "tls"
)

// Report is one report, or what could not be read.
type Report struct {
	Place Place
	Kind  Kind // "" if that is not known
	Mail  *reportmail.Mail
	// One of these is set; none if Err is.
	Aggregate *report.Reading
	Failure   *report.Failure
	TLS       *tlsrpt.Report
	// Key identifies the report by what it says of itself, and Content what it says.
	Key     string
	Content [sha256.Size]byte
	// Deviations are those of the report and of the way to it.
	Deviations deviation.List
	// DuplicateOf is the place of the same report if it came before.
	DuplicateOf *Place
	// ConflictsWith is the place of another report of the same reporter, domain, id and
	// period with other content. Both count.
	ConflictsWith *Place
	// Err says why it could not be read. Records that were passed on before do not count.
	Err error
}

// Sink takes reports as they are read.
type Sink interface {
	// Record takes a record of an aggregate report. The report itself comes to End after
	// its records. Those of a duplicate do not come.
	Record(p Place, h *report.Head, r *report.Record) error
	End(r *Report) error
}
