package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/config"
	"github.com/postvet/postvet/cmd/postvet/peers"
)

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
that do not mean what they seem to are named. Nothing else is changed.

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
	for _, p := range []struct {
		peer peers.Peer
		flag string
	}{{peers.OpenDKIM, "opendkim"}, {peers.OpenDMARC, "opendmarc"}, {peers.PySPF, "pyspf"}, {peers.OpenARC, "openarc"}} {
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
	plan, err := f.translate()
	if err != nil {
		return err
	}
	out := imported{Plan: plan, TOML: plan.TOML(f.socket)}
	// What we write must be what we read.
	if _, err := config.Parse("the imported configuration", []byte(out.TOML)); err != nil {
		return exit{exitNo, fmt.Errorf("the settings do not make a configuration; correct them in the files that were read:\n%w", err)}
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
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return output(e.Encode(out))
	}
	if f.output == "" {
		if _, err := io.WriteString(cmd.OutOrStdout(), out.TOML); err != nil {
			return output(err)
		}
	}
	return output(f.report(cmd.ErrOrStderr(), out))
}

func (f *importFlags) translate() (*peers.Plan, error) {
	var all []peers.Setting
	var faults peers.Faults
	for peer, files := range f.files {
		for _, name := range *files {
			text, err := readText(name)
			if err != nil {
				return nil, err
			}
			settings, err := peers.Read(peer, name, text)
			if err != nil && !errors.As(err, &faults) {
				return nil, err
			} else if err != nil {
				return nil, exit{exitNo, err}
			}
			all = append(all, settings...)
		}
	}
	if len(all) == 0 {
		return nil, usage("no settings were read; name files with --opendkim, --opendmarc, --pyspf or --openarc")
	}
	plan, err := peers.Translate(all)
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
	w, err := wiringOfAddress(f.socket)
	if err != nil {
		return nil, usage("--socket: %s", strings.TrimPrefix(err.Error(), "filter: "))
	}
	if strings.HasSuffix(f.order, ".mc") || strings.HasSuffix(f.order, "sendmail.cf") {
		e := plan.EditSendmail(f.order, text, w.sendmail)
		return &e, nil
	}
	e := plan.EditPostfix(f.order, text, w.postfix)
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
	fmt.Fprintln(t, "OPTION\tVALUE\tBECOMES\tHOW")
	for _, it := range out.Items {
		how := it.Note
		if len(it.Keys) > 0 {
			how = strings.TrimSuffix(strings.Join(it.Keys, ", ")+": "+how, ": ")
		}
		fmt.Fprintf(t, "%s %s\t%s\t%s\t%s\n", it.Peer, visible(it.Name), visible(short(it.Value, 30)), it.Fate, visible(how))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, trap := range out.Traps {
		if _, err := fmt.Fprintf(w, "\ntrap: %s %s\n  %s\n", trap.Peer, trap.Name, visible(trap.Text)); err != nil {
			return err
		}
	}
	if out.Edit != nil {
		if _, err := fmt.Fprintf(w, "\n%s", visible(out.Edit.String())); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s kept or changed, %d without counterpart.\n", plural(len(out.Items)-out.Undecided(), "option"), out.Undecided())
	return err
}

func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n-3] + "..."
}
