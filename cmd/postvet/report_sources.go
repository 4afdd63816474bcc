package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

type reportSourcesFlags struct {
	reportStoreFlags
	json     bool
	unproven bool
	limit    int
	ignore   []string
	color    string
}

func newReportSources(in *os.File) *cobra.Command {
	f := &reportSourcesFlags{}
	cmd := &cobra.Command{
		Use:   "sources DOMAIN [FILE|DIR|-...]",
		Short: "say who sends as a domain, and whether it is ready for p=reject",
		Long: `Sources says who sends mail in the name of DOMAIN and the names below it, by
what aggregate reports tell: how much of it passes DMARC, why the rest fails and
what to do. New sources come first, then those of which most fails.

The reports are those that came by mail to report.inbox, or those in files, in
all the forms that "postvet report read" reads. Of those that came, the ones
count whose mail passed DMARC; --unproven counts the others too.

A source is the domain that its mail authenticates as, or a network (/24, /48).
What it is follows from the results alone: mail that is signed in your name and
changed since, while another domain authenticates it, was forwarded; mail that
authenticates as another domain is a service of yours, if it is met on 3 days or
by 2 reporters, or else a stranger; mail that nothing authenticates is forged,
or of a server that you forgot. --ignore takes a source out that is none of
yours.

The domain is ready for p=quarantine if at most 1.0% of the messages that are
probably its own fail, over 14 days of reports, and for p=reject if at most 0.2%
fail over 28 days. What forwarders break does not count: it is shown, for it
will be refused.

Reports are never proof of what they say, and duplicates do not count.

With --json, one object is printed: domain, policy (its record by the newest
report), first, last, days, reports, reporters, messages, passed, causes (how
many messages passed or failed, by cause), rest (messages of sources beyond the
limit), unproven_reports, sources, and quarantine and reject. These two have
policy, already, ready, mine (messages that are probably the domain's own), lost
(those of them that fail), forwarded and obstacles. A source has name, kind
(yours, partly, forwarder, service, faulty, stranger or forger), messages,
by_dkim, by_spf, causes, refused, addresses (5 of address_count at most),
signers, envelopes, reporters, days, first, last, new, ignored, and fixes with
cause, messages and text.

Exit codes: 0 ready for the policy that is next, or p=reject is published, 1 not
ready, 2 wrong usage, 3 no report about the domain could be read.`,
		Example: `  postvet report sources example.org
  postvet report sources example.org ~/Maildir
  postvet report sources example.org reports/ --ignore spammer.example --limit 0
  postvet report sources example.org reports/ --json | jq .reject`,
		Args: args(1, 1<<20),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return f.run(cmd, args[0], &storedReports{flags: &f.reportStoreFlags, unproven: f.unproven})
			}
			for _, name := range []string{"unproven", "directory"} {
				if cmd.Flags().Changed(name) {
					return usage("--%s beside files; it is for reports that came by mail", name)
				}
			}
			return f.run(cmd, args[0], &reportFiles{in: in, names: args[1:]})
		},
	}
	f.reportStoreFlags.add(cmd)
	fl := cmd.Flags()
	fl.BoolVar(&f.unproven, "unproven", false, "count reports too whose mail did not pass DMARC")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.IntVar(&f.limit, "limit", 20, "show at most `N` sources, all with 0")
	fl.StringArrayVar(&f.ignore, "ignore", nil, "`SOURCE` that is none of yours, by its name; repeatable")
	addColor(cmd, &f.color)
	return cmd
}

func (f *reportSourcesFlags) run(cmd *cobra.Command, name string, in reportInput) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	domain, ok := message.NormalizeDomain(name)
	switch {
	case !ok || !strings.Contains(domain, "."):
		return usage("%q is no domain; write one such as example.org before the files", name)
	case f.limit < 0:
		return usage("--limit: %d is out of bounds; write 0 or more", f.limit)
	}
	s := &sourcesSink{Sink: sources.NewSink(domain, func(r *received.Report) { unreadReport(cmd.ErrOrStderr(), r) })}
	stored, _ := in.(*storedReports)
	if stored != nil {
		stored.filter = reports.ReceivedFilter{Kind: reports.ReceivedAggregate, Domain: domain}
	}
	if err := in.read(s, progressTo(cmd, false)); err != nil {
		return err
	}
	if stored != nil {
		s.Duplicates += stored.copies
		s.unproven, s.unprovenMessages = stored.left, stored.leftMessages
	}
	switch {
	case s.Reports == 0 && s.unproven > 0:
		return failed("all %s about %s came in mail that did not pass DMARC; --unproven counts them", layout.Count(s.unproven, "report"), domain)
	case s.Reports == 0 && stored != nil:
		return failed("no report about %s has come; report.inbox says to which address they come, and the DMARC record must ask for them there by rua=. Or name files", domain)
	case s.Reports == 0:
		return failed("no report about %s could be read; name files or folders with its aggregate reports", domain)
	}
	sum := s.Analysis.Summary(f.ignore)
	sum.Unproven = s.unproven
	if f.json {
		err = printJSON(cmd.OutOrStdout(), sum)
	} else {
		err = (&sourcesText{w: cmd.OutOrStdout(), screen: screen, limit: f.limit}).write(sum, s)
	}
	if err != nil {
		return output(err)
	}
	if next := sum.Next(); next != nil && !next.Ready {
		return exit{code: exitNo}
	}
	return nil
}

// sourcesSink takes the reports, and knows of those that were left out.
type sourcesSink struct {
	*sources.Sink
	unproven         int // reports that do not count
	unprovenMessages int64
}

