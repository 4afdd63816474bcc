package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
)

func newServe() *cobra.Command {
	var s configFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the milter",
		Long: `Serve runs the milter. Without a file and flags it listens on 127.0.0.1:8890,
prints the lines for main.cf or sendmail.mc, and works. A flag wins over the key
of a file.

Variables of the environment win over the file too, and flags over them, as
containers like it: POSTVET_MODE, POSTVET_AUTHSERV_ID, POSTVET_LISTEN,
POSTVET_DNS_RESOLVERS, POSTVET_LOG_LEVEL and others, a list with commas between
its entries. An empty one counts as not set, and an unknown one is an error.
postvet.toml(5) names the variable of each key that has one, and
postvet-container(7) is about the image.

Our Authentication-Results carry the host's name, completed from /etc/hosts,
unless --authserv-id or the key authserv_id names another.

SIGHUP reads the file again. If it has no fault, it counts from the next message
on; listen, socket and a few limits need a restart. SIGTERM and SIGINT stop the
service when the messages in flight have their verdicts, a second one stops it
at once. Under systemd it reports readiness and its state, answers the watchdog
as long as it passes its own check, and takes passed sockets, in which
connections wait during a restart.

"postvet status", "postvet reload" and others talk to it over the socket of
[control]: control.sock in systemd's RuntimeDirectory=, and none without one.

A service manager that sets RUNTIME_DIRECTORY may start it again and again after
a failed start. From the sixth in a row on, the process says why it failed, and
ends 1, 2, 4 and up to 30 seconds later; a signal ends it at once. Under systemd
a wrong configuration is not tried again.

Exit codes: 0 stopped, 2 wrong usage or configuration, 3 it could not listen or
had to cut messages short.`,
		Example: `  postvet serve
  postvet serve --listen unix:/var/spool/postfix/postvet/postvet.sock \
      --mode monitor
  postvet serve --config /etc/postvet/postvet.toml`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			starts := service.NewStarts(os.Getenv("RUNTIME_DIRECTORY"), time.Now)
			err := s.serve(cmd, starts)
			if err == nil {
				return nil
			}
			pause, n := starts.Failed()
			if pause == 0 {
				return err
			}
			signals := make(chan os.Signal, 1)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
			defer signal.Stop(signals)
			errOut := cmd.ErrOrStderr()
			complain(errOut, err)
			fmt.Fprintf(errOut, "postvet: %d starts have failed one after the other; the next one comes in %s, or after a signal\n", n, pause)
			if starts.Wait(pause, n, signals) {
				return nil
			}
			return exit{codeOf(err), nil}
		},
	}
	s.addFile(cmd)
	s.addServe(cmd)
	s.addDNS(cmd)
	s.addAuthservID(cmd)
	return cmd
}

// serve runs the service until it is stopped.
func (f *configFlags) serve(cmd *cobra.Command, starts *service.Starts) error {
	if err := config.UnknownVariables(os.Environ()); err != nil {
		return exit{exitUsage, err}
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	info, _ := debug.ReadBuildInfo()
	number, commit, _ := build(version, info)
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	err = service.Run(cmd.Context(), c, service.Options{
		Load: f.load, File: f.file, Signals: signals,
		Out: out, OutIsTerminal: layout.IsTerminal(out),
		Log: errOut, LogIsTerminal: layout.IsTerminal(errOut),
		Build: thisBuild(), Version: number, Commit: commit, Starts: starts,
	})
	if err != nil {
		return exit{exitFailed, err}
	}
	return nil
}
