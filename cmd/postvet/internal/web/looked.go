package web

import (
	"net/netip"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/addrlist"
)

// looked says which messages were looked at for networks, causes and names, which counts lack.
type looked struct {
	Messages int       `json:"messages"`
	Since    time.Time `json:"since"`
	// Complete is true if these are all of the time.
	Complete bool `json:"complete"`
	// GoOn is the page that looks at more, "" for none.
	GoOn string `json:"-"`
}

// lookedAt says how many of the messages since a time are in a page of the journal.
func lookedAt(q *request, page *rows.Page, since time.Time) looked {
	l := looked{Messages: len(page.Rows), Since: since, Complete: page.Complete && page.Next == 0 && len(page.Unread) == 0}
	at := since
	switch {
	case page.Next != 0 && len(page.Rows) > 0:
		at = page.Rows[len(page.Rows)-1].Ref.Time()
	case !page.Complete:
		at = page.Searched
	}
	if at.After(since) {
		l.Since = at
	}
	if !page.Complete {
		l.GoOn = q.goOn()
	}
	return l
}

// networkOf returns the network of a message's client, as it is counted.
func networkOf(r *rows.Row) string {
	ip, err := netip.ParseAddr(r.Results.Client.IP)
	if err != nil {
		return counts.None
	}
	return addrlist.NetworkOf(ip).String()
}
