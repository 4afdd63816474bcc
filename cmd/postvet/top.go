package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
)

// topOf is what top can rank.
type topOf struct {
	word string
	kind counts.Kind
	by   counts.Field
	// columns may stand behind the number that ranks, the first ones if there is no room
	// for more. cause is the head of the last column; "" for none.
	columns []topColumn
	cause   string
}

var topOfs = []topOf{
	{"domains", counts.Domain, counts.Failed, []topColumn{colFailed, colAll, colRefused}, "likely cause"},
	{"clients", counts.Client, counts.Failed, []topColumn{colFailed, colAll, colRefused, colWould}, ""},
	{"forwarders", counts.Client, counts.Broken, []topColumn{colForwarded, colAll, colRefused, colFailed}, ""},
	{"hints", counts.Hint, counts.All, []topColumn{colFailed, colAll, colRefused}, "meaning"},
	{"rules", counts.Rule, counts.All, []topColumn{colFailed, colAll, colRefused, colWould}, ""},
	{"refusals", counts.Domain, counts.Spared, []topColumn{colShadow, colAll, colFailed}, "by rule"},
}

// topWords returns what top can rank.
func topWords() (all []string) {
	for _, t := range topOfs {
		all = append(all, t.word)
	}
	return all
}

// topFlags are the flags of top.
type topFlags struct {
	journalFlags
	q                counts.Query
	since, until, by string
	day, week        bool
	json, csv        bool
	color            string
}

func newTop() *cobra.Command {
	f := &topFlags{}
	cmd := &cobra.Command{
		Use:   "top [domains|clients|forwarders|hints|rules|refusals]",
		Short: "show who fails most, and what changed",
		Long: `Top shows those with most messages in the last week, against the week before:

  domains     authors' organizations whose mail fails DMARC most; the default
  clients     networks whose mail fails DMARC most, of 256 IPv4 addresses or a
              /48 of IPv6
  forwarders  networks whose mail fails as forwarding makes it fail: candidates
              for trust.forwarders, if you know them
  hints       likely causes of failures, as in "postvet explain"
  rules       rules that decided
  refusals    domains of mail that was accepted, but would have been refused,
              held or deferred if it were not only monitored, or by the shadow
              policy: look here before you enforce

"+12 %" is the change against the period before; "new" was not there then, and
"-" means that the journal does not go back so far. "refused" also counts mail
that was held, deferred or discarded; "would" is what monitoring prevented. --by
ranks by another number: n, passed, failed, no_policy, undecided, rejected,
quarantined, deferred, redirected, discarded, would, shadow, spared, overridden,
forwarded or broken, as postvet-journal(5) explains them.

The numbers are counted while messages come, so that old messages need not be
kept: journal.keep_counts is how long. Times are rounded to whole hours; what is
older than 15 days has whole days (UTC). Senders invent domains: of each hour,
20000 names are counted, and the others together.

The running service answers; if it is stopped, its files are read, as with
--journal. With --fleet, the database of journal.postgres answers, to which each
node sends what it counted: the present hour some seconds late, with many names
some minutes. With --csv, names that a spreadsheet would take for a formula
begin with an apostrophe.

Exit codes: 0 there are names, 1 there are none, 2 wrong usage, 3 the journal
could not be read.`,
		Example: `  postvet top                                whose mail fails, this week
  postvet top refusals --since 30d           what enforcing would refuse
  postvet top forwarders --day               who breaks mail, since yesterday
  postvet top domains --by n --limit 100     who sends most
  postvet top --fleet --node mx2             of another node
  postvet top clients --since 2026-11-01 --until 2026-12-01 --csv`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, given []string) error { return f.run(cmd, given) },
	}
	f.journalFlags.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.day, "day", false, "the last 24 hours, against those before")
	fl.BoolVar(&f.week, "week", false, "the last seven days, against those before (the default)")
	fl.StringVar(&f.since, "since", "", "since `TIME`: a duration before now such as 30d or 3h, or 2026-11-29[T10:00]")
	fl.StringVar(&f.until, "until", "", "before `TIME`, as for --since (default now)")
	fl.StringVar(&f.by, "by", "", "rank by `NUMBER`, such as n (all messages), rejected or would")
	fl.IntVar(&f.q.Limit, "limit", 20, fmt.Sprintf("show at most `N` names (1 to %d)", counts.MaxLimit))
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.csv, "csv", false, "print CSV")
	fl.BoolVar(&f.q.Fleet, "fleet", false, "count the messages of all nodes, in the database of journal.postgres")
	fl.StringVar(&f.q.Node, "node", "", "only of this `NODE`, with --fleet")
	addColor(cmd, &f.color)
	return cmd
}

