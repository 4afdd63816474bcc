package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

func newLogLevel() *cobra.Command {
	var f serviceFlags
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "show or change the log level of the running service",
		Long: `Log-level shows the log level of the running service (debug, info, warn or
error), or changes it. The change lasts until the time of --for is over, the
configuration is reloaded or the service ends. Then log.level of the
configuration holds again.

Exit codes: 0 done, 2 there is no such level, 3 the service could not be asked.`,
		Example: `  postvet log-level
  postvet log-level debug --for 10m`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := control.Request{Do: control.DoLogLevel}
			if len(args) > 0 {
				if q.Level = args[0]; !slices.Contains(config.LogLevels(), q.Level) {
					return usage("%q is no level; write debug, info, warn or error", q.Level)
				}
			}
			if cmd.Flags().Changed("for") {
				switch {
				case q.Level == "":
					return usage("--for without a level; write \"postvet log-level debug --for 10m\"")
				case duration < time.Second || duration > 7*24*time.Hour:
					return usage("--for %s is out of bounds; write a duration between 1s and 168h", duration)
				}
				q.For = int(duration / time.Second)
			}
			var l control.LogLevel
			if err := f.do(cmd.Context(), answerTime, q, &l); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), control.DescribeLevel(l, time.Now()))
			return output(err)
		},
	}
	f.addSocket(cmd)
	cmd.Flags().DurationVar(&duration, "for", 0, "`TIME` after which the configured level returns (1s to 168h)")
	return cmd
}
