package web

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

// messageRow is a message in a list.
type messageRow struct {
	Ref result.Reference `json:"ref"`
	At  time.Time        `json:"at"`
	// Path is the page of its story.
	Path string `json:"path"`
	// From and To are what is kept of the addresses; a domain alone begins with "@". More is
	// the number of further recipients.
	From string `json:"from"`
	To   string `json:"to"`
	More int    `json:"more_recipients"`
	// Author is the author's domain, "" if there is none.
	Author string        `json:"author"`
	Action result.Action `json:"action"`
	// Done is the action as a word, and Would what monitoring prevented, "" for nothing.
	Done   string `json:"done"`
	Would  string `json:"would"`
	Reason string `json:"reason"`
	Client string `json:"client"`
	Queue  string `json:"queue"`
	Node   string `json:"node,omitempty"`
}

// newMessageRow returns the row of a message whose sentences are set.
func newMessageRow(r *rows.Row) messageRow {
	res, v := r.Results, r.Verdict
	m := messageRow{
		Ref: r.Ref, At: r.Ref.Time(), Path: storyPath(r.Ref, r.Node), From: sender(res), Author: res.Author.Domain,
		Action: v.Action, Done: explain.Done(v.Action), Reason: explain.Reason(res, v), Client: res.Client.IP, Queue: r.Queue, Node: r.Node,
	}
	if would := v.Would(); would != "" {
		m.Would = explain.Done(would)
	}
	if len(res.Recipients) > 0 {
		m.To = held.Address(res.Recipients[0])
		m.More = max(r.Recipients-1, 0)
	} else {
		m.More = r.Recipients
	}
	return m
}

// sender returns MAIL FROM as it is kept, "<>" for the null sender.
func sender(res *result.Results) string {
	if res.MailFrom == "" {
		return "<>"
	}
	return held.Address(res.MailFrom)
}

// storyPath returns the page of a message's story.
func storyPath(ref result.Reference, node string) string {
	path := "/messages/" + ref.String()
	if node != "" {
		path = query(place{}, path, "node", node)
	}
	return path
}

func newMessageRows(all []*rows.Row) []messageRow {
	out := make([]messageRow, 0, len(all))
	for _, r := range all {
		out = append(out, newMessageRow(r))
	}
	return out
}
