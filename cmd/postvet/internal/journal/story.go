package journal

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Story is what is known of one message, and what would be done with it today.
type Story struct {
	Row *rows.Row `json:"row"`
	// Since is since when the rules of that time were in force; zero if they are not
	// kept. Changed is true if they are not those of today.
	Since   time.Time `json:"since,omitzero"`
	Changed bool      `json:"changed"`
	// Today is the verdict of the present rules on what was found then; nil if the
	// present rules are not known.
	Today *result.Verdict `json:"today,omitempty"`
	// Differs is true if Today treats the message differently.
	Differs bool `json:"differs"`
	// Unknown names what the present rules ask about that is not kept.
	Unknown []string `json:"unknown,omitempty"`
}

// Tell returns the story of a row, whose sentences it sets. generation are the rules in
// force then, and present those of today with their generation; nil and 0 if they are not
// known.
func Tell(row *rows.Row, generation rows.Generation, present *rules.Rules, id int64) Story {
	row.Explain()
	s := Story{Row: row, Since: generation.Since, Changed: id != 0 && row.Generation != id}
	if present == nil {
		return s
	}
	early := row.Results
	if !row.Early {
		early = nil
	}
	v := present.Replay(early, row.Results)
	s.Today = &v
	// A reply's text has another reference or help URL at most.
	s.Differs = v.Action != row.Verdict.Action || v.Intended != row.Verdict.Intended || v.Code != row.Verdict.Code || v.RedirectTo != row.Verdict.RedirectTo
	if len(row.Faults) > 0 || len(row.Results.Faults) > 0 {
		s.Unknown = append(s.Unknown, "what the internal error hid")
	}
	if hasNoLocalPart(row.Results) {
		s.Unknown = append(s.Unknown, "local parts of addresses, which the journal keeps with privacy = \"addresses\" alone")
	}
	return s
}

// hasNoLocalPart reports whether addresses were shortened to their domains.
func hasNoLocalPart(r *result.Results) bool {
	for _, to := range append([]string{r.MailFrom}, r.Recipients...) {
		if len(to) > 1 && to[:2] == rows.NoLocalPart {
			return true
		}
	}
	return false
}
