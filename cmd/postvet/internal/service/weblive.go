package service

import (
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
)

// showLive has the web page show a message that has its verdict. It shows as much of the
// addresses as the journal may keep, and no mail that the journal ignores.
func (d *daemon) showLive(x *filter.Decision) {
	if d.live == nil || d.journal.ignores(x) {
		return
	}
	shown := domainAlone
	if d.started.Journal.Privacy == rows.Addresses {
		shown = live.Text
	}
	res, v := x.Results, &x.Verdict
	m := live.Message{
		Ref: res.Reference, At: x.Ended, From: "<>", More: x.Recipients, Author: live.Text(res.Author.Domain),
		Action: v.Action, Would: v.Would(), Reason: explain.Reason(res, v), // our own text, with nothing of the message
	}
	if res.MailFrom != "" {
		m.From = shown(res.MailFrom)
	}
	if len(res.Recipients) > 0 {
		m.To, m.More = shown(res.Recipients[0]), max(x.Recipients-1, 0)
	}
	d.live.Add(&m)
}

// domainAlone returns an address without its local part.
func domainAlone(address string) string {
	_, domain := message.SplitPath(address)
	return "@" + live.Text(domain)
}
