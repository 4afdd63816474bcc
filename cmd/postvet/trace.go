package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/policy/foreign"
)

// traceFlags are the flags of trace: which messages, for how long, and how to show them.
type traceFlags struct {
	serviceFlags
	client, from, rcpt string
	duration           time.Duration
	count              int
	json               bool
	color              string
}

func newTrace() *cobra.Command {
	f := &traceFlags{}
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "show why live messages fare as they do",
		Long: `Trace shows messages while the running service decides about them: results,
verdict, and every lookup, SPF term, signature and alignment, as "check --trace"
does for a stored message. It changes no decision, and no mail waits for who
reads it. A traced message costs the service somewhat more work.

--client, --from and --rcpt select messages; all that are given must fit.
--client is the host that connected, or the one that a trusted relay names.
--from is MAIL FROM or an author in the From field, --rcpt one of the
recipients. A domain stands for those below it too.

Messages that begin from now on are shown, until the time of --for is over,
--count messages were shown, or Ctrl-C. If they come faster than they can be
shown, some are left out, and it says how many. The service traces at most 32
connections at the same time, for at most four who ask.

With --json, each message is one line with the keys of "check --json --trace",
and at, queue, early (refused before it was sent) and left_out.

Exit codes: 0 done, 2 wrong usage, 3 the service could not be asked or has
stopped.`,
		Example: `  postvet trace --from example.org --count 1     the next message of example.org
  postvet trace --client 192.0.2.0/24 --for 1h   all that a network sends
  postvet trace --rcpt ann@example.net           all to a mailbox
  postvet trace --from '<>'                      bounces
  postvet trace --json | jq '[.queue, .verdict.rule]'`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.addSocket(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.client, "client", "", "`ADDRESS` or network of the client, such as 192.0.2.1 or 2001:db8::/32")
	fl.StringVar(&f.from, "from", "", "`DOMAIN` or address of MAIL FROM or of the author; \"<>\" is the null sender")
	fl.StringVar(&f.rcpt, "rcpt", "", "`DOMAIN` or address of a recipient")
	fl.DurationVar(&f.duration, "for", control.DefaultTrace, "`TIME` after which to end (1s to 24h)")
	fl.IntVar(&f.count, "count", 0, "end after `N` messages (1 to 100000; default no bound)")
	fl.BoolVar(&f.json, "json", false, "print JSON, one message a line")
	addColor(cmd, &f.color)
	return cmd
}

func (f *traceFlags) run(cmd *cobra.Command) error {
	screen, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	q, err := f.request(cmd)
	if err != nil {
		return err
	}
	c, err := f.serviceFlags.client()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	show := traceOutput{out: cmd.OutOrStdout(), notes: cmd.ErrOrStderr(), screen: screen, json: f.json}
	if err := c.Stream(ctx, q, show.part); err != nil {
		return requestError(err)
	}
	return show.finish(ctx)
}

// request returns the request that the flags describe.
func (f *traceFlags) request(cmd *cobra.Command) (control.Request, error) {
	if _, err := livetrace.ParseFilter(f.client, f.from, f.rcpt); err != nil {
		return control.Request{}, usage("%v", err)
	}
	if f.duration < time.Second || f.duration > control.MaxTrace {
		return control.Request{}, usage("--for %s is out of bounds; write a duration between 1s and 24h", f.duration)
	}
	if cmd.Flags().Changed("count") && (f.count < 1 || f.count > control.MaxTraced) {
		return control.Request{}, usage("--count %d is out of bounds; write 1 to %d", f.count, control.MaxTraced)
	}
	return control.Request{
		Do: control.DoTrace, Client: f.client, From: f.from, Recipient: f.rcpt,
		For: int(f.duration / time.Second), Count: f.count,
	}, nil
}

// traceOutput shows the parts of a trace. Messages go to out, and what is to say about
// the trace itself to notes.
type traceOutput struct {
	out, notes io.Writer
	screen     layout.Screen
	json       bool
	shown      int
	end        livetrace.End
}

// part shows one part.
func (t *traceOutput) part(text json.RawMessage) error {
	var p livetrace.Part
	var m livetrace.Message
	if err := json.Unmarshal(text, &p); err != nil {
		return failed("the service's answer is not understood; use the postvet command that belongs to it")
	}
	if p.Begin != nil {
		fmt.Fprintf(t.notes, "traces messages until %s; Ctrl-C ends\n", p.Begin.Until.Local().Format(time.TimeOnly))
	}
	if p.LeftOut > 0 {
		fmt.Fprintf(t.notes, "%s left out, which came too fast or began earlier\n", layout.Count(int(p.LeftOut), "message"))
	}
	t.end = p.End
	if p.Message == nil {
		return nil
	}
	if err := json.Unmarshal(p.Message, &m); err != nil || m.Results == nil {
		return failed("the service's answer is not understood; use the postvet command that belongs to it")
	}
	m.LeftOut = p.LeftOut
	t.shown++
	if t.json {
		return output(t.writeJSON(&m))
	}
	return output(t.writeText(&m))
}

// writeJSON writes a message as one line.
func (t *traceOutput) writeJSON(m *livetrace.Message) error {
	return newEncoder(t.out).Encode(struct {
		At      time.Time `json:"at"`
		Queue   string    `json:"queue"`
		Early   bool      `json:"early"`
		LeftOut int64     `json:"left_out"`
		resulttext.Report
	}{m.At, m.QueueID, m.Early, m.LeftOut, resulttext.NewReport(&m.Report)})
}

// writeText writes a message for a person.
func (t *traceOutput) writeText(m *livetrace.Message) error {
	var b strings.Builder
	head := m.At.Local().Format(time.TimeOnly)
	if m.QueueID != "" {
		head += " " + foreign.Terminal(m.QueueID, foreign.Whole)
	}
	if m.Early {
		head += " (refused before it was sent)"
	}
	b.WriteString(t.screen.Paint(layout.Bold, "== "+head) + "\n")
	if err := writeReport(&b, &m.Report, nil, nil, true, t.screen); err != nil {
		return err
	}
	_, err := io.WriteString(t.out, b.String()+"\n")
	return err
}

// finish says how the trace ended.
func (t *traceOutput) finish(ctx context.Context) error {
	fmt.Fprintf(t.notes, "%s shown\n", layout.Count(t.shown, "message"))
	switch {
	case t.end == livetrace.EndTime || t.end == livetrace.EndCount || ctx.Err() != nil:
		return nil
	case t.end == livetrace.EndStopping:
		return failed("the service has stopped; see \"postvet status\"")
	}
	return failed("the service ended the trace without a reason: it was killed, or the output took nothing for too long; see \"postvet status\"")
}
