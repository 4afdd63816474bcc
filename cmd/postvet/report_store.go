package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/message"
)

// reportStoreFlags are the flags by which a command finds counts and reports. The service
// may run meanwhile: several processes can use the file at one time.
type reportStoreFlags struct {
	cmd             *cobra.Command
	file, directory string
}

func (f *reportStoreFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	cmd.Flags().StringVar(&f.file, "config", packagedConfig, "configuration `FILE` of the service, which says where reports are kept")
	cmd.Flags().StringVar(&f.directory, "directory", "", "`DIR` with the file reports.db, in place of report.directory")
}

// storeTime bounds the work of a command with the store.
const storeTime = 5 * time.Minute

// open opens the store and returns it with the configuration. It makes no file.
func (f *reportStoreFlags) open(ctx context.Context) (*reportstore.Store, *config.Config, error) {
	named := f.cmd.Flags().Changed("directory")
	c, err := loadFile(f.file)
	switch {
	case err != nil && named && !f.cmd.Flags().Changed("config"):
		c = config.Default()
	case err != nil:
		return nil, nil, err
	}
	o := reportstore.Options{File: c.ReportFile(), DSN: c.Journal.Postgres}
	if named {
		o = reportstore.Options{File: filepath.Join(f.directory, "reports.db")}
	}
	if o.DSN != "" {
		o.File = ""
	} else if err := isThere(o.File, f.file, c); err != nil {
		return nil, nil, err
	}
	s, err := reportstore.Open(ctx, o)
	if err != nil {
		return nil, nil, storeError(err)
	}
	return s, c, nil
}

// keep opens the store to keep reports in it. The store of --directory is made if needed: it is
// the caller's own, and not the service's, which another user could not write.
func (f *reportStoreFlags) keep(ctx context.Context) (*reportstore.Store, error) {
	if !f.cmd.Flags().Changed("directory") {
		s, _, err := f.open(ctx)
		return s, err
	}
	s, err := reportstore.Open(ctx, reportstore.Options{File: filepath.Join(f.directory, "reports.db")})
	return s, storeError(err)
}

// use calls a function with the store and the configuration, within a time.
func (f *reportStoreFlags) use(do func(context.Context, *reportstore.Store, *config.Config) error) error {
	ctx, cancel := context.WithTimeout(f.cmd.Context(), storeTime)
	defer cancel()
	s, c, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(ctx, s, c)
}

// isThere returns why there is no file of reports; nil if there is one.
func isThere(name, configured string, c *config.Config) error {
	if name == "" {
		return failed("%s: nothing is kept of reports; set report.send or report.collect, and report.directory or journal.directory", configured)
	}
	_, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !c.Report.Stores():
		return failed("%s: nothing is counted for reports; set report.collect = true, or report.send, and restart the service", configured)
	case errors.Is(err, fs.ErrNotExist):
		return failed("%s is not there; the service makes it when it starts", name)
	case err != nil:
		return failed("%s; become root or the user of the service", fileError(name, err))
	}
	return nil
}

// storeError returns the error of the store with a remedy and its exit code.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	switch {
	case errors.Is(err, fs.ErrPermission), strings.Contains(text, "SQLITE_READONLY"), strings.Contains(text, "SQLITE_CANTOPEN"):
		return failed("%w; become root or the user of the service", err)
	case strings.Contains(text, "SQLITE_BUSY"), strings.Contains(text, "SQLITE_LOCKED"):
		return failed("%w; another process holds it, so try again", err)
	case strings.Contains(text, "SQLITE_FULL"), strings.Contains(text, "SQLITE_IOERR"):
		return failed("%w; look at the disk", err)
	case errors.Is(err, context.DeadlineExceeded):
		return failed("the store of reports did not answer in time; try again, or ask for less")
	}
	return failed("%w", err)
}

// parseDay parses a day of UTC: a date, today or yesterday. "" is 0.
func parseDay(s string, now time.Time) (reports.Day, error) {
	switch s {
	case "":
		return 0, nil
	case "today":
		return reports.DayOf(now), nil
	case "yesterday":
		return reports.DayOf(now) - 1, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Unix() <= 0 {
		return 0, usage("--day: %q is no day; write one such as 2026-11-29, today or yesterday", s)
	}
	return reports.DayOf(t), nil
}

// policyDomain returns a domain as it is kept.
func policyDomain(s string) (string, error) {
	domain, ok := message.NormalizeDomain(s)
	if !ok {
		return "", usage("%q is no domain name; write one such as example.org", s)
	}
	return domain, nil
}

// reportAddress returns an address as it is kept, or "@" and a domain.
func reportAddress(s string) (string, error) {
	at := strings.LastIndexByte(s, '@')
	domain, ok := message.NormalizeDomain(s[at+1:])
	if at < 0 || !ok || strings.ContainsFunc(s[:at], func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' || r == '@' }) {
		return "", usage("%q is no address; write one such as dmarc@example.org, or @example.org for all of the domain", s)
	}
	return s[:max(at, 0)] + "@" + domain, nil
}

// seconds returns a time as JSON has it.
func seconds(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// saidText returns an answer of a server: its codes and its text.
func saidText(code int, status, text string) string {
	said := ""
	if code > 0 {
		said = strconv.Itoa(code)
	}
	return strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{said, status, text}, func(s string) bool { return s == "" }), " "))
}
