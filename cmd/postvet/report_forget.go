package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/foreign"
)

func newReportForget() *cobra.Command {
	f := &reportStoreFlags{}
	cmd := &cobra.Command{
		Use:   "forget DOMAIN|ADDRESS",
		Short: "remove what is kept about a domain, or an address",
		Long: `Forget removes what is kept for DMARC reports. Of a policy domain it removes the
counts, our reports and their deliveries, also those that were not sent yet, and
the reports of others about it. Of an address it removes the deliveries to it,
and whether it is suppressed. What they held is overwritten.

The domain is counted anew with its next message; report.exclude leaves it out
for good. The journal is another place: see "postvet journal forget".

Exit codes: 0 done, even if there was nothing, 2 wrong usage, 3 it could not be
changed.`,
		Example: `  postvet report forget example.org
  postvet report forget dmarc@example.org`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := policyDomain(args[0])
			if strings.Contains(args[0], "@") {
				if name, err = reportAddress(args[0]); err == nil && strings.HasPrefix(name, "@") {
					return usage("%q is no address; write one such as dmarc@example.org, or the domain without @", args[0])
				}
			}
			if err != nil {
				return err
			}
			var r reportstore.Removed
			err = f.use(func(ctx context.Context, s *reportstore.Store, _ *config.Config) (err error) {
				r, err = s.Forget(ctx, name)
				return storeError(err)
			})
			if err != nil {
				return err
			}
			text := layout.Count(r.Reports, "report") + " and " + layout.Count(r.Deliveries, "delivery")
			if r.Deliveries != 1 {
				text = layout.Count(r.Reports, "report") + fmt.Sprintf(" and %d deliveries", r.Deliveries)
			}
			if r.Received > 0 {
				text += ", and " + layout.Count(r.Received, "report") + " of others"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s of no report yet, %s forgotten\n", foreign.Terminal(name, 320), layout.Count(r.Messages, "message"), text)
			return output(err)
		},
	}
	f.add(cmd)
	return cmd
}
