package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

func newJournalExport() *cobra.Command {
	f := &historyFlags{}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "write all messages as JSON or CSV",
		Long: `Export writes the messages that all given flags fit, the newest first, one a line:
as JSON with the keys of "history --json", or with --csv.

Exit codes: 0 done, 2 wrong usage, 3 the journal could not be read.`,
		Example: `  postvet journal export --since 30d > messages.ndjson
  postvet journal export --domain example.org --csv > messages.csv`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			s, err := f.source(cmd.Context())
			if err != nil {
				return err
			}
			f.json = !f.csv
			out := newHistoryOutput(cmd.OutOrStdout(), f, layout.Screen{})
			q.Limit = rows.MaxLimit
			for {
				page, err := s.page(cmd.Context(), q)
				if err != nil {
					return err
				}
				if err := out.write(page.Rows); err != nil {
					return output(err)
				}
				switch {
				case page.Next != 0:
					q.Before = page.Next
				case !page.Complete:
					return failed("the time was over: searched back to %s; narrow the export with --since and --until", page.Searched.Local().Format(time.DateTime))
				case len(page.Unread) > 0:
					return failed("files could not be read; see \"postvet journal verify\"")
				default:
					return nil
				}
			}
		},
	}
	f.journalFlags.add(cmd)
	f.queryFlags.add(cmd)
	cmd.Flags().BoolVar(&f.csv, "csv", false, "write CSV")
	return cmd
}
