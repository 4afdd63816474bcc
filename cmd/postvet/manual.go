package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/manual"
)

// newManual writes the man pages. Only the makers of packages use it, so it is hidden.
func newManual() *cobra.Command {
	var date, logs string
	cmd := &cobra.Command{
		Use:     "manual DIR",
		Short:   "write the man pages into a folder",
		Long:    "Manual writes the man pages of this program into an existing folder. They are\nmade of its commands, flags and keys, and postvet-log(5) of LOGS.md.",
		Example: "  postvet manual --date 2026-11-25 --log contrib/monitoring/LOGS.md man/",
		Args:    args(1, 1),
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
				return usage("--date %q is no date; write it like 2026-11-25", date)
			}
			edition := manual.Edition{Version: version, Date: date}
			pages := manual.Pages(cmd.Root(), edition)
			if logs != "" {
				text, err := os.ReadFile(logs)
				if err != nil {
					return failed("%s; name the LOGS.md of the source", fileError(logs, err))
				}
				page, err := edition.Log(string(text))
				if err != nil {
					return failed("%w", err)
				}
				pages = append(pages, page)
			}
			for _, p := range pages {
				if err := os.WriteFile(filepath.Join(args[0], p.File), p.Text, 0o644); err != nil {
					return failed("%s; name an existing folder that you may write", fileError(filepath.Join(args[0], p.File), err))
				}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", args[0])
			return output(err)
		},
	}
	cmd.Flags().StringVar(&logs, "log", "", "write postvet-log(5) too, from `FILE`, the LOGS.md of the source")
	cmd.Flags().StringVar(&date, "date", "", "`DATE` of the pages, such as 2026-11-25")
	return cmd
}
