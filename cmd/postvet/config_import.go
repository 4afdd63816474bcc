package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/foreign"
)

// importedFrom is the peers with their flags, in the order in which their files are
// read.
var importedFrom = []struct {
	peer peers.Peer
	flag string
}{{peers.OpenDKIM, "opendkim"}, {peers.OpenDMARC, "opendmarc"}, {peers.PySPF, "pyspf"}, {peers.OpenARC, "openarc"}}

// importFlags are the files that "config import" reads, and where it writes.
type importFlags struct {
	files  map[peers.Peer]*[]string
	order  string
	socket string
	output string
	force  bool
	json   bool
}

func newConfigImport() *cobra.Command {
	f := importFlags{files: map[peers.Peer]*[]string{}}
	cmd := &cobra.Command{
		Use:   "import",
		Short: "make a configuration from those of opendkim, opendmarc, pyspf-milter, openarc",
		Long: `Import reads the configurations of the daemons that Postvet takes the place of,
and writes a postvet.toml that behaves as they did. It lists each option that
they set: kept, changed (and how), or without counterpart (and what to do). It
names what Postvet will do otherwise than they did ("differs"), and settings that
do not mean what they seem to mean ("trap"). A file that sets nothing is a daemon
with its defaults. Nothing else is changed.

With --milter-order it also reads the MTA's file (main.cf, sendmail.mc or
sendmail.cf) and prints the edit to make there: with the socket that --socket
names, or else with those of the running service or of the packaged socket units.
It does not change that file.

The configuration goes to standard output or --output, the list to standard
error. With --json both are one object on standard output.

Exit codes: 0 done, 1 a file has lines that its daemon would not take, 3 a file
cannot be read or written.`,
		Example: `  postvet config import --opendkim /etc/opendkim.conf --opendmarc /etc/opendmarc.conf \
      --milter-order /etc/postfix/main.cf --output /etc/postvet/postvet.toml`,
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
	fl.BoolVar(&f.force, "force", false, "replace a file that exists")
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
		return nil, usage("no settings were read; name files with --opendkim, --opendmarc, --pyspf or --openarc")
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
	file, err := os.OpenFile(f.output, flags, 0o644)
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

// writeImport prints the list for a person.
func writeImport(w io.Writer, out *migrate.Import) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(out.Items) > 0 {
		fmt.Fprintln(t, "OPTION\tVALUE\tBECOMES\tHOW")
	}
	for _, it := range out.Items {
		how := it.Note
		if len(it.Keys) > 0 {
			how = strings.TrimSuffix(strings.Join(it.Keys, ", ")+": "+how, ": ")
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\n", it.Peer, foreign.Terminal(it.Name, foreign.Whole), foreign.Terminal(it.Value, 30), it.Outcome, foreign.Terminal(how, foreign.Whole))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, u := range out.Unset {
		if _, err := fmt.Fprintf(w, "remark: %s\n", foreign.TerminalLines(u.String())); err != nil {
			return err
		}
	}
	for _, d := range out.Differences {
		if _, err := fmt.Fprintf(w, "\ndiffers: %s %s\n  %s\n", d.Peer, foreign.Terminal(d.Name, foreign.Whole), foreign.TerminalLines(d.Text)); err != nil {
			return err
		}
	}
	for _, trap := range out.Traps {
		if _, err := fmt.Fprintf(w, "\ntrap: %s %s\n  %s\n", trap.Peer, foreign.Terminal(trap.Name, foreign.Whole), foreign.TerminalLines(trap.Text)); err != nil {
			return err
		}
	}
	if out.Edit != nil {
		if _, err := fmt.Fprintf(w, "\n%s", foreign.TerminalLines(out.Edit.String())); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s kept or changed, %d without counterpart.\n", layout.Count(len(out.Items)-out.Undecided(), "option"), out.Undecided())
	return err
}
