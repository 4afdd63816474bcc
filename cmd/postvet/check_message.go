package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/message"
)

// envelope returns the envelope that the flags describe.
func (f *checkFlags) envelope(cmd *cobra.Command) (e mailbox.Envelope, err error) {
	e.Helo, e.Recipients = f.helo, f.rcpt
	e.Sender = message.Sender{Path: f.mailFrom, Unknown: !cmd.Flags().Changed("mail-from"), User: f.user, TLS: f.tls}
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

// tlsVersion is the form of {tls_version} in OpenSSL, and so in Postfix and Sendmail.
var tlsVersion = regexp.MustCompile(`^(TLS|SSL)v[0-9](\.[0-9])?$`)

// arrival sets the listener and the socket by which the client came, in the form in
// which rules and modes compare them. A mistyped one would silently match nothing.
func (f *checkFlags) arrival(client *message.Client) error {
	switch {
	case strings.ContainsAny(f.listener, ":/"):
		return usage("--listener: %q is no daemon name; write an address of Postvet as --socket", f.listener)
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
		if r, silent = input.Unasked(in, input.Timeout); silent {
			fmt.Fprintf(errOut, "postvet: nothing comes from standard input, going on without a message; write \"-\" to wait for one\n")
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

// unreadable returns the error for a message that cannot be read.
func unreadable(name string, err error) error {
	return failed("%s; name a file with one message", fileError(name, err))
}

// stored returns the envelope that is stored with the message. Flags win.
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
		e.Sender.Path, e.Sender.Unknown = flags.Sender.Path, false
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
