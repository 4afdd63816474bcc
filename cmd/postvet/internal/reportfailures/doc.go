// Package reportfailures makes failure reports (RFC 9991) of messages as they are judged.
//
// [Gatherer.Add] takes what may be told of a message, redacted, and counts further ones that
// are alike: a report is made once, and says in Incidents for how many messages it stands
// (section 8.1). After a while the record of the domain is looked up again with the consent
// of its addresses, and the report goes into the outbox, from where it is sent as others
// are. While an address has had as many reports as it may get, failures go on being counted.
//
// Everything is bounded: what is open at one time, for all domains and for one; how long; and
// how many reports an address gets an hour and all get a minute. [Gatherer.Close] puts what is
// open into the outbox. What is in memory is lost if the service is killed: the aim is to tell
// of kinds of failures, not of each one.
package reportfailures

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

// Settings are what an administrator chooses. They do not change.
type Settings struct {
	Send reportsending.Send
	// Known and Excluded report whether a domain is in a list.
	Known, Excluded func(domain string) bool
	// Own reports whether a domain is ours, or that of our reports.
	Own func(domain string) bool
	// Submitter is the sender, and Contact the address for questions.
	Submitter, Contact string
	// PerDestination is how many reports an address gets an hour, and Rate how many all get
	// a minute.
	PerDestination, Rate int
	// Subject has the Subject of messages told.
	Subject bool
	// Program and Host are what reports name as their makers.
	Program, Host string
}

// Store is the outbox, a [reportstore.Store].
type Store interface {
	Enqueue(ctx context.Context, r *reports.Report, due time.Time, addresses ...string) (bool, error)
	Deliveries(ctx context.Context, q reportstore.Query) ([]reportstore.Sent, error)
	Reports(ctx context.Context, q reportstore.Query) ([]reports.Report, error)
	Subjects(ctx context.Context, q reportstore.SubjectQuery) ([]reports.Subject, error)
}

// The bounds of what is open.
const (
	maxOpen    = 500
	maxOfOne   = 10 // of one policy domain
	foldTime   = 10 * time.Minute
	longest    = 24 * time.Hour // then it is too late
	retryAfter = 5 * time.Minute
	keyTime    = 30 * 24 * time.Hour
	stepEvery  = 5 * time.Second
)

// Why says why failures are told in no report although the domain asks for one.
type Why string

// The reasons.
const (
	WhyExcluded  Why = "excluded"   // the administrator excludes the domain
	WhyNotListed Why = "not-listed" // the administrator does not list it
	WhyUnknown   Why = "unknown"    // it was not seen on two days
	WhyFull      Why = "full"       // too many failures of too many kinds
	WhyAddress   Why = "no-address" // no address takes it
	WhyTooLate   Why = "too-late"   // its addresses had others for too long
	WhyInvalid   Why = "invalid"    // no valid report can be made
	WhyStopped   Why = "stopped"    // the service, or failure reports, ended before it was made
)

// Whys returns all reasons.
func Whys() []Why {
	return []Why{WhyExcluded, WhyNotListed, WhyUnknown, WhyFull, WhyAddress, WhyTooLate, WhyInvalid, WhyStopped}
}
