package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/rotation"
	"github.com/postvet/postvet/policy/message"
)

// keysDirectory is where keys are unless the configuration says otherwise.
const keysDirectory = "/etc/postvet/keys"

// keyFlags are the flags of all commands about keys.
type keyFlags struct {
	configFlags
	dir, state  string
	nameServers []string
}

func newKey() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "make, check and replace the keys that sign your mail",
		Long: `Key looks after the private keys by which the service signs the mail of your
users: DIRECTORY/DOMAIN/SELECTOR.pem, where DIRECTORY is sign.keys of the
configuration.

A new key signs once the DNS shows its record. Until then the former key of the
domain goes on. So: "key new", publish the record, "key check".

A key is pending until all name servers show it, active while it signs, retiring
while its record stays for mail under way, revoked while its record says so, and
then gone. sign.state keeps that; the service moves the keys. "key rotate"
begins the life of a successor, and with sign.publish all the rest happens by
itself. "key retire", "revoke", "remove" and "reveal" take the last steps by
hand.

sign.publish is a name server that takes updates, or a program. The program
reads a line of JSON, here broken in two, from its standard input, and has the
same in its environment:

  {"action":"set","name":"s1._domainkey.example.org","type":"TXT",
   "ttl":3600,"value":"v=DKIM1; ..."}
  POSTVET_ACTION POSTVET_NAME POSTVET_TYPE POSTVET_TTL POSTVET_VALUE

"set" asks that the name has this record and no other TXT record, "remove" that
it has none; each may come again. The exit code 0 says that it is done. Any
other one, or none within sign.publish_timeout, is a failure: it is logged with
the last line of the output, and the request comes again later.`,
		Example: `  postvet key new example.org            makes a key, prints its record
  postvet key show example.org --form bind
  postvet key check                      compares all keys with the DNS
  postvet key list
  postvet key rotate example.org         makes the successor of its key`,
	}
	group(cmd)
	cmd.AddCommand(newKeyNew(), newKeyShow(), newKeyList(), newKeyCheck(), newKeyRotate(), newKeyRetire(), newKeyRevoke(), newKeyRemove(), newKeyReveal())
	return cmd
}

func (f *keyFlags) add(cmd *cobra.Command) {
	f.addFile(cmd)
	cmd.Flags().StringVar(&f.dir, "keys", "", "`DIRECTORY` of the keys (default sign.keys of the configuration, or "+keysDirectory+")")
}

// directory returns the directory of the keys.
func (f *keyFlags) directory() (string, error) {
	if f.dir != "" {
		return f.dir, nil
	}
	c, err := f.load()
	if err != nil {
		return "", err
	}
	if c.Sign.Keys != "" {
		return c.Sign.Keys, nil
	}
	return keysDirectory, nil
}

func newKeyNew() *cobra.Command {
	f := &keyFlags{}
	var selector, kind, form string
	cmd := &cobra.Command{
		Use:   "new DOMAIN",
		Short: "make a key and print its record",
		Long: `New makes a private key for a domain and prints the TXT record to publish. The
file can be read by its owner and its group, which is that of the directory. No
file is ever overwritten.

The key signs once the DNS shows the record, if sign.keys of the service's
configuration names the directory; nothing needs a reload then. With
sign.publish the record is published. Make RSA keys: large receivers do not
verify Ed25519, which signs beside an RSA key alone (sign.ed25519).

Exit codes: 0 made, 2 wrong usage, 3 the file could not be written, or the
record not published.`,
		Example: `  postvet key new example.org
  postvet key new example.org --selector s2026 --type rsa3072 --form bind`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := f.directory()
			if err != nil {
				return err
			}
			if selector == "" {
				selector = keys.DefaultSelector(time.Now(), kind)
			}
			if _, err := (keys.Key{}).WriteRecord(keys.Form(form)); err != nil {
				return usage("--form: %v", err)
			}
			k, err := keys.Create(dir, args[0], selector, kind)
			var path *fs.PathError
			switch {
			case errors.Is(err, fs.ErrExist):
				return exit{exitUsage, err}
			case errors.As(err, &path), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
				return exit{exitFailed, err}
			case err != nil:
				return exit{exitUsage, err}
			}
			say(cmd, "%s: a new key, %s of %d bits", k.Path, k.Type(), k.Bits())
			return f.publishNew(cmd, k, form)
		},
	}
	f.addLife(cmd)
	cmd.Flags().StringVar(&selector, "selector", "", "`SELECTOR` of the key (default the quarter, such as "+keys.DefaultSelector(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), "rsa2048")+")")
	cmd.Flags().StringVar(&kind, "type", "rsa2048", "`TYPE` of the key: rsa2048, rsa3072, rsa4096 or ed25519")
	addForm(cmd, &form)
	return cmd
}

// publishNew notes a new key where its state is kept, and publishes or prints its record.
func (f *keyFlags) publishNew(cmd *cobra.Command, k *keys.Key, form string) error {
	l, err := f.life(cmd, false)
	if err != nil {
		return err
	}
	defer l.close()
	published, err := rotation.Register(l.ctx, l.o, k)
	switch {
	case err != nil:
		return exit{exitFailed, fmt.Errorf("%s is made, and its record was not published: %w; the service tries again", k.Path, err)}
	case published:
		say(cmd, "its record is published by %s; see postvet key check %s", l.o.Publisher, k.Domain)
	default:
		say(cmd, "publish this TXT record at %s, then see postvet key check %s:", k.Name(), k.Domain)
	}
	return writeRecord(cmd, k, form)
}

func addForm(cmd *cobra.Command, form *string) {
	cmd.Flags().StringVar(form, "form", string(keys.FormPlain), "`FORM` of the record: plain, bind, quoted, nsupdate or json")
	cmd.Flags().StringVar(form, "format", string(keys.FormPlain), "the same as --form")
	_ = cmd.Flags().MarkHidden("format")
}

func writeRecord(cmd *cobra.Command, k *keys.Key, form string) error {
	text, err := k.WriteRecord(keys.Form(form))
	if err != nil {
		return usage("--form: %v", err)
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
		return output(err)
	}
	return nil
}

// entries returns the keys of a domain, or all if it is "", and all keys of the
// directory.
func (f *keyFlags) entries(domain string) (own, all []keys.Entry, err error) {
	dir, err := f.directory()
	if err != nil {
		return nil, nil, err
	}
	all, err = keys.List(dir, true)
	if err != nil {
		return nil, nil, exit{exitFailed, err}
	}
	if domain == "" {
		return all, all, nil
	}
	name, ok := message.NormalizeDomain(domain)
	if !ok {
		return nil, nil, usage("%q is no domain name; write one such as example.org", domain)
	}
	for _, e := range all {
		if e.Domain == name {
			own = append(own, e)
		}
	}
	if len(own) == 0 {
		return nil, nil, answerNo("%s has no key for %s; make one with postvet key new %s", dir, name, name)
	}
	return own, all, nil
}
