package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/held"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// heldFlags are the flags of held.
type heldFlags struct {
	journalFlags
	q                   rows.Query
	day, mta, color     string
	json, csv, asTicket bool
	still               map[string]bool // what the MTA holds; nil if it was not asked
	released            int             // messages that it does not hold any more
}

func newHeld() *cobra.Command {
	f := &heldFlags{}
	cmd := &cobra.Command{
		Use:   "held",
		Short: "list held mail, with the commands that release or delete it",
		Long: `Held lists the mail that Postvet had the MTA hold: its queue id, why and since
when it is held, the author's domain, the sender and the recipients. It prints
the commands that release or delete each message, and all messages of a domain.
It runs none of them. Messages of one domain stand together, the newest first.

The list comes from the journal, as that of "postvet history" does, and shows
addresses if journal.privacy is "addresses". The journal does not know what was
released or deleted since: with --mta the queue of the MTA on this machine is
read, by "postqueue -j" or "mailq -qQ", and only what is still held is listed.
Nothing is changed there.

The commands are those of the MTA that the queue id tells, or of --mta. Postfix
delivers released mail at its next queue run; "postqueue -i ID" hurries it. Mail
that was held for days may be too old for maximal_queue_lifetime: then release
it by "postsuper -r ID". Sendmail has no command that deletes: its files in
/var/spool/mqueue are removed, but only while the message is in quarantine.
Write your QueueDirectory if it is another one. A queue id that is not made of
letters and digits gets no command.

postvet-json(5) has the fields of --json, which stay as they are.

Exit codes: 0 there are messages, 1 there are none, 2 wrong usage, 3 the journal
or the MTA's queue could not be read.`,
		Example: `  postvet held                               all that was held
  postvet held --mta postfix                 what Postfix still holds
  postvet held --domain example.org          of one author's domain
  postvet held --day today --rule judgement  held by judgement today
  postvet held --markdown                    for a ticket`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.journalFlags.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.q.Domain, "domain", "", "only of authors in `DOMAIN`, or below it if DMARC counts them to it")
	fl.StringVar(&f.day, "day", "", "only of this `DAY`: 2026-11-29, today or yesterday")
	fl.StringVar(&f.q.Rule, "rule", "", "only by this `RULE`, such as judgement")
	fl.StringVar(&f.mta, "mta", "", "read the queue of this `MTA`, postfix or sendmail, and list what is still held")
	fl.IntVar(&f.q.Limit, "limit", 100, fmt.Sprintf("show at most `N` messages (1 to %d)", rows.MaxLimit))
	fl.BoolVar(&f.q.Fleet, "fleet", false, "search the messages of all nodes, in the database of journal.postgres")
	fl.StringVar(&f.q.Node, "node", "", "only of this `NODE`, with --fleet")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.csv, "csv", false, "print CSV")
	fl.BoolVar(&f.asTicket, "markdown", false, "print Markdown, for a ticket")
	addColor(cmd, &f.color)
	return cmd
}

func (f *heldFlags) run(cmd *cobra.Command) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := f.check(now); err != nil {
		return err
	}
	ctx := cmd.Context()
	s, err := f.source(ctx)
	if err != nil {
		return err
	}
	if f.mta != "" {
		if f.still, err = held.Ask(ctx, held.MTA(f.mta)); err != nil {
			return failed("the queue could not be read: %v; run this on the MTA's machine as a user who may read its queue, or leave --mta out", err)
		}
	}
	all, page, err := f.find(ctx, s, now)
	if err != nil {
		return err
	}
	if err := output(f.write(cmd.OutOrStdout(), all, screen.Width)); err != nil {
		return err
	}
	if f.released > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "left out, as the MTA does not hold them any more: %d\n", f.released)
	}
	if len(all) == 0 && (page.Complete || f.released > 0) && !page.Oldest.IsZero() {
		return answerNo("no such message is held; the journal goes back to %s", page.Oldest.Format(time.DateOnly))
	}
	page.Rows = make([]*rows.Row, len(all))
	return endOfHistory(cmd.ErrOrStderr(), page)
}

