package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/migrate/mta"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/foreign"
)

// mtaFlags say which MTA "config check" checks, and where the running service is
// asked.
type mtaFlags struct{ mta, config, socket string }

// The configurations of Debian's packages.
const (
	postfixFolder = "/etc/postfix"
	sendmailFile  = "/etc/mail/sendmail.cf"
)

func (m *mtaFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.mta, "mta", "", "check the set-up of an `MTA`: postfix or sendmail")
	cmd.Flags().StringVar(&m.config, "mta-config", "", "the MTA's `PATH`: a folder with main.cf and master.cf, or a sendmail.cf\n(default "+postfixFolder+", "+sendmailFile+")")
	cmd.Flags().StringVar(&m.socket, "socket", "", "control socket of the running service, as `PATH`; with --mta it is asked on what\nit listens (default that of the configuration)")
}

// check returns what is found about the MTA. file is the configuration, "" for none.
func (m *mtaFlags) check(ctx context.Context, c *config.Config, file string) (finding.List, error) {
	sources, loaded := askSources(ctx, cmp.Or(strings.TrimPrefix(m.socket, "unix:"), controlPath(c)))
	p, err := mtasetup.Postvet(c, sources)
	if err != nil {
		return nil, exit{exitFailed, err}
	}
	hostname, err := os.Hostname()
	if err != nil {
		return nil, failed("the host has no name: %v", err)
	}
	path := m.config
	var found finding.List
	switch m.mta {
	case "postfix":
		path = cmp.Or(path, postfixFolder)
		found, err = mta.CheckPostfix(path, p, hostname)
	case "sendmail":
		path = cmp.Or(path, sendmailFile)
		found, err = mta.CheckSendmail(path, p, hostname)
	default:
		return nil, usage("--mta: %q is neither postfix nor sendmail", m.mta)
	}
	if err != nil {
		if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
			path = pe.Path // which of its files
		}
		return nil, failed("%s; name the MTA's configuration with --mta-config", fileError(path, err))
	}
	found.OK("Postvet listens on " + strings.Join(p.Listen, ", ") + ", " + p.From)
	if needs := restartFor(p.Listen, sources.Running); needs && sameFile(file, loaded) {
		found.Warning("the running service still listens on "+strings.Join(sources.Running, ", "), "systemctl restart postvet, so that it listens as the file says")
	}
	return found, nil
}

// restartFor reports whether the running service has other sockets than its file
// names.
func restartFor(listen, running []string) bool {
	var all []string
	for _, addr := range listen {
		a, err := socket.Parse(addr)
		if err != nil || a.Canonical() == "" {
			return false // only the system knows
		}
		all = append(all, a.Canonical())
	}
	slices.Sort(all)
	return len(running) > 0 && !slices.Equal(all, slices.Sorted(slices.Values(running)))
}

// writeFindings prints findings with their fixes, within the columns of a terminal.
func writeFindings(w io.Writer, found finding.List) error {
	screen, _ := layout.ScreenOf(w, "never")
	const column = 9
	for _, f := range found {
		text := fmt.Sprintf("%-*s%s\n", column, f.Severity, screen.Wrap(foreign.TerminalLines(f.Text), column, column))
		if f.Fix != "" {
			const fix = "fix: "
			text += strings.Repeat(" ", column) + fix + screen.Wrap(foreign.TerminalLines(f.Fix), column+len(fix), column+len(fix)) + "\n"
		}
		if _, err := io.WriteString(w, text); err != nil {
			return output(err)
		}
	}
	return nil
}
