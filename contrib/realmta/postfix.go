//go:build linux

package realmta

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/postvet/postvet/contrib/child"
)

const postfixHost = "mx." + Domain

// Postfix is a running Postfix. Its smtpd and cleanup run in the chroot, as
// Debian has them.
type Postfix struct{ instance }

var _ MTA = (*Postfix)(nil)

// StartPostfix starts a Postfix and returns when it greets. ctx bounds the
// start alone.
func StartPostfix(ctx context.Context, o Options) (*Postfix, error) {
	if m := MissingPostfix(); len(m) > 0 {
		return nil, fmt.Errorf("realmta: Postfix needs %s", strings.Join(m, ", "))
	}
	dir, err := makeFolder(o.Parent, "pf")
	if err != nil {
		return nil, err
	}
	p := &Postfix{instance{dir: dir}}
	if err := p.launch(func() error { return p.start(ctx, o) }, p.endProcess); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Postfix) start(ctx context.Context, o Options) error {
	err := p.choosePorts(o.Milter, "spool/postvet/postvet.sock")
	if err != nil {
		return err
	}
	if err := p.configure(o); err != nil {
		return err
	}
	if !o.NoAuth {
		if p.auth, err = listenAuth(p.path("spool/auth.sock"), answerDovecot); err != nil {
			return err
		}
	}
	console, err := os.Create(p.path("console"))
	if err != nil {
		return err
	}
	defer console.Close()
	// "postfix check" makes the queue. "postfix start" would leave the master
	// process to init, so master is started here.
	if _, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "/usr/sbin/postfix", "-c", p.path("etc"), "check")
	}); err != nil {
		return err
	}
	if err := p.checkParameters(ctx); err != nil {
		return err
	}
	// It shares our mounts: contrib/bench puts a folder into its chroot later.
	cmd, err := service(p.dir, "", postfixDaemons+"/master", "-s", "-c", p.path("etc"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = console, console
	if p.proc, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	version, err := output(ctx, p.command("/usr/sbin/postconf", "-c", p.path("etc"), "-h", "mail_version"))
	if err != nil {
		return err
	}
	p.version = strings.TrimSpace(version)
	_, err = p.awaitGreeting(ctx)
	return err
}

// checkParameters checks the configuration by postconf, which warns of a name
// that no program knows.
func (p *Postfix) checkParameters(ctx context.Context) error {
	for _, what := range []string{"-n", "-M", "-P"} {
		out, err := output(ctx, p.command("/usr/sbin/postconf", "-c", p.path("etc"), what))
		if err != nil {
			return err
		}
		if strings.Contains(out, "warning:") {
			return fmt.Errorf("realmta: postconf %s: %s", what, out)
		}
	}
	return nil
}

// command returns one of Postfix's commands with our configuration in the place
// of /etc/postfix: postdrop and postqueue are set-gid and trust no other.
func (p *Postfix) command(argv ...string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		cmd := namespaced(ctx, p.dir, `[ -d /etc/postfix ] || { mount -t tmpfs none /etc; mkdir /etc/postfix; }
mount --bind "$D/etc" /etc/postfix`, argv...)
		return cmd
	}
}

// Name is "Postfix".
func (p *Postfix) Name() string { return "Postfix" }

// Mechanisms is PLAIN.
func (p *Postfix) Mechanisms() []string {
	if p.auth == nil {
		return nil
	}
	return []string{"PLAIN"}
}

// Deliveries reads the mailbox.
func (p *Postfix) Deliveries() ([]Delivery, error) { return readBox(p.path("box/inbox/new")) }

// Held returns the messages in the hold queue.
func (p *Postfix) Held(ctx context.Context) ([]Held, error) {
	entries, err := p.queue(ctx)
	var held []Held
	for _, e := range entries {
		// No standard says so, but since Postfix 2.0 "ID!" is on hold and "ID*"
		// active.
		if id, _, _ := strings.Cut(e, " "); strings.HasSuffix(id, "!") {
			held = append(held, Held{ID: strings.TrimSuffix(id, "!"), Text: e})
		}
	}
	return held, err
}

// Queued counts the messages in the queue.
func (p *Postfix) Queued(ctx context.Context) (int, error) {
	entries, err := p.queue(ctx)
	return len(entries), err
}

// queue returns the listing of postqueue -p, one text per message.
func (p *Postfix) queue(ctx context.Context) ([]string, error) {
	out, err := output(ctx, p.command("/usr/sbin/postqueue", "-p"))
	if err != nil {
		return nil, err
	}
	var entries []string
	for block := range strings.SplitSeq(out, "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(block, "\n") {
			if line != "" && line[0] != '-' && !strings.HasPrefix(line, "Mail queue is empty") {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			entries = append(entries, strings.Join(lines, "\n"))
		}
	}
	return entries, nil
}

// Release takes a message from hold and has it delivered.
func (p *Postfix) Release(ctx context.Context, id string) error {
	if _, err := output(ctx, p.command("/usr/sbin/postsuper", "-H", id)); err != nil {
		return err
	}
	_, err := output(ctx, p.command("/usr/sbin/postqueue", "-f"))
	return err
}

// Postcat returns what "postcat -q" prints of a message in the queue, with further
// flags in front.
func (p *Postfix) Postcat(ctx context.Context, id string, flags ...string) (string, error) {
	argv := append(append([]string{"/usr/sbin/postcat"}, flags...), "-q", id)
	return output(ctx, p.command(argv...))
}

// Submit hands a message to sendmail -t. pickup and cleanup take it, and
// non_smtpd_milters see it.
func (p *Postfix) Submit(ctx context.Context, from, rcpt string, msg []byte) error {
	_, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		cmd := p.command("/usr/sbin/sendmail", "-i", "-f", from, rcpt)(ctx)
		cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")))
		return cmd
	})
	return err
}

// SubmitToHeader hands a message to sendmail -t, which reads the recipients in it.
func (p *Postfix) SubmitToHeader(ctx context.Context, from string, msg []byte) error {
	_, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		cmd := p.command("/usr/sbin/sendmail", "-i", "-t", "-f", from)(ctx)
		cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")))
		return cmd
	})
	return err
}

// Stop stops Postfix and removes its folder.
func (p *Postfix) Stop() error { return p.stop(p.endProcess) }

// Reload adds a line to the configuration and has Postfix read it again.
func (p *Postfix) Reload(ctx context.Context, line string) error {
	f, err := os.OpenFile(p.path("etc/main.cf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return p.proc.Signal(syscall.SIGHUP)
}
