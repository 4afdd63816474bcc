package control

import (
	"fmt"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// JournalState says in a status whether the journal is written. [Journal] says more.
type JournalState struct {
	Directory string `json:"directory"`
	// Running is true if the service writes it. It is false with journal.privacy = "off",
	// and if the journal could not be opened, which Problem tells.
	Running bool `json:"running"`
	// Problem says why it is not written at present, "" if it is.
	Problem string `json:"problem,omitempty"`
	// Dropped counts the messages since the start that it lacks, by class.
	Dropped map[string]int64 `json:"dropped"`
}

func (j *JournalState) text() string {
	var s string
	switch {
	case j.Problem != "" && !j.Running:
		s = "NOT OPENED, so that nothing is remembered: " + j.Problem + "; mend that, then restart the service"
	case j.Problem != "":
		s = "NOT WRITTEN at present: " + j.Problem
	case !j.Running:
		return "off, as journal.privacy says"
	default:
		s = "is written to " + j.Directory
	}
	var lacks int64
	for _, n := range j.Dropped {
		lacks += n
	}
	if lacks > 0 {
		s += fmt.Sprintf("; LACKS %s since the start", layout.Count(lacks, "message"))
	}
	return s
}