// query returns the query of the flags.
func (f *topFlags) query(of topOf, now time.Time) (q counts.Query, err error) {
	q = f.q
	q.Kind, q.By = of.kind, of.by
	if f.by != "" {
		if err := q.By.UnmarshalText([]byte(f.by)); err != nil {
			return q, usage("--by %v", err)
		}
	}
	if f.cmd.Flags().Changed("limit") && q.Limit < 1 {
		return q, usage("--limit %d is out of bounds; write 1 to %d", q.Limit, counts.MaxLimit)
	}
	if f.day && f.week || f.since != "" && (f.day || f.week) {
		return q, usage("write one of --day, --week and --since")
	}
	q.Until = now
	if f.until != "" {
		if q.Until, err = parseTime(f.until, now); err != nil {
			return q, usage("--until %v", err)
		}
	}
	q.Until = counts.HourOf(q.Until.Add(time.Hour - 1)) // as Check does
	switch {
	case f.since != "":
		if q.Since, err = parseTime(f.since, now); err != nil {
			return q, usage("--since %v", err)
		}
	case f.day:
		q.Since = q.Until.Add(-24 * time.Hour)
	default:
		q.Since = q.Until.Add(-7 * 24 * time.Hour)
	}
	if err := q.Check(); err != nil {
		return q, usage("%v", err)
	}
	return q, nil
}

func (f *topFlags) run(cmd *cobra.Command, given []string) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	if f.json && f.csv {
		return usage("--json beside --csv; write one of them")
	}
	of := topOfs[0]
	if len(given) > 0 {
		if of, err = parseTopOf(given[0]); err != nil {
			return err
		}
	}
	q, err := f.query(of, time.Now())
	if err != nil {
		return err
	}
	s, err := f.source(cmd.Context())
	if err != nil {
		return err
	}
	r, err := s.top(cmd.Context(), q)
	if err != nil {
		return err
	}
	switch out := cmd.OutOrStdout(); {
	case f.json:
		err = printJSON(out, r)
	case f.csv:
		err = writeTopCSV(out, r)
	case len(r.Lines) > 0:
		err = newTopTable(of, r, screen).write(out)
	}
	if err != nil {
		return output(err)
	}
	return endOfTop(cmd.ErrOrStderr(), r)
}

func parseTopOf(s string) (topOf, error) {
	for _, t := range topOfs {
		if t.word == s {
			return t, nil
		}
	}
	return topOf{}, usage("%q cannot be ranked; write domains, clients, forwarders, hints, rules or refusals", s)
}

// top ranks names.
func (s *source) top(ctx context.Context, q counts.Query) (r counts.Ranking, err error) {
	if s.dir == "" {
		text, err := json.Marshal(q)
		if err != nil {
			return r, err
		}
		return r, request(ctx, s.client, answerTime, control.Request{Do: control.DoTop, Query: string(text)}, &r)
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	if q.Fleet {
		reader, err := s.fleet()
		if err != nil {
			return r, err
		}
		if r, err = reader.Top(ctx, q); err != nil {
			return r, failed("%v", err)
		}
		return r, nil
	}
	if _, err := sqlite.Files(s.dir); err != nil {
		return r, failed("%s; name the directory of the journal with --journal", fileError(s.dir, err))
	}
	if r, err = sqlite.NewReader(s.dir).Top(ctx, q); err != nil {
		return r, failed("%s; name the directory of the journal with --journal", fileError(s.dir, err))
	}
	return r, nil
}

// endOfTop says what the names do not show, and returns the answer no if there are none.
func endOfTop(notes io.Writer, r counts.Ranking) error {
	if !r.Complete {
		return failed("the time was over; narrow the search with --since, or ask for fewer names")
	}
	if n := r.Other[r.Query.By]; n > 0 {
		fmt.Fprintf(notes, "%d more are of names that were too many to be counted one by one\n", n)
	}
	if r.Missing > 0 {
		fmt.Fprintf(notes, "%d messages could not be counted\n", r.Missing)
	}
	switch {
	case r.Oldest.IsZero():
		return answerNo("nothing is counted yet; see \"postvet journal status\"")
	case len(r.Lines) == 0:
		return answerNo("there are none in this time; the counts go back to %s", r.Oldest.Local().Format(time.DateTime))
	case r.Oldest.After(r.Query.Since):
		fmt.Fprintf(notes, "the counts begin at %s\n", r.Oldest.Local().Format(time.DateTime))
	}
	return nil
}
