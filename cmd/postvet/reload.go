package main

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/policy/foreign"
)

func newReload() *cobra.Command {
	var f serviceFlags
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "make the running service read its configuration again",
		Long: `Reload makes the running service read its configuration again, and waits for the
outcome. The whole configuration is validated before anything changes. If it has
a fault, the old configuration stays active, and each fault is printed with
file, line, key and remedy. Otherwise it prints each key that changed with its
old and new value, how many entries of a list came and went, which rules did,
and what needs a restart.

The systemd unit has it as ExecReload=, so that "systemctl reload postvet" fails
if the configuration is refused. SIGHUP does the same, and writes the outcome to
the log.

Exit codes: 0 the new configuration is active, 2 it was refused, 3 it could not
be read, or the service could not be asked or is stopping.`,
		Example: `  postvet reload
  postvet reload --socket /run/postvet/control.sock`,
		Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var r control.Reload
			if err := f.do(cmd.Context(), time.Minute, control.Request{Do: control.DoReload}, &r); err != nil {
				var refused *control.Refusal
				if errors.As(err, &refused) && refused.Code == control.CodeRefused {
					fmt.Fprintln(cmd.ErrOrStderr(), "postvet: the configuration was refused, the old one stays active:")
				}
				return err
			}
			w := cmd.OutOrStdout()
			_, err := fmt.Fprintf(w, "configuration reloaded: %s\n", cmp.Or(r.File, "the service has no file"))
			changes := r.Changes
			if len(changes) == 0 {
				changes = []string{"nothing changed"}
			}
			for _, change := range changes {
				if err == nil {
					_, err = fmt.Fprintf(w, "  %s\n", foreign.Terminal(change, foreign.Whole))
				}
			}
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
