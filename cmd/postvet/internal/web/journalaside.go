package web

import (
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/policy/foreign"
)

// maxAside bounds the files that a page names.
const maxAside = 5

// messagesAside says which files were set aside that may have messages of a time; a zero time is
// no bound. Their names begin with the day.
func messagesAside(j control.Journal, since, until time.Time) []string {
	all := []string{}
	for _, f := range j.Files {
		text, rest, _ := strings.Cut(f.Name, ".")
		day, err := time.Parse(time.DateOnly, text)
		if err != nil || !isAside(rest) || !day.Add(24*time.Hour).After(since) || !until.IsZero() && !day.Before(until) {
			continue
		}
		if all = append(all, "The file "+foreign.Terminal(f.Name, 120)+" of the journal was set aside, so that its messages are missing here; \"postvet journal verify\" says more."); len(all) == maxAside {
			break
		}
	}
	return all
}

// countsAside says that counts were set aside, if those that there are begin after a time, or not
// at all.
func countsAside(j control.Journal, oldest, since time.Time) []string {
	if !oldest.IsZero() && !oldest.After(since) {
		return nil
	}
	for _, f := range j.Files {
		if rest, ok := strings.CutPrefix(f.Name, "state."); ok && isAside(rest) {
			return []string{"The file " + foreign.Terminal(f.Name, 120) + " of the journal was set aside, so that what was counted before is missing here; \"postvet journal verify\" says more."}
		}
	}
	return nil
}

// isAside reports whether the end of a file's name says that it was set aside.
func isAside(name string) bool {
	return strings.Contains(name, ".damaged-") || strings.Contains(name, ".newer-")
}
