package web

import (
	"net/http"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// listing says how much of a list of messages a page shows, and where it goes on.
type listing struct {
	// Next is the page with older messages, "" for none. Complete is false if the time was
	// over at Searched, and GoOn goes on from there.
	Next     string    `json:"next,omitempty"`
	Complete bool      `json:"complete"`
	Searched time.Time `json:"searched,omitzero"`
	GoOn     string    `json:"go_on,omitempty"`
	// Oldest is since when messages are kept, and Missing says which parts could not be
	// read.
	Oldest  time.Time `json:"oldest,omitzero"`
	Missing []string  `json:"missing"`
}

// missing says what a list of messages of a time lacks, beyond what a search cannot read.
func missing(j control.Journal, since, until time.Time) []string {
	return append(journalFaults(j), messagesAside(j, since, until)...)
}

// set says how far a search came. path returns the address of the list with some parameters
// changed.
func (l *listing) set(found rows.Page, path func(changes ...any) string) {
	l.Complete, l.Searched, l.Oldest = found.Complete, found.Searched, found.Oldest
	for _, name := range found.Unread {
		l.Missing = append(l.Missing, unreadFile(name))
	}
	if found.Next != 0 {
		l.Next = path("before", found.Next)
	}
	if !found.Complete {
		l.GoOn = path("before", result.FirstReference(found.Searched), "wait", "long")
	}
}

// leadsOn reports whether the page itself has a link that goes on.
func (l listing) leadsOn() bool { return l.GoOn != "" }

// unreadFile says that a file of the journal is missing in what a page shows.
func unreadFile(name string) string {
	return "The file " + foreign.Terminal(name, 120) + " of the journal cannot be read; \"postvet journal verify\" says why."
}

// before returns the reference at which a list goes on, 0 for its beginning.
func (q *request) before() (result.Reference, error) {
	text := q.get("before")
	if text == "" {
		return 0, nil
	}
	ref, err := result.ParseReference(text)
	if err != nil {
		return 0, &problem{Status: http.StatusBadRequest, Title: "This page of the list does not exist", Text: "Begin the search again."}
	}
	return ref, nil
}

// timeOf returns the time that a user wrote, zero for "".
func (q *request) timeOf(text string) (time.Time, error) {
	t, err := rows.ParseTime(text, q.now, q.zone)
	if err != nil {
		return t, &problem{Status: http.StatusBadRequest, Title: "This is no time", Text: foreign.Terminal(err.Error(), 300) + "."}
	}
	return t, nil
}
