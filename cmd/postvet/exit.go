package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/foreign"
)

// The exit codes that scripts rely on.
const (
	exitDone   = 0
	exitNo     = 1 // the answer is no: not accepted, a bad file, bad records
	exitUsage  = 2 // wrong flags, arguments or configuration
	exitFailed = 3 // could not: I/O, DNS down, a port in use
)

// exit ends the command with a code. err is nil if nothing is left to say.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// usage returns an error of the command line: the problem, a semicolon, the remedy.
func usage(format string, args ...any) error {
	return exit{exitUsage, fmt.Errorf(format, args...)}
}

// failed returns an error of what the command depends on.
func failed(format string, args ...any) error {
	return exit{exitFailed, fmt.Errorf(format, args...)}
}

// answerNo returns the answer no, with a reason.
func answerNo(format string, args ...any) error {
	return exit{exitNo, fmt.Errorf(format, args...)}
}

// codeOf returns the exit code of an error. The errors of cobra itself are wrong
// usage.
func codeOf(err error) int {
	var e exit
	if errors.As(err, &e) {
		return e.code
	}
	return exitUsage
}

// complain writes an error, each fault on one line, and below a fault of an
// expression its place. What the error cites cannot steer the terminal.
func complain(w io.Writer, err error) {
	var faults config.Errors
	if !errors.As(err, &faults) {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(w, "postvet: %s\n", foreign.Terminal(strings.TrimSuffix(line, "\n"), foreign.Whole))
		}
		return
	}
	for _, f := range faults {
		fmt.Fprintf(w, "postvet: %s\n", foreign.Terminal(f.Error(), foreign.Whole))
		for line := range strings.Lines(f.Excerpt) {
			fmt.Fprintf(w, "    %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
}

// fileError returns "NAME: what is wrong", without the system call.
func fileError(name string, err error) string {
	return fmt.Sprintf("%s: %v", cmp.Or(foreign.Terminal(name, foreign.Whole), `""`), input.Cause(err))
}
