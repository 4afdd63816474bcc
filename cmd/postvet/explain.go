package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/result"
)

// maxStories bounds the messages that are told at once. Queue ids of Postfix come again.
const maxStories = 10

func newExplain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "tell why a past message fared as it did",
		Long: `Explain tells the story of a message in the journal: who sent it, what was
found, what was done and why, in words; which rules were in force; and what the
present rules would do with it. It ends with what the sender can do about it,
and what you can do, with the lines for postvet.toml.

ID is the reference in a refusal ("ref 1R407AG0YWNWK"), the queue id of the MTA,
or the Message-ID. Short queue ids of Postfix come again, so there may be
several messages, the newest first.

The story has the DNS records as they were then, and says what differs today:
the service asks the DNS through its cache. Without the service, and with
--resolver, this command asks. A DNS failure is said; it is never taken for a
difference.

With --fleet, messages of all nodes are told, from the database of
journal.postgres, without the DNS records of that time. A Message-ID is not
found there.

Exit codes: 0 told, 1 there is no such message, 2 wrong usage, 3 the journal
could not be read.`,
		Example: `  postvet explain 1R407AG0YWNWK
  postvet explain 4XkZ1t2q3nz9Vx
  postvet explain '<1234@example.org>' --json
  postvet explain 1R407AG0YWNWK --no-dns`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			screen, err := screenOf(cmd, f.color)
			if err != nil {
				return err
			}
			queries, err := queriesFor(args[0])
			if err != nil {
				return err
			}
			for i := range queries {
				queries[i].Fleet = f.fleet
			}
			stories, err := f.stories(cmd.Context(), queries)
			if err != nil {
				return err
			}
			return tell(cmd, stories, f.json, screen)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, one message a line")
	cmd.Flags().BoolVar(&f.fleet, "fleet", false, "search the messages of all nodes, in the database of journal.postgres")
	cmd.Flags().BoolVar(&f.noDNS, "no-dns", false, "do not ask the DNS what it says today")
	cmd.Flags().StringArrayVar(&f.resolvers, "resolver", nil, "resolver to ask, as `HOST:PORT` or address; repeatable (default that of the service)")
	addColor(cmd, &f.color)
	return cmd
}

// explainFlags are the flags of explain.
type explainFlags struct {
	journalFlags
	json, noDNS bool
	fleet       bool
	resolvers   []string
	color       string
}

// stories returns the stories that the first query with any finds.
func (f *explainFlags) stories(ctx context.Context, queries []rows.Query) (stories control.Stories, err error) {
	s, err := f.source(ctx)
	if err != nil {
		return stories, err
	}
	asks := !f.noDNS && (s.dir != "" || len(f.resolvers) > 0)
	resolver, discovery, err := f.resolver(s, asks)
	if err != nil {
		return stories, err
	}
	for _, q := range queries {
		if stories, err = s.stories(ctx, q, f.noDNS || asks); err != nil {
			break
		}
		if len(stories.Stories) > 0 {
			break
		}
	}
	if asks {
		if err == nil {
			asking, cancel := context.WithTimeout(ctx, journal.DNSTime)
			defer cancel()
			journal.AskDNS(asking, stories.Stories, resolver, discovery)
		}
		_ = resolver.Close()
	}
	return stories, err
}

// resolver returns the resolver of the flag, or of the stopped service's configuration, if
// this command asks the DNS.
func (f *explainFlags) resolver(s *source, asks bool) (*dnscache.Resolver, dmarc.Options, error) {
	c := s.config
	if c == nil {
		c = config.Default()
	}
	o := dmarc.Options{Discovery: c.Policy.OrganizationalDomain}
	if !asks {
		return nil, o, nil
	}
	if len(f.resolvers) > 0 {
		with := *c // the rules in force stay those of the file
		c = &with
		if err := c.SetFlag("--resolver", "dns.resolvers", f.resolvers...); err != nil {
			return nil, o, exit{exitUsage, err}
		}
		if err := c.Check(); err != nil {
			return nil, o, exit{exitUsage, err}
		}
	}
	r, err := c.NewResolver(nil)
	if err != nil {
		return nil, o, exit{exitFailed, err}
	}
	return r, o, nil
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

	Records   []journal.Evidence `json:"records,omitempty"`
	SenderCan []string           `json:"sender_can,omitempty"`
	AdminCan  []journal.Remedy   `json:"admin_can,omitempty"`
}

func newStoryJSON(s journal.Story) storyJSON {
	out := storyJSON{historyLine: newHistoryLine(s.Row), RulesSince: s.Since, RulesChanged: s.Changed, Then: s.Then, Now: s.Now, TodayDiffers: s.Differs, Unknown: s.Unknown, Records: s.Evidence, SenderCan: s.SenderCan, AdminCan: s.AdminCan}
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
	if r.Node != "" {
		head += "  node " + foreign.Terminal(r.Node, foreign.Whole)
	}
	if _, err := fmt.Fprintln(w, screen.Paint(layout.Bold, "== "+head)); err != nil {
		return err
	}
	shown := *r.Results
	shown.MailFrom = shortAddress(shown.MailFrom)
	verdict := *r.Verdict
	if verdict.Code != "" {
		verdict.Text = "" // what the client was told comes below
	}
	if err := writeReport(w, &result.Report{Results: &shown, Verdict: verdict}, nil, s.Notes(time.Local), false, screen); err != nil {
		return err
	}
	p := page{Screen: screen}
	for _, e := range s.Evidence {
		p.line("record", "", e.Says...)
	}
	if r.Verdict.Code != "" {
		p.WriteString(screen.Wrap("The client was told: "+foreign.Terminal(r.Verdict.Code+" "+r.Verdict.Text, foreign.Whole), 0, 4) + "\n")
	}
	p.advice(s)
	_, err := io.WriteString(w, p.String())
	return err
}

// advice writes what can be done about the verdict.
func (p *page) advice(s journal.Story) {
	item := func(text string) { p.WriteString("  - " + p.Wrap(foreign.Terminal(text, foreign.Whole), 4, 4) + "\n") }
	if len(s.SenderCan) > 0 {
		p.WriteString("\n" + p.Paint(layout.Bold, "What the sender can do") + "\n")
	}
	for _, text := range s.SenderCan {
		item(text)
	}
	if len(s.AdminCan) > 0 {
		p.WriteString("\n" + p.Paint(layout.Bold, "What you can do") + "\n")
	}
	for _, r := range s.AdminCan {
		if r.Config == "" {
			item(r.Text + ".")
			continue
		}
		item(r.Text + ". In postvet.toml:")
		for line := range strings.Lines(r.Config) {
			p.WriteString("        " + foreign.Terminal(strings.TrimSuffix(line, "\n"), foreign.Whole) + "\n")
		}
	}
}
