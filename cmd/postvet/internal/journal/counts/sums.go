package counts

import "time"

// Kind is what a name is the name of.
type Kind uint8

// The kinds.
const (
	// Domain is the organization of the author.
	Domain Kind = iota
	// Client is the network of the client, of 256 IPv4 addresses or a /48 of IPv6.
	Client
	// Hint is the likeliest cause of a failure, and Rule the rule that decided.
	Hint
	Rule
	Kinds = 4
)

var kinds = [Kinds]string{Domain: "domain", Client: "client", Hint: "hint", Rule: "rule"}

// String returns the kind as the files have it.
func (k Kind) String() string { return kinds[k] }

// Names that stand for others.
const (
	// Other stands for all names beyond the bound, and None for a message that has
	// none.
	Other = "(other)"
	None  = "(none)"
)

// MaxNames bounds the names of a kind in an hour, and in a day.
const MaxNames = 20_000

// Field is a number that is kept of each name.
type Field uint8

// The fields. All count messages. A further one also needs a column in package postgres.
const (
	All    Field = iota
	Passed       // DMARC
	Failed
	NoPolicy
	Undecided // temperror or permerror
	Rejected  // what was done; all others were accepted
	Quarantined
	Deferred
	Redirected
	Discarded
	Would      // would have been refused, held or deferred, but are only monitored
	Shadow     // the shadow policy would have done so, and the one in force accepted them
	Spared     // Would or Shadow
	Overridden // an exception from what the author's domain asks for
	Forwarded  // look forwarded: SPF or DMARC fails in the way that forwarding causes
	Broken     // of these, DMARC fails
	Fields
)

var fields = [Fields]string{
	"n", "passed", "failed", "no_policy", "undecided", "rejected", "quarantined", "deferred", "redirected", "discarded",
	"would", "shadow", "spared", "overridden", "forwarded", "broken",
}

// String returns the name of the field's column.
func (f Field) String() string { return fields[f] }

// Sums are the numbers of a name.
type Sums [Fields]int64

// Add adds other sums.
func (s *Sums) Add(other *Sums) {
	for f, n := range other {
		s[f] += n
	}
}

// Facts are what is counted together of mail that failed DMARC or was not plainly accepted.
type Facts struct {
	Org, DMARC, Action, Would, Override, Hint, Rule string
}

// HourOf returns the beginning of the hour of a time.
func HourOf(at time.Time) time.Time { return at.UTC().Truncate(time.Hour) }
