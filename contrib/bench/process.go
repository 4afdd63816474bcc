//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// process is one program of a contestant.
type process struct {
	*child.Process
	log string
}

// startProcess starts a program whose output goes to a log file. It ends with
// us, should we die.
func startProcess(log, name string, args ...string) (*process, error) {
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = f, f, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p, err := child.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	return &process{p, log}, nil
}

// await returns when the socket takes connections.
func (p *process) await(socket string, limit time.Duration) error {
	for end := time.Now().Add(limit); ; {
		c, err := net.DialTimeout("unix", socket, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.Done():
			return fmt.Errorf("%w\n%s", p.Alive(), p.tail())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(end) {
			return fmt.Errorf("nobody listens on %s after %v: %w\n%s", socket, limit, err, p.tail())
		}
	}
}

// tail is the end of the log.
func (p *process) tail() string {
	b, _ := os.ReadFile(p.log)
	return strings.TrimSpace(string(b[max(0, len(b)-2000):]))
}

// stopAll sends SIGTERM to processes. After a while it kills those that are left and
// all their descendants.
func stopAll(ps []*process) {
	var roots []int
	for _, p := range ps {
		roots = append(roots, p.Pid())
	}
	rest, _ := family(roots)
	for _, p := range ps {
		_ = p.Signal(syscall.SIGTERM) // fails if it has ended
	}
	patience := time.After(3 * time.Second)
	for _, p := range ps {
		select {
		case <-p.Done():
		case <-patience:
			patience = closedTimer()
			p.Kill()
		}
	}
	time.Sleep(20 * time.Millisecond) // their children had the chance to end with them
	for _, c := range rest {
		if left, _ := family([]int{c.pid}); len(left) > 0 {
			syscall.Kill(c.pid, syscall.SIGKILL)
		}
	}
}

// closedTimer is a timer that has fired for everybody.
func closedTimer() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}
