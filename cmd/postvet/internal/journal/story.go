package journal

import (
	"fmt"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
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
	// Then and Now are lines of the configuration that differ, at most maxChanges each.
	Then []string `json:"then,omitempty"`
	Now  []string `json:"now,omitempty"`
	// Today is the verdict of the present rules on what was found then; nil if the
	// present rules are not known.
	Today *result.Verdict `json:"today,omitempty"`
	// Differs is true if Today treats the message differently.
	Differs bool `json:"differs"`
	// Evidence are the DNS records that the verdict rested on.
	Evidence []Evidence `json:"records,omitempty"`
	// SenderCan and AdminCan are what can be done about the verdict.
	SenderCan []string `json:"sender_can,omitempty"`
	AdminCan  []Remedy `json:"admin_can,omitempty"`
	// Unknown names what the present rules ask about that is not kept.
	Unknown []string `json:"unknown,omitempty"`
}

// maxChanges bounds the lines of a configuration that a story shows.
const maxChanges = 10

// Tell returns the story of a row, whose sentences it sets. then are the rules in force at
// that time, and present those of today with their generation; nil and the zero value if
// they are not known.
func Tell(row *rows.Row, then rows.Generation, present *rules.Rules, now rows.Generation) Story {
	row.Explain()
	s := Story{Row: row, Since: then.Since, Changed: now.ID != 0 && row.Generation != now.ID}
	if s.Changed && then.Text != "" {
		s.Then, s.Now = missing(then.Text, now.Text), missing(now.Text, then.Text)
	}
	s.SenderCan = explain.Advice(row.Results, row.Verdict)
	if present == nil {
		s.AdminCan = remediesFor(row.Results, row.Verdict, row.Queue)
		return s
	}
	recalled := present.Recall(row.Verdict.Rule)
	present = &recalled
	early := row.Results
	if !row.Early {
		early = nil
	}
	v := present.Replay(early, row.Results)
	s.Today = &v
	// A reply's text has another reference or help URL at most.
	s.Differs = v.DiffersInAction(*row.Verdict)
	if !s.Differs || v.Action != result.Accept {
		s.AdminCan = remediesFor(row.Results, row.Verdict, row.Queue) // the present rules are none
	}
	if len(row.Faults) > 0 || len(row.Results.Faults) > 0 {
		s.Unknown = append(s.Unknown, "what the internal error hid")
	}
	if !row.Early {
		s.Unknown = append(s.Unknown, unknown(row, present)...)
	}
	return s
}

// missing returns the settings of a configuration that another one does not have. Where
// they were set does not count.
func missing(text, other string) (settings []string) {
	has := map[string]bool{}
	for line := range strings.Lines(other) {
		has[setting(line)] = true
	}
	for line := range strings.Lines(text) {
		if s := setting(line); s != "" && !has[s] && len(settings) < maxChanges {
			settings = append(settings, foreign.Terminal(s, 200))
		}
	}
	return settings
}

// setting returns a line of "postvet config show" without the place behind it.
func setting(line string) string {
	if i := strings.LastIndex(line, " # "); i >= 0 {
		line = line[:i]
	}
	return strings.TrimSpace(line)
}

// unknown names the facts that are not kept and that the verdict of rules depends on.
func unknown(row *rows.Row, present *rules.Rules) (names []string) {
	_, doubts, certain := present.ReplayStored(nil, row.Results, row.Lacks())
	if certain {
		return nil
	}
	for _, d := range doubts {
		asker := "rule " + d.Rule
		if d.Rule == "" {
			asker = d.Key
		}
		names = append(names, fmt.Sprintf("%s, which %s asks about and the journal does not have", strings.Join(d.Facts, ", "), asker))
	}
	return names
}
