//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"github.com/postvet/postvet/contrib/child"
)

const sendmailHost = "sm." + Domain

// Sendmail is a running Sendmail.
type Sendmail struct {
	instance
	root   string
	syslog *syslogServer
}

var _ MTA = (*Sendmail)(nil)

// StartSendmail starts a Sendmail and returns when it greets. ctx bounds the
// start alone.
func StartSendmail(ctx context.Context, o Options) (*Sendmail, error) {
	if m := MissingSendmail(); len(m) > 0 {
		return nil, fmt.Errorf("realmta: Sendmail needs %s", strings.Join(m, ", "))
	}
	dir, err := makeFolder(o.Parent, "sm")
	if err != nil {
		return nil, err
	}
	s := &Sendmail{instance: instance{dir: dir}}
	if err := s.launch(func() error { return s.start(ctx, o) }, s.end); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sendmail) start(ctx context.Context, o Options) error {
	var err error
	if s.root, err = sendmailRoot(); err != nil {
		return err
	}
	if err := s.choosePorts(o.Milter, "run/postvet.sock"); err != nil {
		return err
	}
	if err := s.configure(ctx, o); err != nil {
		return err
	}
	if s.syslog, err = listenSyslog(s.path("dev/log"), s.path("maillog")); err != nil {
		return err
	}
	if !o.NoAuth {
		if s.auth, err = listenAuth(s.path("sasl/mux"), answerSaslauthd); err != nil {
			return err
		}
	}
	console, err := os.Create(s.path("console"))
	if err != nil {
		return err
	}
	defer console.Close()
	cmd, err := service(s.dir, s.places(), s.argv("-bD")...)
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Unshareflags = ownMounts
	cmd.Stdout, cmd.Stderr = console, console
	if s.proc, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	greeting, err := s.awaitGreeting(ctx)
	if m := regexp.MustCompile(`Sendmail ([0-9.]+)`).FindStringSubmatch(greeting); m != nil {
		s.version = m[1]
	}
	return err
}

// sendmailAddress turns unix:/path and inet:host:port into Sendmail's notation.
func sendmailAddress(listen string) string {
	if hostport, ok := strings.CutPrefix(listen, "inet:"); ok {
		host, port, _ := net.SplitHostPort(hostport)
		return "inet:" + port + "@" + host
	}
	return listen
}

// devices are the device files that Sendmail finds beside its /dev/log.
var devices = []string{"null", "zero", "random", "urandom", "tty", "full"}

// places returns shell commands that make /dev/log our socket, set the host
// name of Sendmail's configuration, and have SASL ask us.
func (s *Sendmail) places() string {
	return "for n in " + strings.Join(devices, " ") + `; do mount --bind /dev/$n "$D/dev/$n"; done
mount --rbind "$D/dev" /dev
hostname ` + sendmailHost + `
mount --bind "$D/etc/hosts" /etc/hosts
[ ! -d /usr/lib/sasl2 ] || mount --bind "$D/sasl" /usr/lib/sasl2`
}

func (s *Sendmail) argv(args ...string) []string {
	return append([]string{filepath.Join(s.root, sendmailBinary), "-C" + s.path("etc/sendmail.cf")}, args...)
}

// command returns Sendmail's command, run in those places.
func (s *Sendmail) command(args ...string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		return namespaced(ctx, s.dir, s.places(), s.argv(args...)...)
	}
}

// Name is "Sendmail".
func (s *Sendmail) Name() string { return "Sendmail" }

// Mechanisms is PLAIN where SASL's plugin is installed.
func (s *Sendmail) Mechanisms() []string {
	plugins, _ := filepath.Glob("/usr/lib/*/sasl2/libplain.so*")
	if s.auth == nil || len(plugins) == 0 {
		return nil
	}
	return []string{"PLAIN"}
}

// Deliveries reads the mailbox.
func (s *Sendmail) Deliveries() ([]Delivery, error) { return readBox(s.path("box/new")) }

// queueEntry matches the first line of each message of mailq: the queue id is
// in the first column.
var queueEntry = regexp.MustCompile(`(?m)^[0-9A-Za-z]{14,}[*X?-]?[ \t].*$`)

// Held returns the messages in the quarantine.
func (s *Sendmail) Held(ctx context.Context) ([]Held, error) {
	entries, err := s.queue(ctx, "-qQ")
	var held []Held
	for _, e := range entries {
		h := Held{ID: strings.TrimRight(strings.Fields(e)[0], "*X?-"), Text: e}
		if _, reason, ok := strings.Cut(e, "QUARANTINE:"); ok {
			reason, _, _ = strings.Cut(reason, "\n")
			h.Reason = strings.TrimSpace(reason)
		}
		held = append(held, h)
	}
	return held, err
}

// Queued counts the messages in the queue and in the quarantine.
func (s *Sendmail) Queued(ctx context.Context) (int, error) {
	open, err := s.queue(ctx)
	if err != nil {
		return 0, err
	}
	held, err := s.queue(ctx, "-qQ")
	return len(open) + len(held), err
}

// queue returns the listing of mailq, one text per message.
func (s *Sendmail) queue(ctx context.Context, args ...string) ([]string, error) {
	out, err := output(ctx, s.command(append([]string{"-bp"}, args...)...))
	if err != nil {
		return nil, err
	}
	starts := queueEntry.FindAllStringIndex(out, -1)
	var entries []string
	for i, m := range starts {
		end := len(out)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		entries = append(entries, out[m[0]:end])
	}
	return entries, nil
}

// Release takes a message from the quarantine and has it delivered.
func (s *Sendmail) Release(ctx context.Context, id string) error {
	if _, err := output(ctx, s.command("-qQ", "-qI"+id, "-Q")); err != nil {
		return err
	}
	// -qf stays in the foreground: a queue run in the background would end with
	// its namespace.
	_, err := output(ctx, s.command("-qf", "-qI"+id))
	return err
}

// Submit hands a message to sendmail -bs: SMTP on standard input and output.
func (s *Sendmail) Submit(ctx context.Context, from, rcpt string, msg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := s.command("-bs")(ctx)
	tie(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	reply, err := submitOver(in, out, from, rcpt, msg)
	in.Close()
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return fmt.Errorf("realmta: sendmail -bs: %s: %w", reply, err)
	}
	if reply.Class() != 2 {
		return fmt.Errorf("realmta: sendmail -bs: %s", reply)
	}
	return nil
}

// end stops the processes and what serves them.
func (s *Sendmail) end() error {
	err := s.endProcess()
	s.syslog.close()
	s.syslog = nil
	return err
}

// Stop stops Sendmail and removes its folder.
func (s *Sendmail) Stop() error { return s.stop(s.end) }
