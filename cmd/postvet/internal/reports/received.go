package reports

import (
	"time"

	"github.com/postvet/postvet/policy/deviation"
)

// Received is a report that another receiver sent to us, as it is kept. Its texts are
// foreign.
type Received struct {
	// ID identifies it in the store.
	ID   int64
	Kind ReceivedKind
	// Key identifies it by what it says of itself: reporter, domain, id and period.
	// Content identifies what it says. The same key with another content is another
	// report.
	Key, Content [32]byte

	Reporter string // the organization, of a failure report the program
	Email    string
	// Domain is what it is about: the policy domain, the domain that was reported, or the
	// first policy's of a TLS report.
	Domain   string
	ReportID string
	Begin    time.Time
	End      time.Time
	// Messages is how many messages it is about, Passed how many of them passed DMARC. Of
	// a TLS report these are sessions, and those that were as the policies demand.
	Messages int64
	Passed   int64
	Records  int
	// Head is the JSON of an aggregate report without its records, and Document what the
	// report says, compressed with gzip: the records, one JSON object a line, or the JSON
	// of the whole report. Lists may leave both out.
	Head     []byte
	Document []byte
	// Findings are how it differs from its standard.
	Findings deviation.List

	// Arrived is when it came first, and Last when it came last; Copies is how often.
	Arrived time.Time
	Last    time.Time
	Copies  int
	// Place is where it came from: the queue id of a message, or the name of a file.
	Place string
	// From, Subject and MessageID are of the message that it came in, "" without one.
	From, Subject, MessageID string
	// Author is the author's domain of that message by DMARC, and Result the result of
	// DMARC; both are "" of a report that was read from a file.
	Author string
	Result string
	// Conflicts is true if there is another report with its key.
	Conflicts bool
}

// ReceivedKind is a kind of report that others send.
type ReceivedKind string

// The kinds.
const (
	ReceivedAggregate ReceivedKind = "aggregate" // RFC 9990, RFC 7489
	ReceivedFailure   ReceivedKind = "failure"   // RFC 9991, RFC 6591
	ReceivedTLS       ReceivedKind = "tls"       // RFC 8460
)

// ResultExempt is the result of mail that was not checked by DMARC.
const ResultExempt = "exempt"

// Trusted reports whether somebody vouches for the report: DMARC proves the domain that
// sent it, or the administrator chose the file that it was read from.
func (r *Received) Trusted() bool { return r.Result == "pass" || r.Result == "" }

// maxAhead bounds how far a report may end after its arrival: the reporter's clock or time zone may
// be ahead of this machine's.
const maxAhead = 24 * time.Hour

// Premature reports whether the report tells of days that had not come when it arrived.
func (r *Received) Premature() bool { return r.End.Sub(r.Arrived) > maxAhead }

// Outcome is what became of a report that was to be kept.
type Outcome string

// The outcomes.
const (
	Kept        Outcome = "kept"
	Duplicate   Outcome = "duplicate"   // the same report came before
	Conflicting Outcome = "conflicting" // kept, beside another one with its key
)

// ReceivedFilter says which reports are wanted. Its zero value wants all.
type ReceivedFilter struct {
	// ID is that of one report; 0 for any.
	ID   int64
	Kind ReceivedKind
	// Domain is the domain that they are about, or one above or below it.
	Domain string
	// Since and Until bound the arrival; zero for no bound.
	Since, Until time.Time
	// Documents has Head and Document read too.
	Documents bool
	// Limit bounds their number, the newest first; 0 for all, in the order of arrival.
	Limit int
}
