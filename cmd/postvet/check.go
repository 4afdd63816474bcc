package main

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

// checkFlags are an envelope and how to look at it.
type checkFlags struct {
	settings
	ip, helo, mailFrom string
	rcpt               []string
	user, tls          string
	listener, socket   string
	at                 string
	json, trace        bool
	second             bool
	color              string
}

func newCheck(in *os.File) *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "evaluate one message as if it arrived now",
		Long: `Check evaluates one message exactly as "serve" would if it arrived from the
client that the flags describe, and prints each result, why, and what would be
done. "why" tells how that came about; "hint" is a likely story behind a
failure, and decides nothing.

FILE holds the message; "-" stands for standard input, which is also read if it
is a file or a pipe. Without a message, SPF and reverse DNS are checked alone.
Without --ip there is no SPF.

Trusted addresses and local submissions are checked too, so that you see their
results; --user makes the message that of an authenticated client, which is
exempt unless the configuration says otherwise. --listener, --socket and --tls
say how it came, for rules and policy.monitor_listeners that ask for it. If --ip
is one of the configuration's trust.relays, the client is whom the message's
Received fields name.

--second-opinion has go-msgauth, another implementation of DKIM, verify the
signatures too. It judges expiry by the clock of now, fails every l=, and knows
no t=s; a difference for one of these reasons means nothing.

Exit codes: 0 it would be accepted, 1 it would not, 2 wrong usage, 3 the message
is not readable or no resolver answers.`,
		Example: `  postvet check --ip 192.0.2.1 --helo mx.example.org --mail-from a@example.org mail.eml
  postvet check --ip 192.0.2.1 --mail-from a@example.org        SPF alone
  postvet check --trace --at 2026-05-01T12:00:00Z mail.eml      by the clock of then
  postvet check --config postvet.toml --listener ORIGINATING --tls TLSv1.3 mail.eml
  postvet check --json mail.eml | jq .dmarc`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, in, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.ip, "ip", "", "`ADDRESS` of the client")
	fl.StringVar(&f.helo, "helo", "", "`NAME` the client gave in HELO or EHLO")
	fl.StringVar(&f.mailFrom, "mail-from", "", "`ADDRESS` of MAIL FROM; empty is the null sender")
	fl.StringArrayVar(&f.rcpt, "rcpt", nil, "`ADDRESS` of a recipient; repeatable")
	fl.StringVar(&f.user, "user", "", "`NAME` the client logged in with")
	fl.StringVar(&f.listener, "listener", "", "`NAME` of the MTA's listener, its {daemon_name}")
	fl.StringVar(&f.socket, "socket", "", "`ADDR` of our own socket, such as inet:127.0.0.1:8890 or unix:/path")
	fl.StringVar(&f.tls, "tls", "", "`VERSION` of TLS between client and MTA, such as TLSv1.3 (default not encrypted)")
	fl.StringVar(&f.at, "at", "", "`TIME` to judge expiry by, RFC 3339 or Unix seconds (default now)")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.trace, "trace", false, "print every step, and look closer at broken signatures")
	fl.BoolVar(&f.second, "second-opinion", false, "have signatures also verified by go-msgauth, and compare")
	fl.StringVar(&f.color, "color", "auto", "`WHEN` to use colours: auto, always or never")
	f.addFile(cmd)
	f.addDNS(cmd)
	f.addAuthservID(cmd)
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, in *os.File, args []string) error {
	look, err := screenOf(cmd.OutOrStdout(), f.color)
	if err != nil {
		return err
	}
	var client message.Client
	if cmd.Flags().Changed("ip") {
		ip, err := netip.ParseAddr(f.ip)
		if err != nil {
			return usage("--ip: %q is no address; write one such as 192.0.2.1 or 2001:db8::1", f.ip)
		}
		client.IP = ip.Unmap().WithZone("")
	}
	if err := f.arrival(&client); err != nil {
		return err
	}
	now := time.Now
	if cmd.Flags().Changed("at") {
		at, err := trial.ParseTime(f.at)
		if err != nil {
			return usage("--at: %v", err)
		}
		start := time.Now()
		now = func() time.Time { return at.Add(time.Since(start)) }
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	src, err := openSource(in, args, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer src.Close()
	if !src.present && !client.IP.IsValid() {
		return usage("nothing to check; name a message FILE, or a client with --ip")
	}
	report, opinions, err := f.evaluate(cmd.Context(), c, client, src, now)
	if err != nil {
		return err
	}
	if f.json {
		err = writeReportJSON(cmd.OutOrStdout(), report, opinions)
	} else {
		err = writeReport(cmd.OutOrStdout(), report, opinions, f.trace, look)
	}
	if err != nil {
		return output(err)
	}
	return answer(report)
}

// tlsVersion is {tls_version} as OpenSSL, and so Postfix and Sendmail, write it.
var tlsVersion = regexp.MustCompile(`^(TLS|SSL)v[0-9](\.[0-9])?$`)

// arrival says by which listener and socket the client came, in the form in which
// rules and modes compare them. A misspelt one would match none and say nothing.
func (f *checkFlags) arrival(client *message.Client) error {
	switch {
	case strings.ContainsAny(f.listener, ":/"):
		return usage("--listener: %q is no daemon name; write an address of our own as --socket", f.listener)
	case strings.ContainsFunc(f.listener, func(r rune) bool { return r <= ' ' || unicode.IsControl(r) }):
		return usage("--listener: %q is no daemon name; write one such as ORIGINATING", f.listener)
	case f.tls != "" && !tlsVersion.MatchString(f.tls):
		return usage("--tls: %q is no version of TLS; write one such as TLSv1.3", f.tls)
	}
	client.Listener = f.listener
	if f.socket == "" {
		return nil
	}
	a, err := socket.Parse(f.socket)
	if err == nil {
		client.Socket = a.Canonical()
	}
	if client.Socket == "" {
		return usage("--socket: %q is no address of a socket; write one such as inet:127.0.0.1:8890 or unix:/run/postvet/postvet.sock", f.socket)
	}
	return nil
}

// evaluate drives the checker as the filter does for a message from the wire. The
// opinions are nil unless they are asked for.
func (f *checkFlags) evaluate(ctx context.Context, c *config.Config, client message.Client, src *source, now func() time.Time) (*result.Report, []dkim.Opinion, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return nil, nil, exit{exitFailed, err}
	}
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return nil, nil, exit{exitFailed, err}
	}
	defer resolver.Close()
	o := c.CheckerOptions(resolver, id, now)
	o.Trace = f.trace
	o.Exempt = policy.Exempt{Authenticated: c.Exempt.Authenticated}

	conn := policy.NewChecker(o).Connect(ctx, client)
	defer conn.Close()
	conn.Helo(f.helo)
	msg := conn.Message(message.Sender{Path: f.mailFrom, User: f.user, TLS: f.tls})
	defer msg.Close()
	for _, r := range f.rcpt {
		msg.Recipient(r)
	}
	set := c.Rules(id)
	var mail limitedBuffer
	var early *result.Results
	if src.present {
		if set.RefusesEarly() {
			early = msg.Early(ctx)
		}
		also := io.Discard
		if f.second {
			also = &mail
		}
		if err := src.feed(msg, also); err != nil {
			return nil, nil, err
		}
	}
	results := msg.Finish(ctx)
	if !src.present {
		withoutMessage(results)
	}
	// The checks run side by side and note what they did as they end.
	slices.SortStableFunc(results.Trace, func(a, b result.Event) int { return cmp.Compare(a.AtMS, b.AtMS) })
	verdict := set.Replay(early, results)
	if f.trace && src.present {
		results.Trace = append(results.Trace, explain.TraceVerdict(results, &verdict)...)
	}
	report := &result.Report{Results: results, Verdict: verdict, AuthenticationResults: strings.TrimSpace(verdict.AuthenticationResults)}
	if shadow := c.ShadowRules(id); shadow != nil && src.present {
		v := shadow.Decide(results)
		report.Shadow = &v
	}
	if !src.present {
		report.Verdict = result.Verdict{
			Action: result.Accept, Intended: result.Accept, Rule: ruleNoMessage, Overrides: []result.Override{},
			Text: "there is no message to decide about",
		}
		report.AuthenticationResults = ""
	}
	var opinions []dkim.Opinion
	if f.second && src.present {
		opinions = secondOpinion(ctx, &mail, resolver, results.DKIM)
	}
	return report, opinions, nil
}

// ruleNoMessage stands in the verdict where there is nothing to decide about.
const ruleNoMessage = "no-message"

// withoutMessage takes out what the checker says about a header that does not
// exist.
func withoutMessage(r *result.Results) {
	r.Author = message.Author{}
	r.DMARC.Reason = noMessageReason
	r.ARC.Reason = noMessageReason
	r.Trace = slices.DeleteFunc(r.Trace, func(e result.Event) bool {
		return e.What == "dkim" || e.What == "arc" || e.What == "dmarc" || e.What == "message"
	})
}

const noMessageReason = "no message"

// answer turns a report into the exit code.
func answer(r *result.Report) error {
	switch {
	case r.Verdict.Action == result.Reject || r.Verdict.Action == result.Quarantine:
		return exit{code: exitNo}
	case r.DNS.Lookups > 0 && r.DNS.Failed == r.DNS.Lookups:
		return failed("no resolver answered any of %d look-ups; try another with --resolver", r.DNS.Lookups)
	case r.Verdict.Action != result.Accept:
		return exit{code: exitNo}
	}
	return nil
}
