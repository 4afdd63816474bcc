//go:build linux

package realmta

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// withoutRace has the race detector leave SQLite out, as "make unit" does.
var withoutRace = []string{"-gcflags=modernc.org/sqlite/lib=-race=false", "-gcflags=modernc.org/libc=-race=false"}

// Build compiles postvet into a folder of its own, which any user may enter,
// and returns the binary's path. The caller removes the folder.
func Build(ctx context.Context, race bool) (binary string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir, err := makeFolder("", "bin")
	if err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "postvet")
	args := []string{"build", "-o", binary}
	if race {
		args = append(append(args, "-race"), withoutRace...)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/postvet")...)
	cmd.Dir = root
	// The compilers end by themselves.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // see child.Start
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("realmta: go build ./cmd/postvet: %w\n%s", err, out)
	}
	return binary, nil
}

// moduleRoot returns the nearest folder upwards that holds a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("realmta: no go.mod here or above")
		}
		dir = up
	}
}

// Daemon is postvet as a child process. It runs as nobody, and in the group
// postfix too where there is one, as contrib/systemd has it.
type Daemon struct {
	binary, config, log string
	listen              string
	passed              *passedSocket // nil: it opens its own
	proc                *child.Process
}

// newDaemon prepares a daemon that reads the file config, listens on listen
// and appends its log to the file log.
func newDaemon(binary, config, listen, log string) *Daemon {
	return &Daemon{binary: binary, config: config, listen: listen, log: log}
}

// Start starts the daemon and returns when it accepts connections.
func (d *Daemon) Start(ctx context.Context) error {
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := []string{d.binary, "serve", "--config", d.config}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = child.Environ()
	if d.passed != nil {
		cmd = d.passed.command(argv...)
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(cmd.Env, "GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=0")
	cmd.Dir = "/"
	credential, err := nobodyInPostfix()
	if err != nil {
		return err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: credential}
	if d.proc, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	if d.passed != nil { // which would accept connections without a daemon
		if err := d.passed.awaitReady(ctx, d.proc.Alive); err != nil {
			return fmt.Errorf("%w\n%s", err, d.Log())
		}
		return nil
	}
	network, address := networkOf(d.listen)
	deadline := time.Now().Add(patience)
	for {
		err := reachable(network, address)
		if err == nil {
			return nil
		}
		if dead := d.proc.Alive(); dead != nil {
			return fmt.Errorf("%w\n%s", dead, d.Log())
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("%w: waiting for postvet on %s: %w\n%s", errGaveUp, d.listen, err, d.Log())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// reachable returns nil if the MTA can connect. Root can connect as soon as
// there is a socket, but Postfix's group only when the socket has its rights.
func reachable(network, address string) error {
	c, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return err
	}
	c.Close()
	if network != "unix" {
		return nil
	}
	info, err := os.Stat(address)
	if err == nil && info.Mode().Perm()&0o060 != 0o060 {
		err = fmt.Errorf("%s is not yet its group's: %v", address, info.Mode())
	}
	return err
}

// nobodyInPostfix returns the user nobody in the group postfix.
func nobodyInPostfix() (*syscall.Credential, error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if g, err := user.LookupGroup("postfix"); err == nil {
		id, _ := strconv.ParseUint(g.Gid, 10, 32)
		c.Groups = []uint32{uint32(id)}
	}
	return c, nil
}

// Give makes the user that Postvet runs as the owner of a file or folder.
func Give(path string) error {
	credential, err := nobodyInPostfix()
	if err != nil {
		return err
	}
	return os.Chown(path, int(credential.Uid), -1)
}

// Kill ends the daemon as a crash does, and waits for that.
func (d *Daemon) Kill() {
	if d.proc == nil {
		return
	}
	d.proc.Kill()
	d.proc = nil
}

// Signal sends a signal.
func (d *Daemon) Signal(s syscall.Signal) error { return d.proc.Signal(s) }

// Ended waits until the daemon ended and returns its exit code.
func (d *Daemon) Ended() (int, error) {
	select {
	case <-d.proc.Done():
		return d.proc.ExitCode(), nil
	case <-time.After(patience):
		return 0, fmt.Errorf("%w: postvet still runs after %v", errGaveUp, patience)
	}
}

// Running reports whether the daemon runs.
func (d *Daemon) Running() bool { return d.proc != nil && d.proc.Alive() == nil }

// Stop ends the daemon in order: SIGTERM, and an exit code of 0.
func (d *Daemon) Stop() error {
	if d.proc == nil {
		return nil
	}
	d.Signal(syscall.SIGTERM)
	code, err := d.Ended()
	if err != nil {
		d.Kill()
		return err
	}
	d.proc = nil
	if code != 0 {
		return fmt.Errorf("realmta: postvet ended with exit code %d", code)
	}
	return nil
}

// Log returns the daemon's log so far.
func (d *Daemon) Log() string {
	b, _ := os.ReadFile(d.log)
	return string(b)
}

// Decision is the daemon's log line about one message.
type Decision struct {
	Queue  string `json:"queue"`
	Client string `json:"client"`
	Relay  string `json:"relay"`
	Hidden string `json:"hidden"`
	From   string `json:"from"`
	Author string `json:"author"`
	Action string `json:"action"`
	Code   string `json:"code"`
	Rule   string `json:"rule"`
	Exempt string `json:"exempt"`
	// Signed is the key that signed, or Unsigned says why none did.
	Signed   string `json:"signed"`
	Unsigned string `json:"unsigned"`
	// Sealed is the key, the instance and the status of the chain, or Unsealed says why
	// the message got no ARC set.
	Sealed   string `json:"sealed"`
	Unsealed string `json:"unsealed"`
	// SPF and DKIM hold one text per identity and signature, DMARC the result
	// and the policy.
	SPF   []string `json:"spf"`
	DKIM  []string `json:"dkim"`
	DMARC string   `json:"dmarc"`
	Line  string   `json:"-"` // all of it
}

// Decisions returns the log lines about messages so far.
func (d *Daemon) Decisions() []Decision {
	var all []Decision
	sc := bufio.NewScanner(bytes.NewReader([]byte(d.Log())))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var line struct {
			Msg string `json:"msg"`
			Decision
		}
		if json.Unmarshal(sc.Bytes(), &line) != nil || line.Msg != "message" {
			continue // about something else
		}
		line.Line = sc.Text()
		all = append(all, line.Decision)
	}
	return all
}

// AwaitDecision waits until the daemon logged a decision that ok accepts.
func (d *Daemon) AwaitDecision(ctx context.Context, ok func(Decision) bool) (Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		for _, x := range d.Decisions() {
			if ok(x) {
				return x, nil
			}
		}
		select {
		case <-ctx.Done():
			return Decision{}, fmt.Errorf("%w: no such decision in the log", errGaveUp)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
