package control

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// Control sequences of ECMA-48 and xterm, which every current terminal obeys.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the alternate screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K" // from the cursor to the end of the line
	eraseBelow  = "\x1b[J"
)

// plainWidth is the width of output that goes to no terminal.
const plainWidth = 100

// Width returns how many columns a writer has.
func Width(w io.Writer) int {
	if !layout.IsTerminal(w) {
		return plainWidth
	}
	columns, _ := size(w)
	return columns
}

// size returns the size of a terminal.
func size(w io.Writer) (columns, rows int) {
	if columns, rows = layout.Size(w); columns < 1 || rows < 1 {
		return 80, 24
	}
	return columns, rows
}

// Repeat shows the first status, and then at intervals what get returns, until ctx
// ends or show fails.
func Repeat(ctx context.Context, every time.Duration, first Status, get func() (Status, error), show func(Status, error) error) error {
	if err := show(first, nil); err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s, err := get()
			if ctx.Err() != nil {
				return nil
			}
			if err := show(s, err); err != nil {
				return err
			}
		}
	}
}

// Watch shows the status until ctx ends. On a terminal it shows each status in
// place, adapted to the size, and restores the terminal at the end. Elsewhere it
// writes one status after the other. While the service is away, the last status
// stays, with what is wrong.
func Watch(ctx context.Context, w io.Writer, every time.Duration, first Status, get func() (Status, error)) error {
	if !layout.IsTerminal(w) {
		return Repeat(ctx, every, first, get, func(s Status, err error) error {
			text := s.Text(time.Now(), plainWidth) + "\n"
			if err != nil {
				text = time.Now().Format(time.TimeOnly) + " " + err.Error() + "\n\n"
			}
			_, err = io.WriteString(w, text)
			return err
		})
	}
	if _, err := io.WriteString(w, enterScreen); err != nil {
		return err
	}
	err := watchScreen(ctx, w, every, first, get)
	if _, e := io.WriteString(w, leaveScreen); err == nil {
		err = e
	}
	return err
}

// watchScreen draws a frame for each status, and when the size of the terminal
// changes.
func watchScreen(ctx context.Context, w io.Writer, every time.Duration, first Status, get func() (Status, error)) error {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, problem := first, error(nil)
	for {
		columns, rows := size(w)
		if _, err := io.WriteString(w, frame(last, problem, time.Now(), every, columns, rows)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-resized:
		case <-tick.C:
			s, err := get()
			if ctx.Err() != nil {
				return nil
			}
			if problem = err; err == nil {
				last = s
			}
		}
	}
}

// frame returns what draws a status over the one before it, in at most rows lines
// of at most columns.
func frame(s Status, problem error, now time.Time, every time.Duration, columns, rows int) string {
	head := fmt.Sprintf("postvet status  %s, every %s, Ctrl-C ends", now.Format(time.TimeOnly), every)
	lines := []string{head, ""}
	if problem != nil {
		lines = append(append(lines, fold("AWAY: "+problem.Error(), columns)...), "")
	}
	lines = append(lines, strings.Split(strings.TrimSuffix(s.Text(now, columns), "\n"), "\n")...)
	lines = lines[:min(len(lines), rows)]
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if r := []rune(line); len(r) > columns {
			line = string(r[:columns])
		}
		b.WriteString(line + eraseLine)
		if i < len(lines)-1 {
			b.WriteString("\r\n")
		}
	}
	b.WriteString(eraseBelow)
	return b.String()
}
