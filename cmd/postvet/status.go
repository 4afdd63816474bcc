package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

// healthTime is how long --health waits for the answer. Docker and Kubernetes take a
// check that does not end for a failure.
const healthTime = 3 * time.Second

// Bounds of --watch.
const (
	watchDefault = 2 * time.Second
	watchLeast   = 200 * time.Millisecond
	watchMost    = time.Hour
)

func newStatus() *cobra.Command {
	var f serviceFlags
	var asJSON, health bool
	var watch string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the state of the running service",
		Long: `Status shows the state of the running service: version, mode, sockets, sessions,
messages by action with their rates, DNS servers, cache, watched domains, and
the outcome of the last reload.

--watch repeats it until Ctrl-C, and waits for the service if that restarts. A
terminal shows one status in place of the other. Other outputs get one after the
other, with --json one a line.

--health is for the health check of a container: it prints "ready", or "not
ready" and the reasons, as /readyz of [metrics] does, within 3 seconds.

Exit codes: 0 shown, or ready; 1 not ready; 3 the service could not be asked.`,
		Example: `  postvet status
  postvet status --watch
  postvet status --watch 10s
  postvet status --json | jq .messages.per_minute
  postvet status --health`,
		Args: args(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			every, err := watchInterval(cmd, watch, args)
			if err != nil {
				return err
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if health {
				if asJSON || every > 0 {
					return usage("--health goes with no other way to show the status; write %q", "postvet status --health")
				}
				return checkHealth(cmd.Context(), c, w)
			}
			if every > 0 {
				return watchStatus(cmd.Context(), c, every, asJSON, w)
			}
			var s control.Status
			if err := request(cmd.Context(), c, answerTime, control.Request{Do: control.DoStatus}, &s); err != nil {
				return err
			}
			if asJSON {
				return output(printJSON(w, s))
			}
			_, err = io.WriteString(w, s.Text(time.Now(), control.Width(w)))
			return output(err)
		},
	}
	f.addSocket(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&health, "health", false, "print whether mail can be sent here, and exit with 0 or 1")
	cmd.Flags().StringVar(&watch, "watch", "", "repeat, every 2s or as often as `INTERVAL` says")
	cmd.Flags().Lookup("watch").NoOptDefVal = watchDefault.String()
	return cmd
}

// checkHealth prints whether the service is ready. The answer no has exit code 1.
func checkHealth(ctx context.Context, c *control.Client, w io.Writer) error {
	var s control.Status
	if err := request(ctx, c, healthTime, control.Request{Do: control.DoStatus}, &s); err != nil {
		return err
	}
	if len(s.NotReady) == 0 {
		_, err := io.WriteString(w, "ready\n")
		return output(err)
	}
	if _, err := io.WriteString(w, "not ready\n"+strings.Join(s.NotReady, "\n")+"\n"); err != nil {
		return output(err)
	}
	return exit{code: exitNo}
}

// watchInterval reads "--watch", "--watch=5s" and "--watch 5s". It returns 0 for none
// of them.
func watchInterval(cmd *cobra.Command, watch string, args []string) (time.Duration, error) {
	if !cmd.Flags().Changed("watch") {
		if len(args) > 0 {
			return 0, usage("unexpected argument %q; write %q", args[0], "postvet status")
		}
		return 0, nil
	}
	if len(args) > 0 {
		watch = args[0]
	}
	d, err := time.ParseDuration(watch)
	if err != nil || d < watchLeast || d > watchMost {
		return 0, usage("--watch %q is no duration between %s and %s; write one such as 2s", watch, watchLeast, watchMost)
	}
	return d, nil
}

// watchStatus shows the status at an interval until a signal comes.
func watchStatus(ctx context.Context, c *control.Client, every time.Duration, asJSON bool, w io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	get := func() (control.Status, error) {
		var s control.Status
		return s, request(ctx, c, answerTime, control.Request{Do: control.DoStatus}, &s)
	}
	first, err := get() // that nobody is there at the beginning is an error
	if err != nil {
		return err
	}
	if asJSON {
		e := newEncoder(w)
		return output(control.Repeat(ctx, every, first, get, func(s control.Status, err error) error {
			if err != nil {
				return e.Encode(map[string]string{"error": err.Error()})
			}
			return e.Encode(s)
		}))
	}
	return output(control.Watch(ctx, w, every, first, get))
}
