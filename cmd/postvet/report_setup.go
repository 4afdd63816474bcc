package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/reports/setup"
	"github.com/postvet/postvet/cmd/postvet/internal/service"
	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

// setupFlags are the flags by which "report check" finds our own set-up.
type setupFlags struct {
	inspectionFlags
}

// setupReport prints what was found about our set-up.
type setupReport struct{ *setup.Report }

// setupNames are the names of sections for a person.
var setupNames = map[string]string{
	"settings": "configuration", "sender": "sender", "spf": "SPF", "dmarc": "DMARC", "dkim": "signature", "bounces": "bounces", "server": "server",
}

// Print writes the report for a person.
func (r setupReport) Print(w io.Writer, screen layout.Screen) error {
	for _, s := range r.Sections {
		title := setupNames[s.Name]
		if s.Subject != "" {
			title += " " + foreign.Terminal(s.Subject, 200)
		}
		if _, err := fmt.Fprintln(w, screen.Paint(layout.Bold, title)); err != nil {
			return err
		}
		if err := writeFindings(w, s.Findings); err != nil {
			return err
		}
	}
	words := map[finding.Verdict]string{
		finding.Sound: "reports can be sent", finding.Faulty: "reports cannot be sent", finding.Undetermined: "it is not known whether reports can be sent",
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s\n", words[r.State], layout.Count(r.Errors, "error"), layout.Count(r.Warnings, "warning"))
	return err
}

// probeTime bounds one question to the server.
const probeTime = 20 * time.Second

// run checks our set-up.
func (f *setupFlags) run(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("config") {
		if err := cmd.Flags().Set("config", packagedConfig); err != nil {
			return err
		}
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	o := setup.Options{
		Report: &c.Report, Stored: c.ReportFile() != "" || c.Journal.Postgres != "", DMARC: dmarc.Options{Discovery: c.Policy.OrganizationalDomain}, Addresses: ownAddresses(),
	}
	if r := c.Report; r.DKIMDomain != "" && c.Sign.Keys != "" {
		o.Keys, o.KeysError = keys.ListDomain(c.Sign.Keys, r.DKIMDomain, c.Sign.KeyPermissions == config.KeyPermissionsStrict)
	}
	o.OtherKeys = c.Sign.Signs() && c.Sign.Keys == ""
	if client, err := reportServer(c); err != nil {
		o.ProbeError = err
	} else {
		o.Probe = client.Probe
	}
	return f.inspect(cmd, "the server could not be asked; see the lines above", func(ctx context.Context, r *dnscache.Resolver) (inspection, finding.Totals, error) {
		o.Resolver = r
		report := setup.Check(ctx, o)
		return setupReport{report}, report.Totals, nil
	})
}

// reportServer returns a client of the server that takes reports.
func reportServer(c *config.Config) (*submission.Client, error) {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return nil, err
	}
	return service.ReportServer(c, submission.Options{Hello: id, Timeout: probeTime, CommandTimeout: probeTime})
}

// ownAddresses returns the addresses of this machine that the Internet can reach.
func ownAddresses() []netip.Addr {
	var all []netip.Addr
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range addresses {
		p, err := netip.ParsePrefix(a.String())
		if ip := p.Addr().Unmap(); err == nil && ip.IsGlobalUnicast() && !ip.IsPrivate() {
			all = append(all, ip)
		}
	}
	return all
}
