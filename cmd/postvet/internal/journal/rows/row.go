package rows

import (
	"net/netip"
	"time"

	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// Row has the facts about one message.
type Row struct {
	// Ref identifies the row. It has the time of the verdict.
	Ref result.Reference `json:"ref"`
	// Node is the node of the message in a database of several; "" for this one.
	Node string `json:"node,omitempty"`
	// Queue is the queue id of the MTA; "" if the message was refused before it had
	// one.
	Queue string `json:"queue"`
	// MessageID is the Message-ID as it is looked up. It is read back only if addresses
	// are kept.
	MessageID string `json:"message_id"`
	// Host is the host that connected. It is not read back if Results knows the client.
	Host netip.Addr `json:"-"`
	// Recipients is the number of recipients.
	Recipients int `json:"rcpts"`
	// Early is true if the message was refused before it was sent, and Undelivered if
	// the MTA left before the verdict.
	Early       bool `json:"early"`
	Undelivered bool `json:"undelivered"`
	// Took is the time from the message's end to the verdict.
	Took time.Duration `json:"took_ns"`
	// Generation identifies the rules that decided, see [Generation].
	Generation int64 `json:"generation"`
	// Faults are internal errors beside those of Results and Verdict.
	Faults []string `json:"faults"`

	// Cut is true if facts by which rules may decide were too long or too many to be kept
	// whole, and CutRecipients if some recipients are missing.
	Cut           bool `json:"-"`
	CutRecipients bool `json:"-"`

	Results *result.Results `json:"results"`
	Verdict *result.Verdict `json:"verdict"`
	// Monitored is that of Verdict, which its JSON leaves out.
	Monitored bool `json:"monitored"`
	// ShadowAction and ShadowRule are those of the shadow policy if its verdict
	// differs; "" otherwise.
	ShadowAction result.Action `json:"shadow_action,omitempty"`
	ShadowRule   string        `json:"shadow_rule,omitempty"`
}

// Class says how long a row is kept, and how it is indexed.
type Class uint8

// The classes. Accepted is mail that was accepted as the rules have it. All other mail
// is Rest: refused, deferred, held, redirected, discarded, accepted only because it is
// monitored, or with a fault.
const (
	Accepted Class = iota
	Rest
	Classes = 2
)

// String returns the class in the names of files and metrics.
func (c Class) String() string {
	if c == Accepted {
		return "accepted"
	}
	return "rest"
}

// Class returns the class of a row.
func (r *Row) Class() Class {
	v := r.Verdict
	if v.Action == result.Accept && v.Would() == "" && len(v.Faults) == 0 && len(r.Faults) == 0 && len(r.Results.Faults) == 0 && !r.Undelivered {
		return Accepted
	}
	return Rest
}

// Explain sets the sentences of a verdict that was read back: its Why, and the texts of
// its hints.
func (r *Row) Explain() {
	told := r.Verdict.Text
	r.Verdict.Text = r.Verdict.Sentence
	v := explain.Verdict("", r.Results, *r.Verdict)
	r.Verdict.Why, r.Verdict.Hints, r.Verdict.Text = v.Why, v.Hints, told
	if r.Early {
		r.Verdict.Why = append(r.Verdict.Why, explain.RefusedEarly)
	}
}

// Level says how much of the addresses of a message is kept.
type Level string

// The levels. Each keeps what the one before does, and more.
const (
	// Off keeps nothing.
	Off Level = "off"
	// Counts keeps no rows. Messages are only counted.
	Counts Level = "counts"
	// Domains keeps domains, the client, and the queue id.
	Domains Level = "domains"
	// Hashed also keeps keyed hashes of MAIL FROM, the recipients and the Message-ID, by
	// which a known address can be found.
	Hashed Level = "hashed"
	// Addresses also keeps MAIL FROM, the recipients, the author's address, the login
	// and the Message-ID.
	Addresses Level = "addresses"
)

// KeepsRows reports whether a level keeps rows.
func (l Level) KeepsRows() bool { return l == Domains || l == Hashed || l == Addresses }

// Generation is a set of rules that was in force.
type Generation struct {
	// ID is a hash of Text.
	ID    int64     `json:"id"`
	Since time.Time `json:"since"`
	// Text is the configuration without secrets, as "postvet config show" prints it.
	Text string `json:"text"`
}
