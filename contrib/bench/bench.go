//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// bench is a run, inside the namespaces.
type bench struct {
	options *options
	corpus  *Corpus
	dns     *dnstest.Server
	bin     string
	field   []contestant // that take part
	report  *Report
}

// progress prints what is being done, in one line that the next one replaces.
// It does nothing without a terminal. "" clears the line.
func progress(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", text)
	} else if text != "" {
		fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), text)
	}
}

func newReport(o *options, c *Corpus) *Report {
	var u unix.Utsname
	unix.Uname(&u)
	return &Report{
		Started: time.Now(), Corpus: c.describe(),
		Machine:  fmt.Sprintf("%d processors, Linux %s, %s", runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), runtime.Version()),
		Options:  map[string]any{"seed": o.seed, "rounds": o.rounds, "messages": o.messages, "cell_time": o.cellTime.String(), "quick": o.quick},
		Versions: map[string]string{}, Missing: map[string]string{}, Failed: map[string][]string{},
	}
}

// choose finds out which contestants take part and which cannot.
func (b *bench) choose() {
	for _, c := range contestants() {
		onlyPostvet := (b.options.memory || b.options.signing) && !b.options.postfix && !b.options.all
		if !b.options.wants(c.name) || onlyPostvet && c.name != "postvet" {
			continue
		}
		why := c.missing()
		if slices.Contains(c.needs, mfapi) && why == "" {
			if _, err := os.Stat(b.bin + "/libmilter"); err != nil {
				why = "floor.c does not compile; apt-get install --no-install-recommends " + c.packages
			}
		}
		if why != "" {
			b.report.Missing[c.name] = why
			progress("left out: %s: %s", c.name, why)
			continue
		}
		if c.primes {
			progress("%s is started for the first time", c.name)
			r, err := launch(&c, b.bin, b.bin)
			if err != nil {
				b.report.Failed[c.name] = []string{err.Error()}
				continue
			}
			r.stop()
		}
		if v := c.version(); v != "" {
			b.report.Versions[c.name] = v
		}
		b.field = append(b.field, c)
	}
}

// rounds measures every contestant again and again; each round starts with
// another one.
func (b *bench) rounds(ctx context.Context) error {
	for round := 1; round <= b.options.rounds; round++ {
		k := (round - 1) % max(1, len(b.field))
		for _, c := range slices.Concat(b.field[k:], b.field[:k]) {
			var err error
			if c.onlyPostfix {
				continue
			}
			if b.options.cache != "cold" {
				err = b.warm(ctx, &c, round)
			}
			if b.options.cache != "warm" && !c.floor {
				err = errors.Join(err, b.cold(ctx, &c, round))
			}
			if err := b.failed(ctx, c.name, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// failed notes what went wrong with a contestant, so that the others are still
// measured. It returns an error if the run has to end.
func (b *bench) failed(ctx context.Context, name string, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	progress("%s failed: %v", name, err)
	b.report.Failed[name] = append(b.report.Failed[name], err.Error())
	return nil
}

// warm measures all cells with one start of the contestant, after the
// contestant has seen the corpus.
func (b *bench) warm(ctx context.Context, c *contestant, round int) error {
	b.dns.SetDelay(0)
	r, err := launch(c, b.bin, b.bin)
	if err != nil {
		return err
	}
	defer b.end(r, c, fmt.Sprintf("warm-%d", round))
	progress("round %d: %s warms up", round, c.name)
	play(ctx, r.chain, connections(b.corpus.Cases, 1), Load{Sessions: 8, Messages: len(b.corpus.Cases), Limit: 2 * time.Minute})
	for _, n := range b.options.perConn {
		conns := connections(b.corpus.Cases, n)
		for _, s := range b.options.sessions {
			l := Load{Sessions: s, Messages: b.options.messages, Limit: b.options.cellTime, Check: !c.floor}
			if err := b.cell(ctx, c, r, round, Cell{false, s, n}, conns, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// cold measures each cell with a start of its own.
func (b *bench) cold(ctx context.Context, c *contestant, round int) error {
	b.dns.SetDelay(coldDelay * time.Millisecond)
	first := b.corpus.Cases[:b.corpus.Domains]
	for _, n := range b.options.perConn {
		conns := connections(first, n)
		for _, s := range b.options.sessions {
			r, err := launch(c, b.bin, b.bin)
			if err != nil {
				return err
			}
			// No message comes twice, except those that fill up a connection.
			l := Load{Sessions: s, Messages: n * len(conns), Limit: b.options.cellTime, Check: true, Delay: coldDelay * time.Millisecond}
			err = b.cell(ctx, c, r, round, Cell{true, s, n}, conns, l)
			b.end(r, c, fmt.Sprintf("cold-%d-%d-%d", round, s, n))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// cell is one measurement.
func (b *bench) cell(ctx context.Context, c *contestant, r *running, round int, cell Cell, conns [][]*Case, l Load) error {
	progress("round %d of %d: %s, %s", round, b.options.rounds, c.name, cell)
	if err := resetPeaks(r.pids()); err != nil {
		return err
	}
	before, err := measure(r.pids())
	if err != nil {
		return err
	}
	b.dns.Forget()
	out := play(ctx, r.chain, conns, l)
	queries := len(b.dns.Queries())
	after, err := measure(r.pids())
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	after.cpu -= before.cpu
	b.report.Records = append(b.report.Records, newRecord(c.name, round, cell, out, after, queries))
	for _, p := range r.processes {
		select {
		case <-p.Done():
			return fmt.Errorf("%s: %w\n%s", c.name, errors.Join(errors.New("it ended while it was measured"), p.Alive()), p.tail())
		default:
		}
	}
	return nil
}

// end stops a contestant and keeps its logs, if they are wanted.
func (b *bench) end(r *running, c *contestant, what string) {
	if dir := b.options.keepLogs; dir != "" {
		logs, _ := filepath.Glob(r.dir + "/*.log")
		for _, l := range logs {
			if text, err := os.ReadFile(l); err == nil && os.MkdirAll(dir, 0o755) == nil {
				os.WriteFile(filepath.Join(dir, c.name+"-"+what+"-"+filepath.Base(l)), text, 0o644)
			}
		}
	}
	r.stop()
}

// print prints the report for a person.
func (r *Report) print(w io.Writer) {
	fmt.Fprintf(w, "Postvet's benchmark, %s\n%s\ncorpus: %s\n", r.Started.Format(time.RFC1123), r.Machine, r.Corpus)
	for _, name := range append([]string{"Postfix", "none"}, contestantNames...) {
		if v := r.Versions[name]; v != "" {
			fmt.Fprintf(w, "%s: %s\n", name, v)
		}
		if m := r.Missing[name]; m != "" {
			fmt.Fprintf(w, "left out: %s: %s\n", name, m)
		}
		for _, f := range r.Failed[name] {
			fmt.Fprintf(w, "FAILED: %s: %s\n", name, f)
		}
	}
	fmt.Fprintln(w, strings.Repeat("-", 110))
	if len(r.Records) > 0 {
		r.table(w)
	}
	r.postfixTable(w)
	r.memoryTable(w)
	r.Signing.print(w)
	r.aims(w)
}
