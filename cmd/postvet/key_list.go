package main

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/policy/foreign"
)

// keyRow is a key in the answers of key list and key check.
type keyRow struct {
	Domain      string     `json:"domain"`
	Selector    string     `json:"selector"`
	Type        string     `json:"type,omitempty"`
	Bits        int        `json:"bits,omitempty"`
	Changed     *time.Time `json:"changed,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"`
	Problem     string     `json:"problem,omitempty"`
	// What the states say, if there is a file of them.
	State     states.State `json:"state,omitempty"`
	Since     *time.Time   `json:"since,omitempty"`
	Published *time.Time   `json:"published,omitempty"`
	Signed    *time.Time   `json:"signed,omitempty"`
	WaitsFor  string       `json:"waits_for,omitempty"`
	// What "key check" found.
	Findings finding.List      `json:"findings,omitempty"`
	Servers  []keys.ServerSays `json:"name_servers,omitempty"`
}

func rowOf(e keys.Entry) keyRow {
	r := keyRow{Domain: e.Domain, Selector: e.Selector}
	if e.Err != nil {
		r.Problem = e.Err.Error()
	}
	if k := e.Key; k != nil {
		r.Type, r.Bits, r.Fingerprint, r.Changed = k.Type(), k.Bits(), k.Fingerprint(), &k.Changed
	}
	return r
}

// addState adds what the states say of the key.
func (r *keyRow) addState(k *keys.Key, from *states.States) {
	if from == nil || from.File() == "" || k == nil {
		return
	}
	s, ok := from.Get(states.ID(k.Fingerprint(), k.Name()))
	r.State, r.WaitsFor = s.Now(), s.Problem
	if !ok {
		return
	}
	for at, field := range map[*time.Time]**time.Time{&s.Since: &r.Since, &s.Published: &r.Published, &s.Signed: &r.Signed} {
		if !at.IsZero() {
			*field = at
		}
	}
}

func newKeyList() *cobra.Command {
	f := &keyFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the keys",
		Long: `List prints domain, selector, type, size and age of each key in the directory,
and where it is in its life if sign.state names a file: its state, since when,
the day on which it last signed, and what it waits for. It asks no DNS: "postvet
key check" does.

Exit codes: 0 all is well, 1 a file cannot be used or a key needs a hand, 2
wrong usage, 3 the directory or the states cannot be read.`,
		Example: "  postvet key list --json | jq '.[] | select(.bits < 2048)'",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, _, err := f.entries("")
			if err != nil {
				return err
			}
			lives, err := f.states()
			if err != nil {
				return err
			}
			rows := make([]keyRow, len(entries))
			faulty := false
			for i, e := range entries {
				rows[i] = rowOf(e)
				rows[i].addState(e.Key, lives)
				faulty = faulty || e.Err != nil || rows[i].WaitsFor != ""
			}
			if asJSON {
				err = printJSON(cmd.OutOrStdout(), rows)
			} else {
				err = printKeys(cmd, rows)
			}
			if err != nil {
				return output(err)
			}
			if faulty {
				return exit{code: exitNo}
			}
			return nil
		},
	}
	f.add(cmd)
	f.addState(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printKeys(cmd *cobra.Command, rows []keyRow) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "domain\tselector\ttype\tbits\tmade\tstate\tsince\tsigned\twaits for")
	for _, r := range rows {
		domain, selector := foreign.Terminal(r.Domain, 255), foreign.Terminal(r.Selector, 255)
		if r.Problem != "" {
			fmt.Fprintf(w, "%s\t%s\tcannot be used: %s\n", domain, selector, foreign.Terminal(r.Problem, foreign.Whole))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", domain, selector, r.Type, r.Bits, day(r.Changed),
			cmp.Or(string(r.State), "-"), day(r.Since), day(r.Signed), cmp.Or(foreign.Terminal(r.WaitsFor, 300), "-"))
	}
	return w.Flush()
}

// day returns the day of a time, "-" without one.
func day(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.Format(time.DateOnly)
}

// states returns the states of keys; nil if no file keeps them.
func (f *keyFlags) states() (*states.States, error) {
	file := f.state
	if file == "" {
		c, err := f.load()
		if err != nil {
			return nil, err
		}
		file = c.Sign.State
	}
	if file == "" {
		return nil, nil
	}
	s, err := states.Open(file)
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	return s, nil
}
