// Package oracles asks other implementations of SPF and DKIM, as Debian packages
// them, for second opinions in differential tests.
//
// A driver is a script beside this file. It reads requests as lines of JSON and
// answers each with a line, so that one process serves thousands of cases. It
// has its DNS from the request and asks no network. If the package that it
// drives is not installed it exits with 77 and names the package.
//
//	driver          Debian packages
//	dkimpy.py       python3-dkim python3-nacl
//	libopendkim.py  libopendkim11
//	maildkim.pl     libmail-dkim-perl
//	libspf2.py      libspf2-2
//	mailspf.pl      libmail-spf-perl
//	pyspf.py        python3-spf
package oracles

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"
)

//go:embed *.py *.pl
var drivers embed.FS

// missing is a driver's exit status if its package is not installed.
const missing = 77

// timeout bounds one driver with all its requests.
const timeout = 60 * time.Second

// Debian's interpreters know Debian's packages; others of the same name in the
// path may not.
var interpreters = map[string][]string{
	".py": {"/usr/bin/python3", "-c"},
	".pl": {"/usr/bin/perl", "-e"},
}

// Ask runs a driver, such as "pyspf.py", and returns its answers to the
// requests, one each. It skips the test under -short and where the package is
// not installed, and ends it if the driver fails.
func Ask[Request, Answer any](tb testing.TB, driver string, requests []Request) []Answer {
	tb.Helper()
	if testing.Short() {
		tb.Skip("-short leaves out the other implementations")
	}
	script, err := drivers.ReadFile(driver)
	if err != nil {
		tb.Fatal(err)
	}
	command := interpreters[path.Ext(driver)]
	if _, err := exec.LookPath(command[0]); err != nil {
		tb.Skipf("%s is not installed", command[0])
	}
	var stdin, stdout, stderr bytes.Buffer
	in := json.NewEncoder(&stdin)
	for i := range requests {
		if err := in.Encode(requests[i]); err != nil {
			tb.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1], string(script))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &stdin, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == missing {
			tb.Skip(strings.TrimSpace(stderr.String()))
		}
		tb.Fatalf("%s: %v\n%s", driver, err, stderr.String())
	}
	out := json.NewDecoder(&stdout)
	answers := make([]Answer, len(requests))
	for i := range answers {
		if err := out.Decode(&answers[i]); err != nil {
			tb.Fatalf("%s: answer %d of %d: %v\n%s", driver, i+1, len(requests), err, stderr.String())
		}
	}
	return answers
}
