package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/policy/foreign"
)

// keyRow is a key in the answers of key list and key check.
type keyRow struct {
	Domain      string       `json:"domain"`
	Selector    string       `json:"selector"`
	Type        string       `json:"type,omitempty"`
	Bits        int          `json:"bits,omitempty"`
	Changed     *time.Time   `json:"changed,omitempty"`
	Fingerprint string       `json:"fingerprint,omitempty"`
	Problem     string       `json:"problem,omitempty"`
	Findings    finding.List `json:"findings,omitempty"`
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

func newKeyList() *cobra.Command {
	f := &keyFlags{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the keys",
		Long: `List prints domain, selector, type, size and age of each key in the directory. It
asks no DNS: "postvet key check" does.

Exit codes: 0 every file can be used, 1 one cannot, 2 wrong usage, 3 the directory
cannot be read.`,
		Example: "  postvet key list --json | jq '.[] | select(.bits < 2048)'",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			entries, _, err := f.entries("")
			if err != nil {
				return err
			}
			rows := make([]keyRow, len(entries))
			faulty := false
			for i, e := range entries {
				rows[i] = rowOf(e)
				faulty = faulty || e.Err != nil
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printKeys(cmd *cobra.Command, rows []keyRow) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "domain\tselector\ttype\tbits\tmade")
	for _, r := range rows {
		domain, selector := foreign.Terminal(r.Domain, 255), foreign.Terminal(r.Selector, 255)
		if r.Problem != "" {
			fmt.Fprintf(w, "%s\t%s\tcannot be used: %s\n", domain, selector, foreign.Terminal(r.Problem, foreign.Whole))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", domain, selector, r.Type, r.Bits, r.Changed.Format(time.DateOnly))
	}
	return w.Flush()
}