// sourcesText writes a summary for a person.
type sourcesText struct {
	w      io.Writer
	screen layout.Screen
	limit  int
	err    error
}

func (t *sourcesText) width() int { return max(t.screen.Width, reportWidth) }

func (t *sourcesText) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// line writes a wrapped line; further lines are indented by two more.
func (t *sourcesText) line(indent int, text string) {
	pad := strings.Repeat(" ", indent)
	text = foreign.Terminal(text, 2000)
	t.printf("%s%s\n", pad, strings.Join(layout.Lines(text, t.width()-indent-2, 0), "\n"+pad+"  "))
}

const (
	sourceForm  = "  %9s  %5s  %-30s  %s\n"
	sourceFixed = 52 // columns before the last
)

func (t *sourcesText) write(s *sources.Summary, read *sourcesSink) error {
	policy := "p=" + cmp.Or(s.Policy.P, "unknown")
	for _, tag := range []struct{ name, value string }{{"sp", s.Policy.SP}, {"np", s.Policy.NP}, {"pct", s.Policy.Percent}, {"t", s.Policy.Testing}} {
		if tag.value != "" && tag.value != "n" && tag.value != "100" {
			policy += " " + tag.name + "=" + tag.value
		}
	}
	t.printf("%s\n", t.screen.Paint(layout.Bold, s.Domain+"  "+foreign.Terminal(policy, 100)+"  "+s.First.Format(time.DateOnly)+" to "+s.Last.Format(time.DateOnly)))
	t.line(0, fmt.Sprintf("%s of %s, on %s: %d of %s passed (%s)", layout.Count(s.Reports, "report"), layout.Count(s.Reporters, "reporter"), layout.Count(s.Days, "day"), s.Passed, layout.Count(s.Messages, "message"), share(s.Passed, s.Messages)))
	for _, n := range []struct {
		n    int
		noun string
		what string
	}{
		{read.Duplicates, "duplicate", "not counted"},
		{read.Others, "other report", "not counted: about other domains, or of another kind"},
		{read.Unread, "file", "not readable"},
		{read.unproven, "report", fmt.Sprintf("of %s not counted: the mail did not pass DMARC, so that anybody may have written it; --unproven counts all", layout.Count(read.unprovenMessages, "message"))},
	} {
		if n.n > 0 {
			t.line(0, layout.Count(n.n, n.noun)+" "+n.what)
		}
	}
	if more := s.Rest + read.Left; more > 0 {
		t.line(0, layout.Count(more, "message")+" of sources beyond the limit, not told apart")
	}
	t.printf("\n")
	t.printf(sourceForm, "messages", "pass", "source", "what it probably is")
	for i, src := range s.Sources {
		if t.limit > 0 && i == t.limit {
			t.printf("  and %s; --limit 0 shows them\n", layout.Count(len(s.Sources)-i, "further source"))
			break
		}
		t.source(src)
	}
	t.printf("\n")
	t.readiness(&s.Quarantine)
	t.readiness(&s.Reject)
	return t.err
}

// source writes a source and what to do about it.
func (t *sourcesText) source(s *sources.Source) {
	what, style := s.Kind.Words(), layout.Style("")
	switch s.Kind {
	case sources.Yours:
		style = layout.Green
	case sources.AService, sources.Faulty, sources.Partly:
		style = layout.Yellow
	}
	if s.Ignored {
		what, style = "ignored", layout.Faint
	}
	if s.New {
		what += ", new since " + s.First.Format("01-02")
	}
	line := fmt.Sprintf(sourceForm, strconv.FormatInt(s.Messages, 10), share(s.Passed(), s.Messages), fit(s.Name, 30), fit(what, t.width()-sourceFixed))
	t.printf("%s\n", t.screen.Paint(style, strings.TrimRight(line, "\n")))
	if s.Ignored {
		return
	}
	if s.Failed() > 0 {
		text := "from " + cmp.Or(strings.Join(s.Addresses, ", "), "what is no address")
		if more := s.AddressCount - len(s.Addresses); more > 0 && len(s.Addresses) > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		for _, list := range []struct {
			name string
			all  []string
		}{{"dkim", s.Signers}, {"spf", s.Envelopes}} {
			if len(list.all) > 0 {
				text += "; " + list.name + " " + list.all[0]
			}
		}
		t.line(20, text)
	}
	for _, f := range s.Fixes {
		t.line(20, fmt.Sprintf("%d: %s", f.Messages, f.Text))
	}
}

// readiness writes whether the domain can ask for a policy.
func (t *sourcesText) readiness(r *sources.Readiness) {
	switch {
	case r.Already:
		t.line(0, fmt.Sprintf("p=%s is published; %d of %d messages that are probably yours fail", r.Policy, r.Lost, r.Mine))
		return
	case r.Ready:
		t.printf("%s\n", t.screen.Paint(layout.Green, fmt.Sprintf("ready for p=%s: %d of %d messages that are probably yours fail (%s)", r.Policy, r.Lost, r.Mine, share(r.Lost, r.Mine))))
	default:
		t.printf("%s\n", t.screen.Paint(layout.Yellow, "not ready for p="+r.Policy))
		for _, o := range r.Obstacles {
			t.line(2, "- "+o)
		}
	}
	if r.Forwarded > 0 {
		t.line(2, fmt.Sprintf("%s that forwarders or mailing lists changed would be lost too, unless receivers trust those", layout.Count(r.Forwarded, "message")))
	}
}

// share returns a part in percent; never 100 % unless it is all.
func share(n, of int64) string {
	switch {
	case of == 0:
		return "-"
	case n == of:
		return "100%"
	}
	return fmt.Sprintf("%.1f%%", min(99.9, float64(n)*100/float64(of)))
}
