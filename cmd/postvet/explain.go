package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// maxStories bounds the messages that are told at once. Queue ids of Postfix come again.
const maxStories = 10

func newExplain() *cobra.Command {
	f := &journalFlags{}
	var asJSON bool
	var color string
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "tell why a past message fared as it did",
		Long: `Explain tells the story of a message in the journal: who sent it, what was found,
what was done and why, in words; which rules were in force; and what the present
rules would do with it.

ID is the reference in a refusal ("ref 1R407AG0YWNWK"), the queue id of the MTA, or
the Message-ID. Short queue ids of Postfix come again, so there may be several
messages, the newest first.

What the DNS says today may differ from what it said then: the story has what was
found then. "postvet domain NAME" shows what it says today.

Exit codes: 0 told, 1 there is no such message, 2 wrong usage, 3 the journal could
not be read.`,
		Example: `  postvet explain 1R407AG0YWNWK
  postvet explain 4XkZ1t2q3nz9Vx
  postvet explain '<1234@example.org>' --json`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			screen, err := screenOf(cmd, color)
			if err != nil {
				return err
			}
			queries, err := queriesFor(args[0])
			if err != nil {
				return err
			}
			s, err := f.source(cmd.Context())
			if err != nil {
				return err
			}
			var stories control.Stories
			for _, q := range queries {
				if stories, err = s.stories(cmd.Context(), q); err != nil {
					return err
				}
				if len(stories.Stories) > 0 {
					break
				}
			}
			return tell(cmd, stories, asJSON, screen)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one message a line")
	addColor(cmd, &color)
	return cmd
}

// queriesFor returns what an id may mean, the likeliest first.
func queriesFor(id string) ([]rows.Query, error) {
	id = strings.TrimSpace(id)
	if id == "" || len(id) > 512 {
		return nil, usage("%q is no id; write a reference, a queue id or a Message-ID", foreign.Terminal(id, 80))
	}
	var all []rows.Query
	if ref, err := result.ParseReference(id); err == nil {
		all = append(all, rows.Query{Ref: ref})
	}
	if strings.ContainsAny(id, "@<") {
		return append(all, rows.Query{MessageID: id, Limit: maxStories}), nil
	}
	return append(all, rows.Query{Queue: id, Limit: maxStories}), nil
}

// tell writes stories.
func tell(cmd *cobra.Command, stories control.Stories, asJSON bool, screen layout.Screen) error {
	w := cmd.OutOrStdout()
	for i, s := range stories.Stories {
		if asJSON {
			if err := newEncoder(w).Encode(newStoryJSON(s)); err != nil {
				return output(err)
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeStory(w, s, screen); err != nil {
			return output(err)
		}
	}
	if len(stories.Stories) > 0 {
		return nil
	}
	return endOfHistory(cmd.ErrOrStderr(), stories.Page)
}

// storyJSON is a story in JSON: the keys of history, and what is said of the rules.
type storyJSON struct {
	historyLine
	RulesSince   time.Time     `json:"rules_since,omitzero"`
	RulesChanged bool          `json:"rules_changed"`
	Then         []string      `json:"rules_then,omitempty"`
	Now          []string      `json:"rules_now,omitempty"`
	Today        result.Action `json:"today,omitempty"`
	TodayRule    string        `json:"today_rule,omitempty"`
	TodayDiffers bool          `json:"today_differs"`
	Unknown      []string      `json:"unknown,omitempty"`
}

func newStoryJSON(s journal.Story) storyJSON {
	out := storyJSON{historyLine: newHistoryLine(s.Row), RulesSince: s.Since, RulesChanged: s.Changed, Then: s.Then, Now: s.Now, TodayDiffers: s.Differs, Unknown: s.Unknown}
	if s.Today != nil {
		out.Today, out.TodayRule = s.Today.Action, s.Today.Rule
	}
	return out
}

// writeStory tells a story for a person.
func writeStory(w io.Writer, s journal.Story, screen layout.Screen) error {
	r := s.Row
	head := r.Ref.Time().Local().Format("2006-01-02 15:04:05 -07:00") + "  ref " + r.Ref.String()
	if r.Queue != "" {
		head += "  queue " + foreign.Terminal(r.Queue, foreign.Whole)
	}
	if _, err := fmt.Fprintln(w, screen.Paint(layout.Bold, "== "+head)); err != nil {
		return err
	}
	shown := *r.Results
	shown.MailFrom = shortAddress(shown.MailFrom)
	if err := writeReport(w, &result.Report{Results: &shown, Verdict: *r.Verdict}, nil, notesOf(s), false, screen); err != nil {
		return err
	}
	if r.Verdict.Code == "" {
		return nil
	}
	_, err := io.WriteString(w, screen.Wrap("The client was told: "+foreign.Terminal(r.Verdict.Code+" "+r.Verdict.Text, foreign.Whole), 0, 4)+"\n")
	return err
}

// notesOf returns the remarks on a story that the report does not have.
func notesOf(s journal.Story) []string {
	var notes []string
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	r := s.Row
	if r.Early {
		note("it was refused at RCPT, before it was sent")
	}
	if r.Undelivered {
		note("the MTA left before it had the verdict")
	}
	for _, f := range r.Faults {
		note("fault: %s", foreign.Terminal(f, foreign.Whole))
	}
	if r.ShadowAction != "" {
		note("the shadow policy would %s (rule %s)", r.ShadowAction, foreign.Terminal(r.ShadowRule, foreign.Whole))
	}
	switch {
	case !s.Since.IsZero() && s.Changed:
		note("the rules of that time were in force since %s; they have changed since then", s.Since.Local().Format(time.DateTime))
	case s.Changed:
		note("the rules have changed since then")
	}
	for _, line := range s.Then {
		note("then: %s", line)
	}
	for _, line := range s.Now {
		note("now: %s", line)
	}
	if s.Today != nil {
		same := "the present rules do the same"
		if s.Differs {
			same = fmt.Sprintf("the present rules would %s it (rule %s)", s.Today.Action, s.Today.Rule)
		}
		if len(s.Unknown) > 0 {
			same += ", as far as can be said without " + strings.Join(s.Unknown, " and ")
		}
		note("%s", same)
	}
	return notes
}
