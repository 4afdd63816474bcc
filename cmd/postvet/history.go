package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
)

// queryFlags are the flags that select messages.
type queryFlags struct {
	q                    rows.Query
	since, until, client string
}

func (f *queryFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.since, "since", "", "only since `TIME`: a duration before now such as 2d or 3h, or 2026-11-29[T10:00]")
	fl.StringVar(&f.until, "until", "", "only before `TIME`, as for --since")
	fl.StringVar(&f.q.Domain, "domain", "", "only of authors in `DOMAIN`, or below it if DMARC counts them to it")
	fl.StringVar(&f.q.From, "from", "", "only with this `ADDRESS` or domain in MAIL FROM; \"<>\" is the null sender")
	fl.StringVar(&f.q.To, "rcpt", "", "only to this `ADDRESS` or domain")
	fl.StringVar(&f.client, "client", "", "only from this `ADDRESS` or network")
	fl.StringVar(&f.q.Action, "action", "", "only with this `ACTION`: accept, quarantine, reject, tempfail, redirect or discard; also what monitoring prevented")
	fl.StringVar(&f.q.DMARC, "dmarc", "", "only with this `RESULT` of DMARC, such as fail")
	fl.StringVar(&f.q.Rule, "rule", "", "only by this `RULE`")
	fl.StringVar(&f.q.Hint, "hint", "", "only with this `HINT`, such as forwarded")
}

// query returns the query of the flags.
func (f *queryFlags) query(now time.Time) (q rows.Query, err error) {
	if f.q.Since, err = parseTime(f.since, now); err != nil {
		return q, usage("--since %v", err)
	}
	if f.q.Until, err = parseTime(f.until, now); err != nil {
		return q, usage("--until %v", err)
	}
	if f.client != "" {
		if f.q.Client, err = livetrace.ParseClient(f.client); err != nil {
			return q, usage("--client: %v", err)
		}
	}
	q = f.q
	if err := q.Check(); err != nil {
		return q, usage("%v", err)
	}
	return q, nil
}

// parseTime parses a time as [rows.ParseTime] does, in the local zone.
func parseTime(s string, now time.Time) (time.Time, error) { return rows.ParseTime(s, now, time.Local) }

// historyFlags are the flags of history.
type historyFlags struct {
	journalFlags
	queryFlags
	json, csv, follow bool
	color             string
}

func newHistory() *cobra.Command {
	f := &historyFlags{}
	cmd := &cobra.Command{
		Use:   "history",
		Short: "find past messages and what was done with them",
		Long: `History shows messages from the journal, the newest first: when, what was done,
the author's domain, the rule and the reference. All flags that are given must
fit. "postvet explain REFERENCE" tells the story of one.

The running service answers; if it is stopped, its files are read, as with
--journal. What the journal keeps of addresses is set by journal.privacy; an
address is found with "hashed" and "addresses". A search for an address or a
client is written down in audit.log beside the journal.

With --fleet, the database of journal.postgres is searched, which has messages
of all nodes once they were sent there; the table has the node in the place of
the rule. An address is not found there, as each node has its own key for their
hashes.

With --json, each message is one line with the keys of the log line, and at and
ref. With --csv, values that a spreadsheet would take for a formula begin with
an apostrophe.

Exit codes: 0 there are messages, 1 there are none, 2 wrong usage, 3 the journal
could not be read.`,
		Example: `  postvet history --since 2d --action reject     refused in the last two days
  postvet history --domain example.org           of one author's domain
  postvet history --rcpt ann@example.net         to a mailbox
  postvet history --client 192.0.2.0/24 --csv    for a spreadsheet
  postvet history --hint forwarded --follow      as they come
  postvet history --fleet --node mx2 --since 1h  of another node`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.journalFlags.add(cmd)
	f.queryFlags.add(cmd)
	cmd.Flags().IntVar(&f.q.Limit, "limit", 100, fmt.Sprintf("show at most `N` messages (1 to %d)", rows.MaxLimit))
	cmd.Flags().BoolVar(&f.q.Fleet, "fleet", false, "search the messages of all nodes, in the database of journal.postgres")
	cmd.Flags().StringVar(&f.q.Node, "node", "", "only of this `NODE`, with --fleet")
	cmd.Flags().BoolVar(&f.follow, "follow", false, "go on with messages as they come, the newest last; without --until")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON, one message a line")
	cmd.Flags().BoolVar(&f.csv, "csv", false, "print CSV")
	addColor(cmd, &f.color)
	return cmd
}

func (f *historyFlags) run(cmd *cobra.Command) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	if f.json && f.csv {
		return usage("--json beside --csv; write one of them")
	}
	if f.follow && f.q.Fleet {
		return usage("--follow beside --fleet; messages of other nodes come late and in no order, so follow on the nodes")
	}
	if f.follow && f.until != "" {
		return usage("--follow beside --until; messages that are still to come have no end, so leave one of them out")
	}
	q, err := f.query(time.Now())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s, err := f.source(ctx)
	if err != nil {
		return err
	}
	page, err := s.page(ctx, q)
	if err != nil {
		return err
	}
	out := newHistoryOutput(cmd.OutOrStdout(), f, screen)
	if f.follow {
		return f.followOn(ctx, s, q, page, out, cmd.ErrOrStderr())
	}
	if err := out.write(page.Rows); err != nil {
		return output(err)
	}
	return endOfHistory(cmd.ErrOrStderr(), page)
}

// endOfHistory says what is not shown, and returns the answer no if nothing is.
func endOfHistory(notes io.Writer, page rows.Page) error {
	switch {
	case !page.Complete:
		fmt.Fprintf(notes, "the time was over: searched back to %s; narrow the search with --since\n", page.Searched.Local().Format(time.DateTime))
	case page.Next != 0:
		fmt.Fprintln(notes, "there may be older ones; raise --limit, or narrow the search")
	}
	if len(page.Unread) > 0 {
		fmt.Fprintf(notes, "not read: %s; see \"postvet journal verify\"\n", strings.Join(page.Unread, ", "))
	}
	if len(page.Aside) > 0 {
		fmt.Fprintf(notes, "not searched, as set aside: %s; see \"postvet journal status\"\n", strings.Join(page.Aside, ", "))
	}
	if len(page.Rows) > 0 {
		return nil
	}
	if page.Oldest.IsZero() {
		return answerNo("the journal is empty; see \"postvet journal status\"")
	}
	return answerNo("no such message; the journal goes back to %s", page.Oldest.Format(time.DateOnly))
}

// followEvery is how often new messages are looked for.
const followEvery = time.Second

// followOn shows a page, the newest last, and then what comes.
func (f *historyFlags) followOn(ctx context.Context, s *source, q rows.Query, page rows.Page, out *historyOutput, notes io.Writer) error {
	for {
		for i := len(page.Rows) - 1; i >= 0; i-- {
			if err := out.write(page.Rows[i : i+1]); err != nil {
				return output(err)
			}
		}
		if len(page.Rows) > 0 {
			if q.After != 0 && page.Next != 0 {
				fmt.Fprintln(notes, "more came than could be shown")
			}
			q.After = page.Rows[0].Ref
		}
		q.Limit = rows.MaxLimit
		select {
		case <-time.After(followEvery):
		case <-ctx.Done():
			return nil
		}
		var err error
		if page, err = s.page(ctx, q); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// newHistoryOutput returns the output that the flags ask for.
func newHistoryOutput(w io.Writer, f *historyFlags, screen layout.Screen) *historyOutput {
	return &historyOutput{w: w, json: f.json, csv: f.csv, fleet: f.q.Fleet, screen: screen}
}
