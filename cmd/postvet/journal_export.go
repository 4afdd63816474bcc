package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

func newJournalExport() *cobra.Command {
	f := &historyFlags{}
	var format, to string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "write all messages as JSON, CSV or Parquet",
		Long: `Export writes the messages that all given flags fit, the newest first, one a
line: as JSON with the keys of "history --json", or with --csv.

With --format parquet, it writes a Parquet file for each day that is over and
each class of mail into the directory of --to, with the columns of
postvet-journal(5): 2026-11-29.rest.parquet. Of the flags above only --since and
--until count then, by whole days. A file that is there is left as it is, so
that the command may run every day. "postvet journal forget" does not reach
these files.

Exit codes: 0 done, 2 wrong usage, 3 the journal could not be read.`,
		Example: `  postvet journal export --since 30d > messages.ndjson
  postvet journal export --domain example.org --csv > messages.csv
  postvet journal export --format parquet --to /srv/warehouse/postvet`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			switch changed := cmd.Flags().Changed("format"); {
			case changed && f.csv && format != "csv", format != "json" && format != "csv" && format != "parquet":
				return usage("--format %s is not known, or stands beside --csv; write json, csv or parquet", format)
			case format == "parquet":
				return f.exportParquet(cmd, q, to)
			case to != "":
				return usage("--to is for --format parquet; use \"> FILE\" for %s", format)
			}
			f.csv = f.csv || format == "csv"
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
	cmd.Flags().BoolVar(&f.csv, "csv", false, "write CSV, as --format csv")
	cmd.Flags().StringVar(&format, "format", "json", "`FORMAT`: json, csv or parquet")
	cmd.Flags().StringVar(&to, "to", "", "`DIR` for the files of parquet")
	return cmd
}
