package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// messageJournal returns the state of the journal, and an error if it keeps no messages.
func (h *Handler) messageJournal(q *request) (control.Journal, error) {
	j := h.facts(q).Journal
	if p := noMessages(j); p != nil {
		return j, p
	}
	return j, nil
}

// noMessages returns why a service keeps no messages, nil if it keeps some.
func noMessages(j control.Journal) *problem {
	switch level := rows.Level(j.Privacy); {
	case j.Directory == "":
		return noJournal
	case level.KeepsRows():
		return nil
	case level == rows.Counts:
		return &problem{
			Status: http.StatusNotFound, Title: "Messages are only counted", unset: true,
			Text:  "The journal keeps numbers and no messages (journal.privacy = \"counts\"). To find messages by domain and whole address, write this into the configuration and restart the service.",
			Paste: "[journal]\nprivacy = \"hashed\"",
		}
	default:
		return &problem{
			Status: http.StatusNotFound, Title: "The journal keeps nothing", unset: true,
			Text:  "It is switched off (journal.privacy = \"off\"). To find messages by domain and whole address, write this into the configuration and restart the service.",
			Paste: "[journal]\nprivacy = \"hashed\"",
		}
	}
}

// journalFaults says what is wrong with a journal at present.
func journalFaults(j control.Journal) []string {
	faults := []string{}
	if j.Problem != "" {
		faults = append(faults, "The journal is not written at present, so that new messages are missing: "+j.Problem)
	}
	if s := j.Shipping; s != nil && s.Problem != "" {
		faults = append(faults, "Messages are not sent to the database of all nodes at present, so that those of this node are missing there: "+s.Problem)
	}
	return faults
}

// journalFailure returns the problem of a journal that cannot be searched.
func journalFailure(err error, everywhere bool) error {
	var refusal *control.Refusal
	if errors.As(err, &refusal) && refusal.Code == control.CodeRequest {
		return &problem{Status: http.StatusBadRequest, Title: "This cannot be searched", Text: refusal.Error()}
	}
	if everywhere && errors.Is(err, context.DeadlineExceeded) {
		return &problem{
			Status: http.StatusServiceUnavailable, Title: "The database of all nodes did not answer in time",
			Text: "Mail is not affected, and the messages of this node can be searched without it. Try again, and look whether PostgreSQL has too much to do if this stays.",
		}
	}
	if everywhere {
		return &problem{
			Status: http.StatusServiceUnavailable, Title: "The database of all nodes does not answer",
			Text: "Mail is not affected, and the messages of this node can be searched without it. The database says: " + err.Error(),
		}
	}
	return &problem{
		Status: http.StatusServiceUnavailable, Title: unreadableTitle,
		Text:  "Mail is not affected. What failed: " + err.Error() + ". This command says more:",
		Paste: "postvet journal verify",
	}
}
