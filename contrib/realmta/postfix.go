//go:build linux

package realmta

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const postfixHost = "mx." + Domain

// Postfix is a running Postfix. Its smtpd and cleanup run in the chroot, as
// Debian has them.
type Postfix struct {
	dir, port, listen string
	version           string
	proc              *process
	auth              *authServer
	stopped           bool
}

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
	p := &Postfix{dir: dir}
	for try := 1; ; try++ {
		err := p.start(ctx, o)
		if err == nil {
			return p, nil
		}
		// Somebody may have taken the port between the look and the bind.
		if log := p.Log(); try == 3 || !strings.Contains(log, "Address already in use") {
			err = fmt.Errorf("%w\n%s", err, log)
			p.Stop()
			return nil, err
		}
		p.end()
	}
}

func (p *Postfix) start(ctx context.Context, o Options) error {
	var err error
	if p.port, err = freePort(); err != nil {
		return err
	}
	if p.listen, err = milterAddress(o.Milter, p.path("spool/postvet/postvet.sock")); err != nil {
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
	// "postfix check" makes the queue; "postfix start" would leave the master
	// process to init, so it is started here.
	if _, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "/usr/sbin/postfix", "-c", p.path("etc"), "check")
	}); err != nil {
		return err
	}
	if err := p.checkParameters(ctx); err != nil {
		return err
	}
	// It has our mounts: contrib/bench puts a folder into its chroot later.
	cmd, err := service(p.dir, "", postfixDaemons+"/master", "-s", "-c", p.path("etc"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = console, console
	if p.proc, err = start(cmd); err != nil {
		return err
	}
	version, err := output(ctx, p.command("/usr/sbin/postconf", "-c", p.path("etc"), "-h", "mail_version"))
	if err != nil {
		return err
	}
	p.version = strings.TrimSpace(version)
	return waitGreeting(ctx, p.Addr(), postfixHost, p.proc.alive)
}

// checkParameters has postconf read what was configured: it warns of a name
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

// configure makes the folders and writes main.cf and master.cf.
func (p *Postfix) configure(o Options) error {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	postfix, err := user.Lookup("postfix")
	if err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	nobodyID, _ := strconv.Atoi(nobody.Uid)
	postfixID, _ := strconv.Atoi(postfix.Uid)
	postfixGroup, _ := strconv.Atoi(postfix.Gid)
	for _, d := range []string{"etc", "spool", "spool/etc", "spool/postvet", "data", "box", "box/inbox"} {
		if err := os.MkdirAll(p.path(d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(p.path("data"), postfixID, -1); err != nil {
		return err
	}
	for _, d := range []string{"box", "box/inbox"} {
		if err := os.Chown(p.path(d), nobodyID, -1); err != nil {
			return err
		}
	}
	// The socket's folder is as contrib/postfix tells an admin to make it: the
	// milter's user owns it and Postfix's group may enter, nobody else.
	if err := os.Chown(p.path("spool/postvet"), nobodyID, postfixGroup); err != nil {
		return err
	}
	if err := os.Chmod(p.path("spool/postvet"), 0o2750); err != nil {
		return err
	}
	for _, f := range []string{"hosts", "services", "nsswitch.conf"} {
		if b, err := os.ReadFile("/etc/" + f); err == nil {
			if err := os.WriteFile(p.path("spool/etc/"+f), b, 0o644); err != nil {
				return err
			}
		}
	}
	if err := makeCert(p.path("etc"), postfixHost); err != nil {
		return err
	}
	main, err := p.mainCF(o, nobody.Uid, nobody.Gid)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.path("etc/main.cf"), main, 0o644); err != nil {
		return err
	}
	master := strings.ReplaceAll(masterCF, "PORT", p.port) + strings.Join(o.Services, "\n") + "\n"
	return os.WriteFile(p.path("etc/master.cf"), []byte(master), 0o644)
}

func (p *Postfix) mainCF(o Options, uid, gid string) ([]byte, error) {
	var b bytes.Buffer
	f := func(format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		// Postfix takes the last line of a name, and warns of the others.
		name, _, _ := strings.Cut(line, " ")
		for _, own := range o.Config {
			if strings.HasPrefix(own, name+" ") {
				return
			}
		}
		b.WriteString(line + "\n")
	}
	f("compatibility_level = 3.6")
	f("queue_directory = %s", p.path("spool"))
	f("data_directory = %s", p.path("data"))
	f("command_directory = /usr/sbin")
	f("daemon_directory = %s", postfixDaemons)
	f("maillog_file = %s", p.path("maillog"))
	f("maillog_file_prefixes = %s", p.dir)
	f("myhostname = %s", postfixHost)
	f("mydomain = %s", Domain)
	f("myorigin = %s", Domain)
	f("mydestination =")
	f("mynetworks = 127.0.0.1/32")
	f("inet_interfaces = 127.0.0.1, ::1")
	f("inet_protocols = all")
	f("disable_dns_lookups = yes")
	f("smtp_host_lookup = native")
	f("smtpd_peername_lookup = no")
	f("relay_transport = error:this Postfix relays nothing")
	f("default_transport = error:this Postfix relays nothing")
	f("alias_maps =")
	f("alias_database =")
	f("local_transport = error:no local mailboxes")
	f("virtual_mailbox_domains = %s", Domain)
	f("virtual_mailbox_base = %s", p.path("box"))
	f("virtual_mailbox_maps = static:inbox/")
	f("virtual_mailbox_limit = 0")
	f("virtual_minimum_uid = 1")
	f("virtual_uid_maps = static:%s", uid)
	f("virtual_gid_maps = static:%s", gid)
	f("message_size_limit = 52428800")
	f("smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination")
	f("smtpd_recipient_restrictions = check_recipient_access inline:{ {%s=550 5.1.1 no such user} }", Refused)
	// A test client may err as often as it likes.
	f("smtpd_error_sleep_time = 0")
	f("smtpd_soft_error_limit = 1000")
	f("smtpd_hard_error_limit = 1000")
	f("smtpd_client_connection_count_limit = 0")
	f("smtpd_tls_cert_file = %s", p.path("etc/cert.pem"))
	f("smtpd_tls_key_file = %s", p.path("etc/key.pem"))
	f("smtpd_tls_security_level = may")
	if !o.NoAuth {
		f("smtpd_sasl_auth_enable = yes")
		f("smtpd_sasl_type = dovecot")
		f("smtpd_sasl_path = auth.sock")
	}
	if p.listen != "" {
		lines, err := postfixExample(p.listen)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			f("%s", line)
		}
		// Not recommended there, but it must do no harm.
		f("non_smtpd_milters = $smtpd_milters")
	}
	for _, line := range o.Config {
		b.WriteString(line + "\n")
	}
	return b.Bytes(), nil
}

// masterCF holds the services that such a Postfix uses, in Debian's settings.
const masterCF = `
PORT      inet  n - y - - smtpd
pickup    unix  n - y 5 1 pickup
cleanup   unix  n - y - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - y 1000? 1 tlsmgr
rewrite   unix  - - y - - trivial-rewrite
bounce    unix  - - y - 0 bounce
defer     unix  - - y - 0 bounce
trace     unix  - - y - 0 bounce
verify    unix  - - y - 1 verify
flush     unix  n - y 1000? 0 flush
proxymap  unix  - - n - - proxymap
showq     unix  n - y - - showq
error     unix  - - y - - error
retry     unix  - - y - - error
discard   unix  - - y - - discard
virtual   unix  - n n - - virtual
smtp      unix  - - y - - smtp
anvil     unix  - - y - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
`

func (p *Postfix) path(name string) string { return filepath.Join(p.dir, name) }

// command runs one of Postfix's commands with our configuration in the place
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

// Version is what postconf says, "3.7.11".
func (p *Postfix) Version() string { return p.version }

// Addr is where smtpd listens on 127.0.0.1.
func (p *Postfix) Addr() string { return net.JoinHostPort("127.0.0.1", p.port) }

// Addr6 is where smtpd listens on ::1.
func (p *Postfix) Addr6() string { return net.JoinHostPort("::1", p.port) }

// MilterListen is where the milter has to listen.
func (p *Postfix) MilterListen() string { return p.listen }

// Mechanisms is PLAIN.
func (p *Postfix) Mechanisms() []string {
	if p.auth == nil {
		return nil
	}
	return []string{"PLAIN"}
}

// Deliveries reads the mailbox.
func (p *Postfix) Deliveries() ([]Delivery, error) { return readBox(p.path("box/inbox/new")) }

// Held lists the hold queue.
func (p *Postfix) Held(ctx context.Context) ([]Held, error) {
	entries, err := p.queue(ctx)
	var held []Held
	for _, e := range entries {
		// RFC-less but stable since Postfix 2.0: "ID!" is on hold, "ID*" active.
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

// queue is the listing of postqueue -p, one text per message.
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

// Submit hands a message to sendmail -t: pickup and cleanup take it, and
// non_smtpd_milters see it.
func (p *Postfix) Submit(ctx context.Context, from, rcpt string, msg []byte) error {
	_, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		cmd := p.command("/usr/sbin/sendmail", "-i", "-f", from, rcpt)(ctx)
		cmd.Stdin = bytes.NewReader(bytes.ReplaceAll(msg, []byte("\r\n"), []byte("\n")))
		return cmd
	})
	return err
}

// Log is the mail log, and what the master process printed.
func (p *Postfix) Log() string {
	console, _ := os.ReadFile(p.path("console"))
	log, _ := os.ReadFile(p.path("maillog"))
	return string(console) + string(log)
}

// end stops the processes.
func (p *Postfix) end() error {
	var err error
	if p.proc != nil {
		err = p.proc.stop(10 * time.Second)
		p.proc = nil
	}
	p.auth.close()
	p.auth = nil
	return err
}

// Stop stops Postfix and removes its folder.
func (p *Postfix) Stop() error {
	if p.stopped {
		return nil
	}
	p.stopped = true
	if err := p.end(); err != nil {
		return err
	}
	return removeFolder(p.dir)
}

// Reload has Postfix read its configuration again, with a line more.
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
	return p.proc.cmd.Process.Signal(syscall.SIGHUP)
}
