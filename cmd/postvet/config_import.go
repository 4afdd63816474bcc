package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/peers"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/foreign"
)

// importedFrom are the peers with their flags, in the order in which their files
// are read.
var importedFrom = []struct {
	peer peers.Peer
	flag string
}{{peers.OpenDKIM, "opendkim"}, {peers.OpenDMARC, "opendmarc"}, {peers.PySPF, "pyspf"}, {peers.OpenARC, "openarc"}}

// importFlags are what "config import" reads and where it writes.
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
writes a postvet.toml that behaves as they did, and lists each option that they
set: kept, changed (and how), or without counterpart (and what to do). Settings
that do not mean what they seem to are named. A file that sets nothing stands for
what its daemon does by default. Nothing else is changed.

With --milter-order it also reads the MTA's file (main.cf, sendmail.mc or
sendmail.cf) and prints the exact edit; making it is yours.

The configuration goes to standard output or --output, the list to standard
error; with --json both are one object on standard output.

Exit codes: 0 done, 1 a file has lines that its daemon would not take, 3 a file
is not readable or not writable.`,
		Example: `  postvet config import --opendkim /etc/opendkim.conf --opendmarc /etc/opendmarc.conf \
      --milter-order /etc/postfix/main.cf --output /etc/postvet/postvet.toml`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fl := cmd.Flags()
	for _, p := range importedFrom {
		f.files[p.peer] = fl.StringArray(p.flag, nil, fmt.Sprintf("configuration `FILE` of %s; again for what it includes", p.peer))
	}
	fl.StringVar(&f.order, "milter-order", "", "`FILE` of the MTA: main.cf, sendmail.mc or sendmail.cf")
	fl.StringVar(&f.socket, "socket", "", "`ADDR` where Postvet will listen (default inet:127.0.0.1:8890)")
	fl.StringVar(&f.output, "output", "", "`FILE` to write the configuration to (default standard output)")
	fl.BoolVar(&f.force, "force", false, "replace a file that exists")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// imported is what --json prints.
type imported struct {
	*peers.Plan
	TOML string      `json:"toml"`
	Edit *peers.Edit `json:"edit,omitempty"`
}

func (f *importFlags) run(cmd *cobra.Command) error {
	if f.socket != "" {
		if _, err := socket.Parse(f.socket); err != nil {
			return usage("--socket: %s", err)
		}
	}
	plan, err := f.translate()
	if err != nil {
		return err
	}
	out := imported{Plan: plan, TOML: plan.TOML(f.socket)}
	// What we write must be what we read.
	if _, err := config.Parse("the imported configuration", []byte(out.TOML)); err != nil {
		return exit{exitNo, f.atSource(plan, err)}
	}
	if f.order != "" {
		if out.Edit, err = f.edit(plan); err != nil {
			return err
		}
	}
	if f.output != "" {
		if err := f.write(out.TOML); err != nil {
			return err
		}
	}
	if f.json {
		return output(printJSON(cmd.OutOrStdout(), out))
	}
	if f.output == "" {
		if _, err := io.WriteString(cmd.OutOrStdout(), out.TOML); err != nil {
			return output(err)
		}
	}
	return output(f.report(cmd.ErrOrStderr(), out))
}

// atSource names what is wrong with the configuration by the places in the peers'
// files that it comes from.
func (f *importFlags) atSource(plan *peers.Plan, err error) error {
	var faults config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	var theirs peers.Faults
	for _, e := range faults {
		at := plan.FaultAt(f.socket, e.Line, e.Problem, e.Remedy)
		if at == nil {
			at = &peers.Fault{File: e.File, Line: e.Line, Option: e.Key, Problem: e.Problem, Remedy: e.Remedy}
		}
		same := func(one *peers.Fault) bool { return *one == *at } // one list may be two of ours
		if !slices.ContainsFunc(theirs, same) {
			theirs = append(theirs, at)
		}
	}
	slices.SortStableFunc(theirs, func(a, b *peers.Fault) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line)
	})
	return theirs
}

func (f *importFlags) translate() (*peers.Plan, error) {
	var all []peers.Setting
	var unset []peers.Unset
	var faults peers.Faults
	for _, from := range importedFrom {
		for _, name := range *f.files[from.peer] {
			text, err := readText(name)
			if err != nil {
				return nil, err
			}
			settings, err := peers.Read(from.peer, name, text)
			if some := peers.Faults(nil); errors.As(err, &some) {
				faults = append(faults, some...)
				continue
			} else if err != nil {
				return nil, err
			}
			if len(settings) == 0 {
				unset = append(unset, peers.Unset{Peer: from.peer, File: name})
			}
			all = append(all, settings...)
		}
	}
	if len(faults) > 0 {
		return nil, exit{exitNo, faults}
	}
	if len(all)+len(unset) == 0 {
		return nil, usage("no settings were read; name files with --opendkim, --opendmarc, --pyspf or --openarc")
	}
	plan, err := peers.Translate(all, unset...)
	if err != nil {
		return nil, exit{exitNo, err}
	}
	return plan, nil
}

// readText reads a configuration file of another program.
func readText(name string) ([]byte, error) {
	const most = 4 << 20
	file, err := os.Open(name)
	if err != nil {
		return nil, failed("%s; name a readable file", fileError(name, err))
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, failed("%s; name a readable file", fileError(name, err))
	case len(text) > most:
		return nil, failed("%s: is larger than 4 MB; name a configuration file", name)
	}
	return text, nil
}

// edit says what to change at the MTA.
func (f *importFlags) edit(plan *peers.Plan) (*peers.Edit, error) {
	text, err := readText(f.order)
	if err != nil {
		return nil, err
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, failed("%s: is no text; name the MTA's main.cf, sendmail.mc or sendmail.cf", f.order)
	}
	w, err := mtasetup.OfAddress(f.socket)
	if err != nil {
		return nil, usage("--socket: %s", err)
	}
	if strings.HasSuffix(f.order, ".mc") || strings.HasSuffix(f.order, "sendmail.cf") {
		e := plan.EditSendmail(f.order, text, w.Sendmail)
		return &e, nil
	}
	e := plan.EditPostfix(f.order, text, w.Postfix)
	return &e, nil
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
		return failed("%s; what was written is not whole", fileError(f.output, err))
	}
	return nil
}

// report prints the list for a person.
func (f *importFlags) report(w io.Writer, out imported) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(out.Items) > 0 {
		fmt.Fprintln(t, "OPTION\tVALUE\tBECOMES\tHOW")
	}
	for _, it := range out.Items {
		how := it.Note
		if len(it.Keys) > 0 {
			how = strings.TrimSuffix(strings.Join(it.Keys, ", ")+": "+how, ": ")
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\n", it.Peer, foreign.Terminal(it.Name, foreign.Whole), foreign.Terminal(it.Value, 30), it.Fate, foreign.Terminal(how, foreign.Whole))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, u := range out.Unset {
		if _, err := fmt.Fprintf(w, "remark: %s\n", foreign.TerminalLines(u.String())); err != nil {
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
