package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/migrate"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/filter/socket"
)

// importedFrom is the peers with their flags, in the order in which their files are
// read.
var importedFrom = []struct {
	peer peers.Peer
	flag string
}{
	{peers.OpenDKIM, "opendkim"},
	{peers.OpenDMARC, "opendmarc"},
	{peers.OpenDMARCReports, "opendmarc-reports"},
	{peers.PySPF, "pyspf"},
	{peers.OpenARC, "openarc"},
	{peers.DKIMPy, "dkimpy"},
	{peers.Rspamd, "rspamd"},
	{peers.MailDMARC, "mail-dmarc"},
}

// importFlags are the files that "config import" reads, and where it writes.
type importFlags struct {
	files  map[peers.Peer]*[]string
	order  string
	socket string
	output string
	lists  string
	force  bool
	json   bool
}

func newConfigImport() *cobra.Command {
	f := importFlags{files: map[peers.Peer]*[]string{}}
	cmd := &cobra.Command{
		Use:   "import",
		Short: "make a configuration from those of opendkim, rspamd and others",
		Long: `Import reads the configurations of the daemons that Postvet takes the place of,
and writes a postvet.toml that behaves as they did. It lists each option that
they set: kept, changed (and how), or without counterpart (and what to do). It
names what Postvet will do otherwise than they did ("differs"), and settings
that do not mean what they seem to mean ("trap"). A file that sets nothing is a
daemon with its defaults. Nothing else is changed.

With --milter-order it also reads the MTA's file (main.cf, sendmail.mc or
sendmail.cf) and prints the edit to make there: with the socket that --socket
names, or else with those of the running service or of the packaged socket
units. It does not change that file.

Files of hosts and domains are named where they are. Those that lie in a peer's
folder may vanish when the peer is purged: the list has the commands that copy
them, and --copy-lists does so, and names the copies in the configuration. It
replaces no file unless --force is given.

DMARC reports go on if the daemons sent some: name the files of opendmarc and
the script or crontab that calls its opendmarc-reports, Rspamd's dmarc.conf, or
mail-dmarc.ini. --rspamd tells Rspamd's files apart by their names.

The configuration goes to standard output or --output, the list to standard
error. With --json both are one object on standard output.

Exit codes: 0 done, 1 a file has lines that its daemon would not take, 3 a file
cannot be read or written.`,
		Example: `  postvet config import --opendkim /etc/opendkim.conf \
      --opendmarc /etc/opendmarc.conf \
      --milter-order /etc/postfix/main.cf --output /etc/postvet/postvet.toml
  postvet config import --opendmarc /etc/opendmarc.conf \
      --opendmarc-reports /etc/cron.daily/opendmarc
  postvet config import --rspamd /etc/rspamd/local.d/dmarc.conf
  postvet config import --mail-dmarc /etc/mail-dmarc.ini`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	for _, p := range importedFrom {
		f.files[p.peer] = fl.StringArray(p.flag, nil, fmt.Sprintf("configuration `FILE` of %s; repeatable, for files that it includes", p.peer))
	}
	fl.StringVar(&f.order, "milter-order", "", "`FILE` of the MTA: main.cf, sendmail.mc or sendmail.cf")
	fl.StringVar(&f.socket, "socket", "", "`ADDR` where Postvet will listen (default the sockets that systemd passes, or inet:127.0.0.1:8890)")
	fl.StringVar(&f.output, "output", "", "`FILE` to write the configuration to (default standard output)")
	fl.StringVar(&f.lists, "copy-lists", "", "`FOLDER`, such as /etc/postvet/lists, to copy the lists to that lie in the peers' folders")
	fl.BoolVar(&f.force, "force", false, "replace files that exist")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command) error {
	if f.socket != "" {
		if _, err := socket.Parse(f.socket); err != nil {
			return usage("--socket: %v", err)
		}
	}
	i, err := f.read()
	if err != nil {
		return err
	}
	if f.lists != "" {
		if err := f.copyLists(i); err != nil {
			return err
		}
	}
	if f.order != "" {
		if err := f.edit(cmd, i); err != nil {
			return err
		}
	}
	if f.output != "" {
		if err := f.write(i.TOML); err != nil {
			return err
		}
	}
	if f.json {
		return output(printJSON(cmd.OutOrStdout(), i))
	}
	if f.output == "" {
		if _, err := io.WriteString(cmd.OutOrStdout(), i.TOML); err != nil {
			return output(err)
		}
	}
	return output(writeImport(cmd.ErrOrStderr(), i))
}

func (f *importFlags) read() (*migrate.Import, error) {
	var files []migrate.File
	for _, from := range importedFrom {
		for _, name := range *f.files[from.peer] {
			files = append(files, migrate.File{Peer: from.peer, Name: name})
		}
	}
	if len(files) == 0 {
		return nil, usage("no settings were read; name files with --opendkim, --opendmarc, --opendmarc-reports, --pyspf, --openarc, --dkimpy, --rspamd or --mail-dmarc")
	}
	i, err := migrate.Read(files, f.socket)
	var unreadable *fs.PathError
	switch {
	case errors.As(err, &unreadable):
		return nil, failed("%s; name a readable file", fileError(unreadable.Path, err))
	case err != nil:
		return nil, exit{exitNo, err}
	}
	return i, nil
}

// copyLists copies the lists that may vanish with their peers.
func (f *importFlags) copyLists(i *migrate.Import) error {
	err := i.CopyLists(f.lists, f.force)
	var file *fs.PathError
	switch {
	case errors.As(err, &file):
		return failed("%s; name another folder with --copy-lists, or replace files that exist with --force", fileError(file.Path, err))
	case err != nil:
		return failed("%v", err)
	}
	return nil
}

// edit says what to change in the MTA's file.
func (f *importFlags) edit(cmd *cobra.Command, i *migrate.Import) error {
	sources, _ := askSources(cmd.Context(), packagedControl())
	err := i.EditMTA(f.order, sources)
	var unreadable *fs.PathError
	switch {
	case errors.As(err, &unreadable):
		return failed("%s; name the MTA's main.cf, sendmail.mc or sendmail.cf", fileError(f.order, err))
	case err != nil:
		return usage("--socket: %v", err)
	}
	return nil
}

func (f *importFlags) write(text string) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if f.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	// A pipe that nobody reads is an error, not a reason to wait.
	file, err := os.OpenFile(f.output, flags|syscall.O_NONBLOCK, 0o644)
	if errors.Is(err, os.ErrExist) {
		return failed("%s exists; name another file, or replace it with --force", f.output)
	}
	if err != nil {
		return failed("%s; name a file that can be written", fileError(f.output, err))
	}
	_, err = io.WriteString(file, text)
	if err := errors.Join(err, file.Close()); err != nil {
		return failed("%s; it was not written to its end", fileError(f.output, err))
	}
	return nil
}
