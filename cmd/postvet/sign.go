package main

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
)

type signFlags struct {
	domain, selector, key string
	fields                string
	expires               time.Duration
	at                    string
	seal                  bool
	authservID            string
}

func newSign(in *os.File) *cobra.Command {
	f := &signFlags{}
	cmd := &cobra.Command{
		Use:   "sign --selector SELECTOR --key FILE [MESSAGE]",
		Short: "sign a message and print it",
		Long: `Sign puts a DKIM signature on top of a message and prints the message. It is a
way to try a key and the list of signed fields. The service signs by [sign] of
its configuration.

MESSAGE is a file, "-" or nothing is standard input. The signature is that of
the author's domain unless --domain names another one. FILE holds a private key,
RSA or Ed25519, in any form that OpenSSL, opendkim or Rspamd write.

The list of signed fields is one of

  default   oversigns what a mail program shows, From and Subject among it
  strict    oversigns all of its fields, also absent ones
  lists     oversigns From alone, for mail to mailing lists

With --seal it puts an ARC set on top instead, as the server of a mailing list
does (RFC 8617). The set records the Authentication-Results fields of the
message that have the --authserv-id, and continues the chain that they found.
--domain names the domain that seals. The key must be an RSA key. See
postvet-seal(7).

To oversign a field is to sign its absence too, so that nobody can add another
one.

Exit codes: 0 signed, 1 the message has no single author to sign for, or cannot
be sealed, 2 wrong usage or a file that is no key, 3 a file cannot be read.`,
		Example: `  postvet sign --selector s2026 --key s2026.pem mail.eml > signed.eml
  postvet sign --domain example.org --selector s2026 --key s2026.pem < mail.eml
  postvet sign --seal --domain example.org --authserv-id mx.example.org \
      --selector s2026 --key s2026.pem mail.eml`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, in, args) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.domain, "domain", "", "signing `DOMAIN` (default the author's)")
	fl.StringVar(&f.selector, "selector", "", "`SELECTOR` of the key's record")
	fl.StringVar(&f.key, "key", "", "private key `FILE`")
	fl.StringVar(&f.fields, "fields", "default", "`LIST` of signed fields: default, strict or lists")
	fl.DurationVar(&f.expires, "expires", 7*24*time.Hour, "`TIME` until the signature expires; 0 for never")
	fl.StringVar(&f.at, "at", "", "`TIME` of the signature: RFC 3339 or Unix seconds (default now)")
	fl.BoolVar(&f.seal, "seal", false, "seal by ARC instead, with the results that are in the message")
	fl.StringVar(&f.authservID, "authserv-id", "", "`ID` of these results (default the host name)")
	return cmd
}

// maxSigned bounds the message, which is held in memory, in octets.
const maxSigned = 256 << 20

func (f *signFlags) run(cmd *cobra.Command, in *os.File, args []string) error {
	at := time.Now()
	if cmd.Flags().Changed("at") {
		var err error
		if at, err = mailbox.ParseTime(f.at); err != nil {
			return usage("--at: %v", err)
		}
	}
	rules, ok := map[string][]dkim.FieldRule{"default": dkim.DefaultFields(), "strict": dkim.StrictFields(), "lists": dkim.ListFields()}[f.fields]
	switch {
	case !ok:
		return usage("--fields: %q is no list; write default, strict or lists", f.fields)
	case f.selector == "":
		return usage("--selector is missing; name the label below _domainkey, such as s2026")
	case f.key == "":
		return usage("--key is missing; name the file of the private key")
	case f.seal && f.domain == "":
		return usage("--seal: --domain is missing; name the domain that seals")
	case !f.seal && f.authservID != "":
		return usage("--authserv-id is for --seal alone")
	case f.expires < 0:
		return usage("--expires: %v is in the past; write a time such as 168h", f.expires)
	}
	signer, findings, err := keys.ReadFile(f.key, false)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return exit{exitFailed, err}
	case err != nil:
		return exit{exitUsage, err}
	}
	for _, w := range findings {
		fmt.Fprintf(cmd.ErrOrStderr(), "postvet: %s\n", w)
	}
	mail, name, err := readMessage(in, args)
	if err != nil {
		return err
	}
	o := dkim.SignOptions{
		Domain: f.domain, Selector: f.selector, Key: signer, HeaderForm: dkim.Relaxed, BodyForm: dkim.Relaxed, Fields: rules, Time: at,
	}
	if f.expires > 0 {
		o.Expires = at.Add(f.expires)
	}
	var field string
	if f.seal {
		field, err = sealMessage(mail, name, f.authservID, o)
	} else {
		field, err = signMessage(cmd.ErrOrStderr(), mail, name, o)
	}
	if err != nil {
		return err
	}
	if !bytes.Contains(mail[:min(len(mail), 1000)], []byte("\r\n")) { // as the message has it
		field = strings.ReplaceAll(field, "\r\n", "\n")
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), field); err != nil {
		return output(err)
	}
	if _, err := cmd.OutOrStdout().Write(mail); err != nil {
		return output(err)
	}
	return nil
}

