package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
)

func newKeyRetire() *cobra.Command {
	f := &keyFlags{}
	var selector string
	var force bool
	cmd := &cobra.Command{
		Use:   "retire DOMAIN --selector SELECTOR",
		Short: "let a key sign no more; its record stays",
		Long: `Retire ends the signing by a key. Its record stays, so that mail under way
verifies; revoke or remove it when that has arrived, after a week or so. A
running service follows within seconds.

The only active key of a domain is retired with --force alone.

Exit codes: 0 retired, 1 it is the only active key or there is no such key, 2
wrong usage, 3 the states of keys cannot be written.`,
		Example: "  postvet key retire example.org --selector s2025 \\\n      --config /etc/postvet/postvet.toml",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.end(cmd, args[0], selector, func(l *life, k *keys.Key) error {
				if err := rotation.Retire(l.o, k, force); err != nil {
					return ended(err)
				}
				say(cmd, "%s signs no more; its record stays", k.Name())
				return nil
			})
		},
	}
	f.addLife(cmd)
	selectorFlag(cmd, &selector)
	cmd.Flags().BoolVar(&force, "force", false, "also the only active key of a domain")
	return cmd
}

// end opens what a command needs, and calls do with its key.
func (f *keyFlags) end(cmd *cobra.Command, domain, selector string, do func(*life, *keys.Key) error) error {
	l, err := f.life(cmd, true)
	if err != nil {
		return err
	}
	defer l.close()
	k, err := l.key(domain, selector)
	if err != nil {
		return err
	}
	return do(l, k)
}

func newKeyRevoke() *cobra.Command {
	f := &keyFlags{}
	var selector, form string
	var force bool
	cmd := &cobra.Command{
		Use:   "revoke DOMAIN --selector SELECTOR",
		Short: "let a key sign no more, and nothing that it signed verify",
		Long: `Revoke ends the signing by a key at once, and replaces its record by one that
says so (p= is empty; RFC 6376 section 3.6.1). It is the switch to pull when a
key has leaked: mail that it signed does not verify any more once the TTL has
passed. With sign.publish the record is replaced, otherwise it is printed.

Exit codes: 0 revoked, or printed for you to publish; 1 it is the only active
key or there is no such key; 2 wrong usage; 3 the record could not be replaced,
and the key signs no more all the same.`,
		Example: "  postvet key revoke example.org --selector s2025 --force",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := (keys.Key{}).WriteRecord(keys.Form(form)); err != nil {
				return usage("--form: %v", err)
			}
			return f.end(cmd, args[0], selector, func(l *life, k *keys.Key) error {
				published, err := rotation.Revoke(l.ctx, l.o, k, force)
				switch {
				case errors.Is(err, rotation.ErrOnly):
					return ended(err)
				case err != nil:
					return exit{exitFailed, fmt.Errorf("%s signs no more, and its record was not replaced: %w", k.Name(), err)}
				case published:
					say(cmd, "%s signs no more; its record is replaced by %s", k.Name(), l.o.Publisher)
					return nil
				}
				say(cmd, "%s signs no more; replace its TXT record by this one:", k.Name())
				text, err := k.WriteRevocation(keys.Form(form))
				if err != nil {
					return usage("--form: %v", err)
				}
				if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
					return output(err)
				}
				return nil
			})
		},
	}
	f.addLife(cmd)
	selectorFlag(cmd, &selector)
	cmd.Flags().BoolVar(&force, "force", false, "also the only active key of a domain")
	addForm(cmd, &form)
	return cmd
}

func newKeyRemove() *cobra.Command {
	f := &keyFlags{}
	var selector string
	var force, keepFile bool
	cmd := &cobra.Command{
		Use:   "remove DOMAIN --selector SELECTOR",
		Short: "remove the record of an old key, and then its file",
		Long: `Remove takes the record of a key out of the DNS, if sign.publish is set, and
deletes the file of the key once no name server has a record of it. Otherwise it
says which name server still shows one, and deletes nothing.

Retire or revoke the key before. A file that is to be revealed later is kept
with --keep-file.

Exit codes: 0 removed, 1 a name server still shows a record, the key is active
or there is no such key, 2 wrong usage, 3 the record could not be removed, or
name servers could not be asked.`,
		Example: "  postvet key remove example.org --selector s2025 \\\n      --config /etc/postvet/postvet.toml",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.end(cmd, args[0], selector, func(l *life, k *keys.Key) error {
				if err := rotation.Remove(l.ctx, l.o, k, force, keepFile); err != nil {
					return ended(err)
				}
				if keepFile {
					say(cmd, "%s is gone from the DNS; %s is kept", k.Name(), k.Path)
				} else {
					say(cmd, "%s is gone from the DNS, and its file is deleted", k.Name())
				}
				return nil
			})
		},
	}
	f.addLife(cmd)
	selectorFlag(cmd, &selector)
	cmd.Flags().BoolVar(&force, "force", false, "also a key that is active")
	cmd.Flags().BoolVar(&keepFile, "keep-file", false, "keep the file, to reveal the key later")
	return cmd
}

func newKeyReveal() *cobra.Command {
	f := &keyFlags{}
	var selector, to string
	var force bool
	cmd := &cobra.Command{
		Use:   "reveal DOMAIN --selector SELECTOR --to DIRECTORY",
		Short: "publish the private half of an old key",
		Long: `Reveal writes the private half of a key to DIRECTORY/FINGERPRINT.pem, a file
that everybody may read, for you to publish on the web.

A DKIM signature proves for ever who wrote a message, also to those who stole
it. Receivers need that proof only while the message is under way. When
everybody has the private key, anybody can have made an old signature, so that
it proves nothing any more. Mail programs do not verify old mail again; archives
that do will not find the record either.

The record must be gone from all name servers, and for a week, so that nobody
accepts forged mail. What is revealed cannot be taken back.

Exit codes: 0 revealed, 1 it is too early or there is no such key, 2 wrong
usage, 3 the file could not be written, or name servers could not be asked.`,
		Example: "  postvet key reveal example.org --selector s2025 --to /var/www/dkim",
		Args:    args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usage("--to is missing; name a directory, such as /var/www/dkim")
			}
			return f.end(cmd, args[0], selector, func(l *life, k *keys.Key) error {
				path, err := rotation.RevealByHand(l.ctx, l.o, k, to, force)
				if err != nil {
					return ended(err)
				}
				say(cmd, "%s is revealed; its other file is deleted", k.Name())
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), path); err != nil {
					return output(err)
				}
				return nil
			})
		},
	}
	f.addLife(cmd)
	selectorFlag(cmd, &selector)
	cmd.Flags().StringVar(&to, "to", "", "`DIRECTORY` to write to")
	cmd.Flags().BoolVar(&force, "force", false, "before the week is over")
	return cmd
}
