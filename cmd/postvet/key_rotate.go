package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
	"github.com/postvet/postvet/policy/message"
)

func newKeyRotate() *cobra.Command {
	f := &keyFlags{}
	var selector, kind, form string
	cmd := &cobra.Command{
		Use:   "rotate DOMAIN",
		Short: "give a domain a new key, which takes over by itself",
		Long: `Rotate makes a new key for a domain, under a selector that was never used. The
present key goes on signing. The service watches all name servers of the zone.
When all of them have shown the new record for the time that others may remember
its absence, the new key signs and the former one retires.

The record of the former key stays for sign.rotate_keep, for the mail that is
under way. Then it is revoked (p= is empty), and removed after
sign.rotate_revoked. If sign.publish is set, all of that happens without you.
Otherwise publish what this command prints, and later do what "postvet key list"
asks for.

Exit codes: 0 begun, 1 a rotation is under way or the domain has no key, 2 wrong
usage, 3 the key could not be written or published.`,
		Example: `  postvet key rotate example.org --config /etc/postvet/postvet.toml
  postvet key rotate example.org --type ed25519 --form bind`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := (keys.Key{}).WriteRecord(keys.Form(form)); err != nil {
				return usage("--form: %v", err)
			}
			if kind != "rsa" && kind != "ed25519" {
				return usage("--type: %q is no type of key; write rsa or ed25519", kind)
			}
			l, err := f.life(cmd, true)
			if err != nil {
				return err
			}
			defer l.close()
			return l.rotate(cmd, args[0], selector, kind, form)
		},
	}
	f.addLife(cmd)
	cmd.Flags().StringVar(&selector, "selector", "", "`SELECTOR` of the new key (default the quarter, and a letter)")
	cmd.Flags().StringVar(&kind, "type", "rsa", "`TYPE` of the key to replace: rsa or ed25519")
	addForm(cmd, &form)
	return cmd
}

func (l *life) rotate(cmd *cobra.Command, domain, selector, kind, form string) error {
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return usage("%q is no domain name; write one such as example.org", domain)
	}
	if entries, err := keys.ListDomain(l.o.Dir, name, l.o.Strict); err != nil || len(entries) == 0 {
		return answerNo("%s has no key for %s; make one with postvet key new %s", l.o.Dir, name, name)
	}
	const clocks = time.Second // of files may be a little behind
	begun := time.Now().Add(-clocks)
	own, err := rotation.Begin(l.ctx, l.o, name, kind, selector)
	if errors.Is(err, rotation.ErrUnderWay) {
		say(cmd, "publish this TXT record at %s, unless it is there; see postvet key check %s:", own.Name(), name)
		if err := writeRecord(cmd, own, form); err != nil {
			return err
		}
		return exit{exitNo, err}
	}
	if err != nil {
		return exit{exitFailed, err}
	}
	what := "a new key"
	if !own.Changed.IsZero() && own.Changed.Before(begun) { // its file was read
		what = "the new key, made before and never seen in the DNS"
	}
	say(cmd, "%s: %s, %s of %d bits", own.Path, what, own.Type(), own.Bits())
	published, err := rotation.Register(l.ctx, l.o, own)
	switch {
	case err != nil:
		return exit{exitFailed, fmt.Errorf("the record was not published: %w; the service tries again", err)}
	case published:
		say(cmd, "its record is published by %s; the key signs when all name servers have shown it for long enough", l.o.Publisher)
	default:
		say(cmd, "publish this TXT record at %s; the key signs by itself when all name servers have shown it for long enough:", own.Name())
	}
	return writeRecord(cmd, own, form)
}