// readMessage returns the whole message and where it comes from.
func readMessage(in *os.File, args []string) (mail []byte, name string, err error) {
	var r io.Reader
	name = "standard input"
	if len(args) == 1 && args[0] != "-" {
		name = args[0]
		f, err := input.Open(name)
		if err != nil {
			return nil, name, failed("%s", fileError(name, err))
		}
		defer f.Close()
		r = f
	} else if r, err = input.Standard(in); err != nil {
		return nil, name, failed("%s; give the message to standard input, or name a file", fileError(name, err))
	}
	mail, err = io.ReadAll(io.LimitReader(r, maxSigned+1))
	if err != nil {
		return nil, name, failed("%s", fileError(name, err))
	}
	if len(mail) > maxSigned {
		return nil, name, failed("%s: larger than %d MB", name, maxSigned>>20)
	}
	return mail, name, nil
}

// signMessage returns the DKIM-Signature field of a message, after a verifier has
// found it good.
func signMessage(errOut io.Writer, mail []byte, name string, o dkim.SignOptions) (string, error) {
	r := message.NewReader(bytes.NewReader(mail))
	header, err := r.Header()
	if err != nil {
		return "", unreadable(name, err)
	}
	author := message.ParseAuthor(header)
	switch {
	case o.Domain == "" && author.Problem != "":
		return "", answerNo("%s: not signed: the author is ambiguous: %s; name the domain with --domain", name, author.Problem)
	case o.Domain == "":
		o.Domain = author.Domain
	case author.Problem == "" && !message.Below(author.Domain, o.Domain):
		fmt.Fprintf(errOut, "postvet: %s is not the author's domain %s, so that the signature is no help for DMARC\n", o.Domain, author.Domain)
	}
	var bodies dkim.Bodies
	s, err := dkim.NewSigner(dkim.NewHeaderIndex(header), &bodies, o)
	if err != nil {
		return "", exit{exitUsage, err}
	}
	if _, err := r.WriteTo(&bodies); err != nil {
		return "", unreadable(name, err)
	}
	bodies.Close()
	field, err := s.Sign()
	if err != nil {
		return "", exit{exitFailed, err}
	}
	return field.Raw, proveSignature(append([]byte(field.Raw), mail...), o)
}

// proveSignature verifies the topmost signature with the public half of its key.
func proveSignature(signed []byte, o dkim.SignOptions) error {
	r := message.NewReader(bytes.NewReader(signed))
	header, err := r.Header()
	if err != nil {
		return exit{exitFailed, err}
	}
	var bodies dkim.Bodies
	v := dkim.NewVerifier(header, &bodies, dkim.Options{Now: func() time.Time { return o.Time }, Author: o.Domain})
	if _, err := r.WriteTo(&bodies); err != nil {
		return exit{exitFailed, err}
	}
	bodies.Close()
	s, err := dkim.ParseSignature(header[0])
	if err != nil {
		return exit{exitFailed, err}
	}
	known := dkim.KnownKeys(map[dkim.KeyRef]crypto.PublicKey{s.KeyRef(): o.Key.Public()})
	if got := v.Finish(known); got[0].Status != dkim.Pass {
		return failed("the signature does not verify (%s); please report this", got[0].Reason)
	}
	return nil
}
