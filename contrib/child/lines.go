package child

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"time"
)

// Lines collects the lines that a process writes. The zero value is ready to be
// its standard output or error.
type Lines struct {
	mu    sync.Mutex
	all   []string
	begun []byte        // a line without its end
	grown chan struct{} // closed when there is another line
}

// Write implements [io.Writer].
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = append(l.begun, b...)
	for {
		line, rest, ok := bytes.Cut(l.begun, []byte{'\n'})
		if !ok {
			return len(b), nil
		}
		l.all, l.begun = append(l.all, string(line)), bytes.Clone(rest)
		if l.grown != nil {
			close(l.grown)
			l.grown = nil
		}
	}
}

// All returns the lines so far.
func (l *Lines) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// from returns the lines from the nth on, and a channel that is closed when
// there is another.
func (l *Lines) from(n int) ([]string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.all[n:], l.grown
}

// Await calls found for each line in order, those that are there first, and
// returns the line for which it is true. It gives up after the patience, or when
// ended is closed and no line is left.
func (l *Lines) Await(patience time.Duration, ended <-chan struct{}, found func(line string) bool) (string, error) {
	late := time.After(patience)
	for n, over := 0, false; ; {
		lines, grown := l.from(n)
		if i := slices.IndexFunc(lines, found); i >= 0 {
			return lines[i], nil
		}
		if n += len(lines); over {
			return "", errors.New("the process ended without such a line")
		}
		select {
		case <-grown:
		case <-ended:
			over = true // what it wrote last is there now
		case <-late:
			return "", errors.New("no such line within " + patience.String())
		}
	}
}
