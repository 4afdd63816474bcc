package control

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// Stories are the result of DoExplain, the newest message first.
type Stories struct {
	Stories []journal.Story `json:"stories"`
	// Page says how far was searched. It has no rows.
	Page rows.Page `json:"page"`
}

// Journal is the result of DoJournalStatus.
type Journal struct {
	Directory string `json:"directory"` // "" if there is no journal
	Privacy   string `json:"privacy"`
	// Running is true if a service writes it. Problem says why it does not; "" if it
	// does.
	Running bool   `json:"running"`
	Problem string `json:"problem,omitempty"`
	// Written and Dropped count messages since the start, by class.
	Written  map[string]int64 `json:"written,omitempty"`
	Dropped  map[string]int64 `json:"dropped,omitempty"`
	Waiting  int              `json:"waiting_bytes"`
	Failures int64            `json:"failures"`
	Oldest   time.Time        `json:"oldest,omitzero"`
	Octets   int64            `json:"bytes"`
	Files    []rows.File      `json:"files"`
	// Shipping is nil if there is no database of several nodes.
	Shipping *Shipping `json:"shipping,omitempty"`
}

// Shipping says how the journal is sent to a database of several nodes.
type Shipping struct {
	Node string `json:"node"`
	// All is true if accepted mail is sent too.
	All bool `json:"all"`
	// Problem says why sending fails at present, and Since when that began; "" if it
	// does not.
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// LagSeconds is the age of the oldest message that may wait.
	LagSeconds float64 `json:"lag_seconds"`
	Failures   int64   `json:"failures"`
	// Sent and Lost count messages since the start, by class. Those that are lost were
	// removed here before they were sent.
	Sent map[string]int64 `json:"sent"`
	Lost map[string]int64 `json:"lost"`
}

// Add adds the files of a journal and their sums.
func (j *Journal) Add(files []rows.File) {
	j.Files = files
	for _, f := range files {
		j.Octets += f.Octets
		if !f.Day.IsZero() {
			j.Oldest = f.Day // the newest come first
		}
	}
}

// Forgotten is the result of DoJournalForget.
type Forgotten struct {
	Messages int `json:"messages"`
}
