// Package reports has the values that the store of reports and those who send, list and
// read reports share: messages counted for DMARC reports, reports that are ready to be
// sent, their deliveries, and the addresses that get none.
package reports

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reporting"
)

// Day is a day of UTC, counted from 1970-01-01.
type Day int32

// DayOf returns the day of a time.
func DayOf(t time.Time) Day { return Day(t.Unix() / int64(day/time.Second)) }

const day = 24 * time.Hour

// Begin returns the first second of the day, and End its last, as the period of a report
// has them.
func (d Day) Begin() time.Time { return time.Unix(int64(d)*int64(day/time.Second), 0).UTC() }

// End returns the last second of the day.
func (d Day) End() time.Time { return (d + 1).Begin().Add(-time.Second) }

func (d Day) String() string { return d.Begin().Format(time.DateOnly) }

// Counted is a number of messages of a day that fared alike.
type Counted struct {
	Day    Day
	Kind   reporting.Kind
	Policy reporting.Policy
	// Record has the number of messages in its Count.
	Record report.Record
}

// Subject is what one aggregate report is about: a policy that a domain published, on one
// day.
type Subject struct {
	// ID identifies the policy in the store.
	ID     int64
	Day    Day
	Policy reporting.Policy
	// Messages has the number of messages of each kind.
	Messages map[reporting.Kind]int64
	// LeftOut is the number of messages for which there was no room.
	LeftOut int64
	// Why says why there is no report; "" if there is one, or may be.
	Why string
	// DaysSeen is on how many of the 30 days before its end a message of the domain
	// passed DMARC or failed it.
	DaysSeen int
	// Passed is true if any message of the domain passed DMARC in that time.
	Passed bool
}

// Kind is the kind of a report that is sent.
type Kind string

// The kinds of reports.
const (
	Aggregate Kind = "aggregate" // RFC 9990
	Failure   Kind = "failure"   // RFC 9991
)

// Report is a report as it is sent. It never changes.
type Report struct {
	// ID is the Report-ID of an aggregate report, and a part of each message's
	// Message-ID: 32 hexadecimal digits.
	ID   string
	Kind Kind
	// Domain is the policy domain.
	Domain string
	Begin  time.Time
	End    time.Time
	// Submitter is the domain that sends it.
	Submitter string
	Created   time.Time
	Records   int
	Messages  int64
	// Document is the XML of an aggregate report, compressed with gzip; of a failure
	// report the entity that a message carries, which begins with its Content-Type. It may
	// be left out of lists.
	Document []byte
}

// NewID returns an ID for a report.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// State is the state of a delivery.
type State string

// The states of a delivery. Those from Done on are final.
const (
	New        State = "new"
	Sending    State = "sending"    // claimed by a process, until its deadline
	Deferred   State = "deferred"   // tried, and to be tried again
	Queued     State = "queued"     // the MTA has taken it; a bounce may come
	Done       State = "done"       // no bounce came
	Bounced    State = "bounced"    // a bounce came, or the MTA refused it for good
	Expired    State = "expired"    // it was tried for too long
	Suppressed State = "suppressed" // the address gets no reports
	Refused    State = "refused"    // the destination does not consent (RFC 9990 section 4)
	Withdrawn  State = "withdrawn"  // the domain no longer asks for it
)

// States returns all states.
func States() []State {
	return []State{New, Sending, Deferred, Queued, Done, Bounced, Expired, Suppressed, Refused, Withdrawn}
}

// Final reports whether nothing more happens to a delivery.
func (s State) Final() bool {
	switch s {
	case New, Sending, Deferred, Queued:
		return false
	}
	return true
}

// Delivery is a report on its way to one address.
type Delivery struct {
	Report  string // its ID
	Address string
	// Token identifies the delivery in the address of its envelope sender: 16 letters
	// and digits in lower case.
	Token string
	State State
	// Attempts is how often it was handed to the MTA, or tried to be.
	Attempts int
	// Next is when it is tried next; of one in the state Sending, when its claim ends.
	Next time.Time
	// Claim identifies the claim of a delivery in the state Sending.
	Claim string
	// Code is the SMTP code of the last answer, Status the enhanced one, and Text is what
	// was said. Text is foreign.
	Code    int
	Status  string
	Text    string
	Changed time.Time
}

// Suppression says that an address gets no reports.
type Suppression struct {
	// Address is an address, or "@" and a domain for all its addresses.
	Address string
	// Until is when it ends; zero for never.
	Until time.Time
	// Reason is foreign text if By is "bounce" or "smtp".
	Reason string
	By     string // admin, smtp, bounce
	// Strikes is how often the address was suppressed without a success between.
	Strikes int
	Since   time.Time
}
