package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/postgres"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
)

func newJournalMigrate() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "make or change the tables in PostgreSQL",
		Long: `Migrate brings the tables in the database of journal.postgres to the version of
this program. It asks no service, and may be repeated, also on several machines
at one time. Services of an older version stop sending and keep their messages
until they are updated.

Exit codes: 0 the tables have the version of this program, 2 wrong usage, 3 the
database could not be reached or changed.`,
		Example: "  postvet journal migrate --config /etc/postvet/postvet.toml",
		Args:    args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			file = cmp.Or(file, packagedConfig)
			c, err := loadFile(file)
			if err != nil {
				return err
			}
			if c.Journal.Postgres == "" {
				return usage("%s sets no journal.postgres; name the database there", file)
			}
			d := postgres.Database{DSN: c.Journal.Postgres}
			before, after, err := d.Migrate(cmd.Context())
			if err != nil {
				return failed("%v", err)
			}
			ofReports, nowReports, err := reportstore.Migrate(cmd.Context(), c.Journal.Postgres)
			if err != nil {
				return failed("%v", err)
			}
			if ofReports != nowReports {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the tables for reports have version %d; they had version %d\n", nowReports, ofReports)
			}
			if err != nil {
				return output(err)
			}
			if before == after {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the tables have version %d; nothing is to be done\n", after)
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "the tables have version %d; they had version %d\n", after, before)
			}
			return output(err)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `FILE` of the service (default "+packagedConfig+")")
	return cmd
}
