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

// Control sequences of ECMA-48 and xterm, which every terminal of today obeys.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l" // the other screen, no cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	eraseLine   = "\x1b[K" // from the cursor to its end
	eraseBelow  = "\x1b[J"
)

// plainWidth is that of what is no terminal.
const plainWidth = 100

// Width is how many columns a writer has.
func Width(w io.Writer) int {
	if columns, _, ok := size(w); ok {
		return columns
	}
	return plainWidth
}

// size returns what a terminal has room for.
func size(w io.Writer) (columns, rows int, ok bool) {
	if !layout.IsTerminal(w) {
		return 0, 0, false
	}
	if columns, rows = layout.Size(w); columns < 1 || rows < 1 {
		return 80, 24, true
	}
	return columns, rows, true
}

// Repeat shows the first status, and what get returns every so often, until ctx
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

// Watch shows the status until ctx ends: on a terminal in place, adapted to its
// size, and the terminal is as before afterwards; elsewhere one after the other.
// While the service is away the last status stays, with what is wrong.
func Watch(ctx context.Context, w io.Writer, every time.Duration, first Status, get func() (Status, error)) (err error) {
	if _, _, ok := size(w); !ok {
		return Repeat(ctx, every, first, get, func(s Status, err error) error {
			text := "\n"
			if err != nil {
				text = time.Now().Format(time.TimeOnly) + " " + err.Error() + "\n\n"
			} else {
				text = s.Text(time.Now(), plainWidth) + text
			}
			_, err = io.WriteString(w, text)
			return err
		})
	}
	if _, err := io.WriteString(w, enterScreen); err != nil {
		return err
	}
	defer func() {
		if _, e := io.WriteString(w, leaveScreen); err == nil {
			err = e
		}
	}()
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, problem := first, error(nil)
	for {
		columns, rows, _ := size(w)
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

// frame is one picture: at most rows lines of at most columns, over what was
// there.
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
