package web

import (
	"context"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// Overview tells how the service does.
type Overview interface {
	// Facts returns what the service knows of itself. It reads memory, and names and
	// beginnings of files, and asks nobody.
	Facts(ctx context.Context) Facts
}

// Facts are what the service knows of itself, from which the first page says whether all is
// well.
type Facts struct {
	Status  control.Status  `json:"status"`
	Journal control.Journal `json:"journal"`
	Policy  InForce         `json:"policy"`
	Held    Held            `json:"held"`
	// Sending is nil if no reports are sent, Counting if none are counted.
	Sending  *Sending  `json:"sending,omitempty"`
	Counting *Counting `json:"counting,omitempty"`
	// PatternsUnwritten is true if what is learned cannot be written at present.
	PatternsUnwritten bool `json:"patterns_unwritten"`
	// Disk is nil if the space of the journal's disk is not known.
	Disk *Disk `json:"disk,omitempty"`
	// Expired are the rules and entries whose end has passed, Ending those that end soon,
	// a line for each, with its place.
	Expired []string `json:"expired"`
	Ending  []string `json:"ending"`
	// OwnDomains are our own domains.
	OwnDomains []string `json:"own_domains"`
}

// InForce is what is done with mail, in words.
type InForce struct {
	// Monitors is true if nothing is refused, as mail is only monitored.
	Monitors bool `json:"monitors"`
	// Mode says whether verdicts are carried out.
	Mode string `json:"mode"`
	// Sentences say what is done, one for each setting that matters.
	Sentences []string `json:"sentences"`
}

// Held are the counts of held mail.
type Held struct {
	Today int `json:"today"`
	// PerDay and PerDomain are the caps, 0 for none. OverDay and OverDomain count mail that
	// was not held since the start, as a cap was reached.
	PerDay     int    `json:"per_day"`
	PerDomain  int    `json:"per_domain"`
	OverDay    uint64 `json:"over_day"`
	OverDomain uint64 `json:"over_domain"`
}

// Sending is how the sending of reports does.
type Sending struct {
	// Here is true while this node sends; of several, one does.
	Here bool `json:"here"`
	// Problem says what keeps reports from being sent, "" for nothing.
	Problem string `json:"problem,omitempty"`
	// Bounced and Expired are deliveries of this node since the start. Waiting is when the
	// oldest report was made that is not sent.
	Bounced int64     `json:"bounced"`
	Expired int64     `json:"expired"`
	Waiting time.Time `json:"waiting,omitzero"`
	Success time.Time `json:"success,omitzero"`
	// Suppressed is how many addresses get no reports at present.
	Suppressed int64 `json:"suppressed"`
}

// Counting is how the counting of messages for reports does.
type Counting struct {
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Dropped are the messages that no report will have.
	Dropped int64 `json:"dropped"`
}

// Disk is the space of a disk, in octets.
type Disk struct {
	Free  int64 `json:"free_bytes"`
	Total int64 `json:"total_bytes"`
	// Least is the share below which the journal removes its oldest days, in percent.
	Least int `json:"least_percent"`
}
