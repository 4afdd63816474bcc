package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// levels are the words of log.level.
var levels = []string{"debug", "info", "warn", "error"}

func newLogLevel() *cobra.Command {
	var a asking
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "show or change the log level of the running service",
		Long: `Log-level shows what the running service logs at least (debug, info, warn or
error), or changes it. The change holds until the time of --for is over, the
configuration is reloaded or the service ends; what log.level says is in force
then.

Exit codes: 0 done, 2 there is no such level, 3 the service could not be asked.`,
		Example: `  postvet log-level
  postvet log-level debug --for 10m`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := control.Request{Do: control.DoLogLevel}
			if len(args) > 0 {
				if q.Level = args[0]; !slices.Contains(levels, q.Level) {
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
			if err := a.do(cmd.Context(), answerTime, q, &l); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), control.DescribeLevel(l, time.Now()))
			return output(err)
		},
	}
	a.addSocket(cmd)
	cmd.Flags().DurationVar(&duration, "for", 0, "`TIME` after which the configured level returns (1s to 168h)")
	return cmd
}

// controlLevel shows or sets the level.
func (d *daemon) controlLevel(ctx context.Context, q control.Request) (any, error) {
	if q.Level == "" {
		return d.level(), nil
	}
	if !slices.Contains(levels, q.Level) {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{"there is no such level; write debug, info, warn or error"}}
	}
	done := make(chan struct{})
	if err := d.inLoop(ctx, func() {
		defer close(done)
		d.setLevel(q.Level, time.Duration(q.For)*time.Second)
	}); err != nil {
		return nil, err
	}
	<-done
	return d.level(), nil
}

func (d *daemon) level() control.LogLevel {
	s := d.standing.Load()
	return control.LogLevel{Level: d.log.level.Level().String(), Configured: s.config.Log.Level, Until: s.levelUntil}
}

// setLevel puts a level in force; unless it is 0, that of the configuration
// returns after a time.
func (d *daemon) setLevel(level string, most time.Duration) {
	d.log.setLevel(level)
	d.levelEnds = nil
	var until *time.Time
	if most > 0 {
		end := time.Now().Add(most)
		until, d.levelEnds = &end, time.After(most)
	}
	d.change(func(s *standing) { s.levelUntil = until })
}

func (d *daemon) endLevel() {
	level := d.inForce().Log.Level
	d.setLevel(level, 0)
	d.log.Info("the configured log level is in force again", zap.String("log_level", level))
}
