package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/foreign"
)

// mtaFlags say which MTA's set-up "config check" looks at.
type mtaFlags struct{ mta, config string }

// Where Debian's packages keep the configurations.
const (
	postfixFolder = "/etc/postfix"
	sendmailFile  = "/etc/mail/sendmail.cf"
)

func (m *mtaFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.mta, "mta", "", "look at the set-up of an `MTA`: postfix or sendmail")
	cmd.Flags().StringVar(&m.config, "mta-config", "", "the MTA's `PATH`: a folder with main.cf and master.cf, or a sendmail.cf\n(default "+postfixFolder+", "+sendmailFile+")")
}

// check prints what is found, the faults last.
func (m *mtaFlags) check(w io.Writer, c *config.Config) error {
	id, err := c.EffectiveAuthservID()
	if err != nil {
		return exit{exitFailed, err}
	}
	hostname, err := os.Hostname()
	if err != nil {
		return failed("the host has no name: %v", err)
	}
	ours := mta.Ours{AuthservID: id, VerdictTimeout: c.Limits.VerdictTimeout, EarlyTimeout: earlyTimeout(c)}
	listensOn(&ours, c.ListenAddresses())
	path := m.config
	var found mta.Findings
	switch m.mta {
	case "postfix":
		if path == "" {
			path = postfixFolder
		}
		found, err = mta.CheckPostfix(path, ours, hostname)
	case "sendmail":
		if path == "" {
			path = sendmailFile
		}
		found, err = mta.CheckSendmail(path, ours, hostname)
	default:
		return usage("--mta: %q is neither postfix nor sendmail", m.mta)
	}
	if err != nil {
		if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
			path = pe.Path // which of its files
		}
		return failed("%s; name the MTA's configuration with --mta-config", fileError(path, err))
	}
	rank := map[mta.Severity]int{mta.OK: 0, mta.Warning: 1, mta.Error: 2}
	slices.SortStableFunc(found, func(a, b mta.Finding) int { return rank[a.Severity] - rank[b.Severity] })
	if err := writeFindings(w, found); err != nil {
		return err
	}
	if found.Worst() == mta.Error {
		return exit{code: exitNo}
	}
	return nil
}

// writeFindings prints findings, each with its remedy.
func writeFindings(w io.Writer, found mta.Findings) error {
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%-8s %s\n", f.Severity, foreign.TerminalLines(f.Text)); err != nil {
			return output(err)
		}
		if f.Fix != "" {
			if _, err := fmt.Fprintf(w, "         fix: %s\n", foreign.TerminalLines(f.Fix)); err != nil {
				return output(err)
			}
		}
	}
	return nil
}

// listensOn notes our addresses as Postfix writes them, and the first that an
// MTA can be told.
func listensOn(ours *mta.Ours, addresses []string) {
	for _, s := range addresses {
		a, err := socket.Parse(s)
		if err != nil {
			continue // judged when it was set
		}
		ours.Listen = append(ours.Listen, a.String())
		w, err := mtasetup.OfAddress(s)
		if err != nil || ours.Postfix != "" {
			continue
		}
		ours.Postfix, ours.Sendmail = w.Postfix, w.Sendmail
		if a.Network == "unix" {
			ours.Postfix = a.String() // where its chroot is, main.cf says
		}
	}
}

// earlyTimeout is how long a recipient may have to wait for its answer.
func earlyTimeout(c *config.Config) time.Duration {
	if c.Policy.SPFEarly {
		return policy.EarlyTimeout
	}
	return 0
}
