package main

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
)

// checkFlags are the flags of check: an envelope, and how to show the results.
type checkFlags struct {
	configFlags
	ip, helo, mailFrom string
	rcpt               []string
	user, tls          string
	listener, socket   string
	at                 string
	received           bool
	json, trace        bool
	second, sign       bool
	color              string
}

func newCheck(in *os.File) *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "evaluate one message as if it arrived now",
		Long: `Check evaluates one message as "serve" would if it arrived from the client that
the flags describe. It prints each result with its reason, and what would be
done. "why" explains the decision. "hint" names a likely cause of a failure; it
decides nothing.

FILE holds the message; an mbox with one message, the output of "postcat -q" and
gzip are read too. "-" is standard input, which is also read if it is a file or
a pipe. Without a message, only SPF and reverse DNS are checked. Without --ip
there is no SPF.

With --received, the envelope that is stored with the message replaces missing
flags: MESSAGE.envelope, X-Envelope fields, what postcat prints of it, or else
Return-Path and the Received field of the last hop into this host. That field
also says whether the client had logged in (ESMTPA, ESMTPSA). "postvet policy
test" reads the envelope in the same way.

Trusted addresses and local submissions are checked too, so that you see their
results. --user makes the client one that has logged in, which is exempt unless
the configuration says otherwise. --sign says whether the service would sign the
message by the configuration's [sign], and with which fields, and whether it
would seal it by [seal]. --listener, --socket and --tls describe the connection
for rules and for policy.monitor_listeners. If --ip is one of the
configuration's trust.relays, the Received fields of the message name the
client.

With --second-opinion, go-msgauth verifies the signatures too. It is another
implementation of DKIM: it judges expiry by the present time, fails every l=,
and does not know t=s. A difference for one of these reasons means nothing.

Exit codes: 0 the message would be accepted, 1 it would not, 2 wrong usage, 3
the message cannot be read or no resolver answers.`,
		Example: `  postvet check --ip 192.0.2.1 --helo mx.example.org \
      --mail-from a@example.org mail.eml
  postvet check --ip 192.0.2.1 --mail-from a@example.org   SPF alone
  postvet check --trace --at 2026-05-01T12:00:00Z mail.eml at another time
  postvet check --received ~/Maildir/new/1777636800.M1.mx  as it was delivered
  postcat -q 4F1ABC | postvet check --received             in Postfix's queue
  postvet check --config postvet.toml --listener ORIGINATING \
      --tls TLSv1.3 mail.eml
  postvet check --config postvet.toml --sign --user ann@example.org mail.eml
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
	fl.StringVar(&f.socket, "socket", "", "`ADDR` of Postvet's socket, such as inet:127.0.0.1:8890 or unix:/path")
	fl.StringVar(&f.tls, "tls", "", "`VERSION` of TLS between client and MTA, such as TLSv1.3 (default no TLS)")
	fl.StringVar(&f.at, "at", "", "`TIME` of arrival, by which expiry is judged: RFC 3339 or Unix seconds (default now)")
	fl.BoolVar(&f.received, "received", false, "take missing flags from the envelope that is stored with the message")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	fl.BoolVar(&f.trace, "trace", false, "print every step, and examine broken signatures")
	fl.BoolVar(&f.sign, "sign", false, "say whether the service would sign or seal the message, by which key, and if not, why")
	fl.BoolVar(&f.second, "second-opinion", false, "verify signatures by go-msgauth too, and compare")
	addColor(cmd, &f.color)
	f.addFile(cmd)
	f.addDNS(cmd)
	f.addAuthservID(cmd)
	return cmd
}

func (f *checkFlags) run(cmd *cobra.Command, in *os.File, args []string) error {
	screen, err := screenOf(cmd, f.color)
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
	report, opinions, notes, err := f.evaluate(cmd, c, envelope, box)
	if err != nil {
		return err
	}
	if f.json {
		err = writeReportJSON(cmd.OutOrStdout(), report, opinions, notes)
	} else {
		err = writeReport(cmd.OutOrStdout(), report, opinions, notes, f.trace, screen)
	}
	if err != nil {
		return output(err)
	}
	return answer(report)
}

// evaluate evaluates the message of the mailbox, or the client alone if there is
// none. The opinions are nil unless they are asked for. The notes say what was passed
// over in the message's file.
func (f *checkFlags) evaluate(cmd *cobra.Command, c *config.Config, e mailbox.Envelope, box *mailbox.Reader) (_ *result.Report, _ []dkim.Opinion, notes []string, _ error) {
	var m *mailbox.Message
	if box != nil {
		var err error
		if m, err = box.Next(); err != nil {
			return nil, nil, nil, unreadable(box.Name(), err)
		}
		if f.received {
			if e, err = f.stored(cmd, e, m); err != nil {
				return nil, nil, nil, unreadable(box.Name(), err)
			}
		}
		notes = m.Notes
	}
	if f.sign && !c.Sign.Signs() {
		return nil, nil, nil, usage("--sign: the configuration signs nothing; set sign.keys, and name the file with --config")
	}
	under, err := newEvaluation(c)
	if err != nil {
		return nil, nil, nil, err
	}
	defer under.resolver.Close()
	if f.sign {
		under.sign()
	}
	if box != nil {
		if note := under.learn(cmd.Context()); note != "" {
			notes = append(notes, note)
		}
	}
	now := time.Now
	if !e.Time.IsZero() {
		now = trial.ClockAt(e.Time)
	}
	rules := c.Rules(under.AuthservID)
	report, opinions, err := trial.Check{
		Checker: under.Checker(now, f.trace), Resolver: under.resolver, Envelope: e.Envelope, Message: m,
		Rules: &rules, Shadow: c.ShadowRules(under.AuthservID), Trace: f.trace, Learned: under.learned, SecondOpinion: f.second,
	}.Run(cmd.Context())
	if err != nil {
		return nil, nil, nil, unreadable(box.Name(), err)
	}
	if box != nil {
		if _, err := box.Next(); !errors.Is(err, io.EOF) {
			return nil, nil, nil, failed("%s: holds more than one message; name a file with one, or see \"postvet policy test --help\"", box.Name())
		}
	}
	return report, opinions, notes, nil
}

// answer returns the exit code for a report.
func answer(r *result.Report) error {
	switch {
	case r.Verdict.Action == result.Reject || r.Verdict.Action == result.Quarantine:
		return exit{code: exitNo}
	case r.DNS.Lookups > 0 && r.DNS.Failed == r.DNS.Lookups:
		return failed("no resolver answered any of %d lookups; try another with --resolver", r.DNS.Lookups)
	case r.Verdict.Action != result.Accept:
		return exit{code: exitNo}
	}
	return nil
}
