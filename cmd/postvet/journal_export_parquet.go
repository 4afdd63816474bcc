package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/parquet"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/policy/foreign"
)

// exportParquet writes the days that are over as Parquet files.
func (f *historyFlags) exportParquet(cmd *cobra.Command, q rows.Query, to string) error {
	if to == "" {
		return usage("--format parquet needs a directory; name it with --to")
	}
	for _, flag := range []string{"domain", "from", "rcpt", "client", "action", "dmarc", "rule", "hint"} {
		if cmd.Flags().Changed(flag) {
			return usage("--%s beside --format parquet, which writes whole days; leave it out", flag)
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s, err := f.source(ctx)
	if err != nil {
		return err
	}
	dir := s.dir
	if dir == "" {
		state, err := s.status(ctx)
		if err != nil {
			return err
		}
		dir = state.Directory
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return failed("%s; name a directory that can be written", fileError(to, err))
	}
	e := &parquetExport{dir: to}
	since, until := wholeDays(q, time.Now())
	err = sqlite.NewReader(dir).Spans(ctx, since, until, func(span rows.Span) bool { return e.add(ctx, span) })
	e.end(ctx)
	if err != nil && ctx.Err() == nil {
		return failed("%s; read it as root or as the user of the service", fileError(dir, err))
	}
	for _, p := range e.problems {
		fmt.Fprintf(cmd.ErrOrStderr(), "postvet: %s\n", foreign.Terminal(p, foreign.Whole))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s in %s written, %s there already\n", layout.Count(e.rows, "message"), layout.Count(e.files, "file"), layout.Count(e.skipped, "file"))
	switch {
	case ctx.Err() != nil:
		return failed("interrupted; run it again for the other days")
	case len(e.problems) > 0:
		return failed("not all days are written")
	}
	return nil
}

// wholeDays returns the time of a query in whole days, without the present one.
func wholeDays(q rows.Query, now time.Time) (since, until time.Time) {
	const day = 24 * time.Hour
	if !q.Since.IsZero() {
		since = q.Since.UTC().Truncate(day)
	}
	until = now.UTC().Truncate(day)
	if !q.Until.IsZero() && q.Until.Before(until) {
		until = q.Until.UTC().Truncate(day)
	}
	return since, until
}

// parquetExport writes files one after the other, each under a temporary name.
type parquetExport struct {
	dir      string
	problems []string
	files    int
	skipped  int
	rows     int64

	source string // the file of the journal that is being written
	file   *os.File
	buffer *bufio.Writer
	writer *parquet.Writer // nil if the file is skipped
}

func (e *parquetExport) target() string {
	return filepath.Join(e.dir, strings.TrimSuffix(e.source, ".db")+".parquet")
}

// add writes a span. It returns false if the export ends.
func (e *parquetExport) add(ctx context.Context, span rows.Span) bool {
	if span.File != e.source {
		e.end(ctx)
		if e.begin(span); ctx.Err() != nil {
			return false
		}
	}
	if span.Err != nil {
		e.fail(span.Err)
		return true
	}
	if e.writer != nil {
		if err := span.Records(ctx, e.writer.Write); err != nil {
			e.fail(err)
		}
	}
	return ctx.Err() == nil
}

// begin begins the file for a span, unless it is there.
func (e *parquetExport) begin(span rows.Span) {
	e.source = span.File
	if span.Err != nil {
		return
	}
	if _, err := os.Lstat(e.target()); err == nil {
		e.skipped++
		return
	}
	file, err := os.OpenFile(e.target()+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		e.fail(err)
		return
	}
	e.file, e.buffer = file, bufio.NewWriter(file)
	e.writer = parquet.NewWriter(e.buffer, thisBuild())
}

// end gives the present file its name.
func (e *parquetExport) end(ctx context.Context) {
	if e.writer == nil {
		return
	}
	if ctx.Err() != nil {
		e.remove()
		return
	}
	n, err := e.writer.Close()
	if err = errors.Join(err, e.buffer.Flush(), e.file.Sync(), e.file.Close()); err == nil {
		err = os.Rename(e.target()+".new", e.target())
	}
	if err != nil {
		e.fail(err)
		return
	}
	e.writer = nil
	e.files++
	e.rows += n
}

// fail names why the present file is not written.
func (e *parquetExport) fail(err error) {
	e.problems = append(e.problems, fmt.Sprintf("%s: %v", e.source, err))
	e.remove()
}

func (e *parquetExport) remove() {
	if e.writer != nil {
		e.writer = nil
		e.file.Close()
		_ = os.Remove(e.target() + ".new")
	}
}