// check makes the query of the flags.
func (f *heldFlags) check(now time.Time) error {
	forms := 0
	for _, given := range []bool{f.json, f.csv, f.asTicket} {
		if given {
			forms++
		}
	}
	if forms > 1 {
		return usage("write one of --json, --csv and --markdown")
	}
	switch held.MTA(f.mta) {
	case "", held.Postfix, held.Sendmail:
	default:
		return usage("--mta: %q is not known; write postfix or sendmail", f.mta)
	}
	if f.mta != "" && f.q.Fleet {
		return usage("--mta beside --fleet; the queue of this machine says nothing about other nodes, so ask on each of them")
	}
	if f.day != "" {
		from, err := localDay(f.day, now)
		if err != nil {
			return usage("--day: %v", err)
		}
		f.q.Since, f.q.Until = from, from.AddDate(0, 0, 1)
	}
	if f.q.Limit < 1 {
		return usage("--limit %d is out of bounds; write 1 to %d", f.q.Limit, rows.MaxLimit)
	}
	f.q.Action = string(result.Quarantine)
	if err := f.q.Check(); err != nil {
		return usage("%v", err)
	}
	return nil
}

// localDay returns the beginning of a day in the local zone.
func localDay(s string, now time.Time) (time.Time, error) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.Local)
	switch s {
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	day, err := time.ParseInLocation(time.DateOnly, s, time.Local)
	if err != nil {
		return day, fmt.Errorf("%q is no day; write one such as 2026-11-29, today or yesterday", s)
	}
	return day, nil
}

// maxPages bounds the pages of the journal that are read for a list.
const maxPages = 100

// find returns the held messages, the newest first, and the last page that was read.
func (f *heldFlags) find(ctx context.Context, s *source, now time.Time) (all []held.Message, page rows.Page, err error) {
	q := f.q
	q.Limit = rows.MaxLimit
	for range maxPages {
		if page, err = s.page(ctx, q); err != nil {
			return nil, page, err
		}
		for i, r := range page.Rows {
			if !held.Was(r) {
				continue
			}
			m := held.New(r, held.MTA(f.mta), now)
			if f.still != nil {
				if !f.still[m.Queue] {
					f.released++
					continue
				}
				m.State = held.StillHeld
			}
			if all = append(all, m); len(all) == f.q.Limit {
				if i+1 < len(page.Rows) {
					page.Next = r.Ref
				}
				return all, page, nil
			}
		}
		if page.Next == 0 || !page.Complete {
			break
		}
		q.Before = page.Next
	}
	return all, page, nil
}

// heldReport is what held prints as JSON.
type heldReport struct {
	Groups []held.Group `json:"groups"`
}

// heldColumns are the columns of held mail outside of a terminal.
const heldColumns = 80

func (f *heldFlags) write(w io.Writer, all []held.Message, width int) error {
	switch groups := held.Groups(all); {
	case f.json:
		return printJSON(w, heldReport{groups})
	case f.csv:
		return writeHeldCSV(w, all)
	case f.asTicket && len(all) > 0:
		return held.WriteMarkdown(w, groups)
	case f.asTicket:
		return nil
	default:
		if width == 0 {
			width = heldColumns
		}
		return held.WriteText(w, groups, width)
	}
}

func writeHeldCSV(w io.Writer, all []held.Message) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"at", "ref", "queue", "age_seconds", "author", "from", "rcpts", "rcpt", "rule", "judgement", "why", "mta", "state", "node", "release", "delete"})
	for i := range all {
		m := &all[i]
		_ = writeCells(c, []string{
			m.At.Format(time.RFC3339Nano), m.Ref.String(), m.Queue, fmt.Sprint(m.AgeSeconds), m.Author, m.From, fmt.Sprint(m.Recipients), strings.Join(m.To, " "),
			m.Rule, m.Judgement, strings.Join(m.Why, " "), string(m.MTA), m.State, m.Node, strings.Join(m.Release, " && "), strings.Join(m.Delete, " && "),
		})
	}
	c.Flush()
	return c.Error()
}
