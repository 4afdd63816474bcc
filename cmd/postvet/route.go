package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

type routeFlags struct {
	inspectionFlags
	connect bool
}

func newRoute() *cobra.Command {
	f := &routeFlags{}
	cmd := &cobra.Command{
		Use:   "route USER@DOMAIN",
		Short: "show the way of mail to an address, step by step",
		Long: `Route shows how a sending server finds its way to an address: MX records by
preference, or the address of the domain itself, the addresses of each host, and
the order in which they are tried; what happens if a step fails; what protects
the mail from being read or diverted on the way (DANE, MTA-STS, TLS-RPT); what
is wrong, and what to publish instead.

It asks the DNS alone. With --connect it opens port 25 of at most 8 hosts with
16 addresses as well, reads what they offer, begins TLS, compares the
certificates with what is published, and leaves; and it fetches the policy of
MTA-STS. It sends no mail, and connects to no address that the Internet cannot
reach. Each connection takes 13 seconds at most.

What was not asked or could not be asked is not known, and never counts as good.
--markdown prints the report for a ticket: findings in tables, records as code.
postvet-json(5) has the fields of --json, which stay as they are.

Exit codes: 0 nothing is wrong, 1 mail cannot be delivered or something is
wrong, 2 wrong usage, 3 too many lookups failed to tell, or no host could be
reached.`,
		Example: `  postvet route ann@example.org
  postvet route --connect ann@example.org
  postvet route --json ann@example.org | jq .attempts`,
		Args: args(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	cmd.Flags().BoolVar(&f.connect, "connect", false, "connect to the hosts, without sending mail")
	f.add(cmd)
	return cmd
}

func (f *routeFlags) run(cmd *cobra.Command, address string) error {
	o := route.Options{Plan: true}
	if f.connect {
		o.Connect = &connect.Client{Helo: heloName()}
	}
	return f.inspect(cmd, "not all could be asked; see the first lines", func(ctx context.Context, r *dnscache.Resolver) (inspection, finding.Totals, error) {
		report, err := route.Find(ctx, r, address, o)
		if err != nil {
			return nil, finding.Totals{}, usage("%s is no address: %v", foreign.TerminalQuote(address, 100), err)
		}
		return report, report.Totals, nil
	})
}

// heloName returns the name by which this host introduces itself.
func heloName() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	name, _ := message.NormalizeASCII(host)
	return name
}
