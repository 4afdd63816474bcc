//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that leads a session of its own, and all that the child
// started in that session.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child ended
	err  error         // how; valid after done
}

// start starts cmd. The caller has set its session (Setsid, or the program
// calls setsid itself). The kernel ends the child should we die.
func start(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// alive returns nil while the child runs, and then how it ended.
func (p *process) alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("realmta: %s ended: %w", filepath.Base(p.cmd.Path), errors.Join(p.err, errors.New("early")))
	default:
		return nil
	}
}

// stop asks the child to end and waits for it and for every process of its
// session; what is left after the patience is killed, by process id.
func (p *process) stop(patience time.Duration) error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.Now().Add(patience)
	for sent := false; ; {
		left := session(p.pid())
		ended := p.alive() != nil
		if ended && len(left) == 0 {
			return nil
		}
		now := time.Now()
		switch {
		case now.After(deadline.Add(patience)):
			return fmt.Errorf("realmta: processes %v do not end", left)
		case now.After(deadline):
			for _, pid := range left {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		case ended && !sent:
			// The leader is gone and leaves children, such as one that waits for
			// a client: tell them once.
			for _, pid := range left {
				syscall.Kill(pid, syscall.SIGTERM)
			}
			sent = true
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// session lists the running processes of a session.
func session(sid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// pid (comm) state ppid pgrp session ...: comm may hold blanks.
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(f) > 3 && f[0] != "Z" && f[3] == strconv.Itoa(sid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// namespaced returns a command that runs in a mount and host name namespace of
// its own, after the shell commands of prepare, which find dir in $D.
func namespaced(ctx context.Context, dir, prepare string, argv ...string) *exec.Cmd {
	script := "set -e\nD=$1\nshift\n" + prepare + "\nexec \"$@\"\n"
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh", dir}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		// Go makes the mounts private, so that none is seen outside.
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS,
		Pdeathsig:    syscall.SIGTERM,
	}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs a command to its end, with a limit of 30 seconds.
func output(ctx context.Context, build func(ctx context.Context) *exec.Cmd) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := build(ctx)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("realmta: %s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out), nil
}
