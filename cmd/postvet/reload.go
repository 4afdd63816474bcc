package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
)

func newReload() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "make the running service read its configuration again",
		Long: `Reload makes the running service read its configuration again, waits, and says
how that ended. All of it is validated before anything changes: with any fault
the old configuration stays in force, and each fault is printed with file, line,
key and remedy. What only a restart can change is named.

It is the ExecReload= of the systemd unit, so that "systemctl reload postvet"
fails when the configuration is refused. SIGHUP does the same without an answer;
the log has it then.

Exit codes: 0 the new configuration is in force, 2 it was refused, 3 it could not
be read, or the service could not be asked or is stopping.`,
		Example: `  postvet reload
  postvet reload --socket /run/postvet/control.sock`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r control.Reload
			if err := f.do(cmd.Context(), time.Minute, control.Request{Do: control.DoReload}, &r); err != nil {
				var refused *control.Refusal
				if errors.As(err, &refused) && refused.Code == control.CodeRefused {
					fmt.Fprintln(cmd.ErrOrStderr(), "postvet: the configuration was refused, the old one stays in force:")
				}
				return err
			}
			w := cmd.OutOrStdout()
			_, err := fmt.Fprintf(w, "configuration reloaded: %s\n", cmp.Or(r.File, "the service has no file"))
			for _, name := range r.NeedsRestart {
				if err == nil {
					_, err = fmt.Fprintf(w, "%s changed, which needs a restart\n", name)
				}
			}
			return output(err)
		},
	}
	f.addSocket(cmd)
	return cmd
}
