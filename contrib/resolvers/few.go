//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// A cell with few files runs in a process of its own, since the limit concerns all
// that a process does. That process is this program again, with the cell in its
// environment.
const (
	cellKey     = "POSTVET_RESOLVERS_CELL"     // name of the cell
	messagesKey = "POSTVET_RESOLVERS_MESSAGES" // of its corpus
)

// report is what such a process writes.
type report struct {
	Counts  counts
	Queries uint64
	Error   string
}

// runApart has a process of its own run the cell.
func (c cell) runApart(ctx context.Context, messages int) (outcome, error) {
	o := outcome{cell: c, open: known(c)}
	self, err := os.Executable()
	if err != nil {
		return o, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), cellKey+"="+c.String(), fmt.Sprintf("%s=%d", messagesKey, messages))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	runtime.LockOSThread() // see child.Start
	defer runtime.UnlockOSThread()
	out, err := cmd.Output()
	var r report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		return o, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	o.counts, o.queries = &r.Counts, r.Queries
	if r.Error != "" {
		return o, fmt.Errorf("%s", r.Error)
	}
	o.judge()
	return o, nil
}

// apart runs the cell that the environment names, and reports whether there is one.
func apart() bool {
	name := os.Getenv(cellKey)
	if name == "" {
		return false
	}
	var messages int
	var r report
	_, err := fmt.Sscan(os.Getenv(messagesKey), &messages)
	if err == nil {
		err = r.run(name, messages)
	}
	if err != nil {
		r.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
	return true
}

// run runs the cell of a name.
func (r *report) run(name string, messages int) error {
	corpus, err := newCorpus(messages)
	if err != nil {
		return err
	}
	for _, c := range cells(programs, troubles) {
		if c.String() == name {
			o, err := c.runHere(context.Background(), corpus)
			if err == nil {
				r.Counts, r.Queries = *o.counts, o.queries
			}
			return err
		}
	}
	return fmt.Errorf("no cell %q", name)
}

// limitFiles lets this process open n more files.
func limitFiles(n int) error {
	used, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	most := uint64(len(used) + n)
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: most, Max: most})
}
