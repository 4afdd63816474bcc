// Package child runs a program beside this one and has the kernel end it with
// this one, however that comes: a test that is killed leaves nothing behind.
package child

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Process is a program that was started.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait; valid after done
}

// Environ returns our environment without the variables POSTVET_*. Those that tests
// read, such as POSTVET_REQUIRE_MTA, would keep the service from its start.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "POSTVET_") })
}

// Start starts a command, with Environ as its environment unless it has one. If this
// program dies first, the kernel sends the signal to the command, where it can
// (Linux). It does so when the thread dies that started the command, which may be
// before the program does; so the thread is kept until the command has ended.
func Start(cmd *exec.Cmd, atOurDeath syscall.Signal) (*Process, error) {
	if cmd.Env == nil {
		cmd.Env = Environ()
	}
	signalAtDeath(cmd, atOurDeath)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Pid returns the number of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and its output is read.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode returns the exit code of a process that has ended; -1 if a signal
// ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Alive returns nil while the process runs, and then how it ended.
func (p *Process) Alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended: %w", filepath.Base(p.cmd.Path), errors.Join(p.err, errors.New("early")))
	default:
		return nil
	}
}

// Signal sends a signal.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.done
}

// Stop asks the process to end (SIGTERM) and waits for that. It kills a process
// that does not end within the patience, and says so.
func (p *Process) Stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("%s did not end within %v", filepath.Base(p.cmd.Path), patience)
	}
}
