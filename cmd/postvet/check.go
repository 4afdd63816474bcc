package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/result"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
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
	received           bool
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

FILE holds the message, also as an mbox or packed with gzip; "-" stands for
standard input, which is also read if it is a file or a pipe. Without a message,
SPF and reverse DNS are checked alone. Without --ip there is no SPF.

With --received, what the flags leave out is taken from the envelope that is
stored with the message, as "postvet policy test" finds it: in MESSAGE.envelope
or in X-Envelope fields, else in Return-Path and the topmost Received field.

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
	fl.BoolVar(&f.received, "received", false, "take what the flags leave out from the envelope stored with the message")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.trace, "trace", false, "print every step, and look closer at broken signatures")
	fl.BoolVar(&f.second, "second-opinion", false, "have signatures also verified by go-msgauth, and compare")
	addColor(cmd, &f.color)
	f.addFile(cmd)
	f.addDNS(cmd)
	f.addAuthservID(cmd)
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, in *os.File, args []string) error {
	look, err := screenOf(cmd, f.color)
	if err != nil {
		return err
	}
	envelope, err := f.envelope(cmd)
	if err != nil {
		return err
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	box, err := openMessage(in, args, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	if box != nil {
		defer box.Close()
	} else if !envelope.Client.IP.IsValid() {
		return usage("nothing to check; name a message FILE, or a client with --ip")
	}
	report, opinions, err := f.evaluate(cmd, c, envelope, box)
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

// envelope makes an envelope of the flags.
func (f *checkFlags) envelope(cmd *cobra.Command) (e mailbox.Envelope, err error) {
	e.Helo, e.Recipients = f.helo, f.rcpt
	e.Sender = message.Sender{Path: f.mailFrom, User: f.user, TLS: f.tls}
	if cmd.Flags().Changed("ip") {
		ip, err := netip.ParseAddr(f.ip)
		if err != nil {
			return e, usage("--ip: %q is no address; write one such as 192.0.2.1 or 2001:db8::1", f.ip)
		}
		e.Client.IP = ip.Unmap().WithZone("")
	}
	if err := f.arrival(&e.Client); err != nil {
		return e, err
	}
	if cmd.Flags().Changed("at") {
		if e.Time, err = mailbox.ParseTime(f.at); err != nil {
			return e, usage("--at: %v", err)
		}
	}
	return e, nil
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

// openMessage begins to read the message that the arguments name; nil if there is
// none.
func openMessage(in *os.File, args []string, errOut io.Writer) (box *mailbox.Reader, err error) {
	name := "standard input"
	var r io.Reader
	switch {
	case len(args) == 0:
		var silent bool
		if r, silent = input.Unasked(in, input.Patience); silent {
			fmt.Fprintf(errOut, "postvet: standard input is silent, going on without a message; write \"-\" to wait for one\n")
		}
	case args[0] == "-":
		if r, err = input.Standard(in); err != nil {
			return nil, failed("%s; give the message to standard input, or name a file", fileError(name, err))
		}
	default:
		name = args[0]
		box, err = mailbox.Open(name)
	}
	if r != nil {
		box, err = mailbox.NewReader(r, name)
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	return box, nil
}

func unreadable(name string, err error) error {
	return failed("%s; name a file with one message", fileError(name, err))
}

// evaluate evaluates the message of the mailbox as the filter does one from the
// wire. The opinions are nil unless they are asked for.
func (f *checkFlags) evaluate(cmd *cobra.Command, c *config.Config, e mailbox.Envelope, box *mailbox.Reader) (*result.Report, []dkim.Opinion, error) {
	var m *mailbox.Message
	if box != nil {
		var err error
		if m, err = box.Next(); err != nil {
			return nil, nil, unreadable(box.Name(), err)
		}
		if f.received {
			if e, err = f.stored(cmd, e, m); err != nil {
				return nil, nil, unreadable(box.Name(), err)
			}
		}
	}
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return nil, nil, exit{exitFailed, err}
	}
	resolver, err := c.NewResolver(nil)
	if err != nil {
		return nil, nil, exit{exitFailed, err}
	}
	defer resolver.Close()
	now := time.Now
	if !e.Time.IsZero() {
		now = trial.ClockAt(e.Time)
	}
	o := c.CheckerOptions(resolver, id, now)
	o.Trace = f.trace
	o.Exempt = policy.Exempt{Authenticated: c.Exempt.Authenticated}
	rules := c.Rules(id)
	report, opinions, err := trial.Check{
		Checker: policy.NewChecker(o), Resolver: resolver, Envelope: e.Envelope, Message: m,
		Rules: &rules, Shadow: c.ShadowRules(id), Trace: f.trace, SecondOpinion: f.second,
	}.Run(cmd.Context())
	if err != nil {
		return nil, nil, unreadable(box.Name(), err)
	}
	if box != nil {
		if _, err := box.Next(); !errors.Is(err, io.EOF) {
			return nil, nil, failed("%s: holds more than one message; name a file with one, or see \"postvet policy test --help\"", box.Name())
		}
	}
	return report, opinions, nil
}

// stored returns the envelope that is stored with the message, with the flags over
// it.
func (f *checkFlags) stored(cmd *cobra.Command, flags mailbox.Envelope, m *mailbox.Message) (mailbox.Envelope, error) {
	e, err := m.TakeEnvelope(true)
	if err != nil {
		return e, err
	}
	given := cmd.Flags().Changed
	if given("ip") {
		e.Client.IP = flags.Client.IP
	}
	if given("listener") {
		e.Client.Listener = flags.Client.Listener
	}
	e.Client.Socket = flags.Client.Socket
	if given("helo") {
		e.Helo = flags.Helo
	}
	if given("mail-from") {
		e.Sender.Path = flags.Sender.Path
	}
	if given("user") {
		e.Sender.User = flags.Sender.User
	}
	if given("tls") {
		e.Sender.TLS = flags.Sender.TLS
	}
	if given("rcpt") {
		e.Recipients = flags.Recipients
	}
	if given("at") {
		e.Time = flags.Time
	}
	return e, nil
}

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
