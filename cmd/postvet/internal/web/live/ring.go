// Package live keeps the last messages for people who watch mail come in, and passes new
// ones on to them.
//
// The mail path adds a message to a [Ring], which costs a lock and a copy and never waits
// for a reader. A [Feed] renders each message once for all its viewers, who get the same
// octets. A viewer who is slow is dropped.
package live

import (
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/policy/result"
)

// Size is how many messages a Ring keeps.
const Size = 200

// maxText bounds each text of a message, in octets.
const maxText = 80

// Message has the facts about a message that people who watch see.
type Message struct {
	Ref result.Reference `json:"ref"`
	At  time.Time        `json:"at"`
	// From and To are MAIL FROM and the first recipient, a domain alone begins with "@".
	// More is the number of further recipients.
	From string `json:"from"`
	To   string `json:"to"`
	More int    `json:"more_recipients"`
	// Author is the author's domain, "" if there is none.
	Author string `json:"author"`
	// Action was taken, and Would is the one that monitoring prevented, "" for none. Reason
	// is why in a few words.
	Action result.Action `json:"action"`
	Would  result.Action `json:"would"`
	Reason string        `json:"reason"`
}

// Text returns a copy of the beginning of a text, as a Message keeps it.
func Text(s string) string { return strings.Clone(s[:min(len(s), maxText)]) }

// Ring keeps the last messages. It is safe for concurrent use, and its zero value is empty.
type Ring struct {
	mu  sync.Mutex
	all [Size]Message
	// next is the number of the next message. Numbers begin with 1.
	next uint64
}

// Add adds a message. Its texts are those that [Text] returns.
func (r *Ring) Add(m *Message) {
	r.mu.Lock()
	r.all[r.next%Size] = *m
	r.next++
	r.mu.Unlock()
}

// After returns the messages behind a number, the oldest first, and the number of the last
// one. Missed is how many of them are not kept any more.
func (r *Ring) After(number uint64) (all []Message, last, missed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last = r.next
	first := number
	if last > Size {
		first = max(first, last-Size)
	}
	if number > last { // of another process
		first, number = last-min(last, Size), 0
	}
	for i := first; i < last; i++ {
		all = append(all, r.all[i%Size])
	}
	return all, last, first - min(first, number)
}
