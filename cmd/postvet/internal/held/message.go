package held

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// Message is a message that was held.
type Message struct {
	Node  string           `json:"node,omitempty"`
	Queue string           `json:"queue"`
	Ref   result.Reference `json:"ref"`
	At    time.Time        `json:"at"`
	// AgeSeconds is the time since At.
	AgeSeconds int64  `json:"age_seconds"`
	Author     string `json:"author"`
	// From and To are what the journal keeps of the addresses; a domain alone begins
	// with "@". Recipients is their number.
	From       string   `json:"from"`
	To         []string `json:"rcpt"`
	Recipients int      `json:"rcpts"`
	Rule       string   `json:"rule"`
	// Judgement is what evidence led to and the names of what was found, "" if the
	// message was held for another reason. Why says it in sentences.
	Judgement string   `json:"judgement,omitempty"`
	Why       []string `json:"why"`
	// MTA is the MTA that holds it. State is "held" if that was asked, "" otherwise.
	MTA   MTA    `json:"mta"`
	State string `json:"state,omitempty"`
	Commands
}

// StillHeld is the state of a message that the MTA holds at present.
const StillHeld = "held"

// Was reports whether a row is about a message that the MTA was told to hold. Others with
// the same action were only monitored, or their MTA left before the verdict.
func Was(r *rows.Row) bool {
	return r.Verdict.Action == result.Quarantine && !r.Undelivered
}

// New returns the message of a row. m is its MTA, "" to tell it from the queue id.
func New(r *rows.Row, m MTA, now time.Time) Message {
	at := r.Ref.Time()
	msg := Message{
		Node: r.Node, Queue: r.Queue, Ref: r.Ref, At: at, AgeSeconds: int64(max(now.Sub(at), 0) / time.Second),
		Author: cmp.Or(r.Results.Author.Domain, r.Results.Author.Problem), From: Address(r.Results.MailFrom), To: []string{}, Recipients: r.Recipients,
		Rule: r.Verdict.Rule, Why: slices.Concat([]string{}, r.Verdict.Why), MTA: cmp.Or(m, MTAOf(r.Queue)),
	}
	if r.Verdict.Judgement != "" {
		msg.Judgement = judgement.Summary(r.Results.Evidence)
	}
	for _, to := range r.Results.Recipients {
		msg.To = append(msg.To, Address(to))
	}
	msg.Commands = CommandsFor(msg.MTA, []string{r.Queue})
	return msg
}

// Address returns an address as the journal keeps it: a domain alone begins with "@".
func Address(s string) string {
	return strings.TrimPrefix(s, strings.TrimSuffix(rows.NoLocalPart, "@"))
}

// Group is the held messages of one author domain on one node.
type Group struct {
	Node   string `json:"node,omitempty"`
	Author string `json:"author"`
	// Messages are the newest first.
	Messages []Message `json:"messages"`
	Commands
}

// Groups returns messages by author domain, the domain with the most first. The order of
// the messages of a domain stays.
func Groups(all []Message) []Group {
	groups := []Group{}
	index := map[[2]string]int{}
	for _, m := range all {
		key := [2]string{m.Node, m.Author}
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, Group{Node: m.Node, Author: m.Author})
		}
		groups[i].Messages = append(groups[i].Messages, m)
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(len(b.Messages)-len(a.Messages), strings.Compare(a.Author, b.Author), strings.Compare(a.Node, b.Node))
	})
	for i := range groups {
		groups[i].Commands = commandsOf(groups[i].Messages)
	}
	return groups
}

// commandsOf returns the commands for all messages of a group.
func commandsOf(all []Message) Commands {
	out := Commands{Release: []string{}, Delete: []string{}}
	for _, m := range []MTA{Postfix, Sendmail} {
		var ids []string
		for i := range all {
			if all[i].MTA == m {
				ids = append(ids, all[i].Queue)
			}
		}
		c := CommandsFor(m, ids)
		out.Release = append(out.Release, c.Release...)
		out.Delete = append(out.Delete, c.Delete...)
	}
	return out
}
