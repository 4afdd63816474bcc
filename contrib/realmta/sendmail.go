//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const sendmailHost = "sm." + Domain

// Sendmail is a running Sendmail.
type Sendmail struct {
	dir, port, listen string
	root, version     string
	proc              *process
	auth              *authServer
	syslog            *syslogServer
	stopped           bool
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
	s := &Sendmail{dir: dir}
	for try := 1; ; try++ {
		err := s.start(ctx, o)
		if err == nil {
			return s, nil
		}
		if log := s.Log(); try == 3 || !strings.Contains(log, "Address already in use") {
			err = fmt.Errorf("%w\n%s", err, log)
			s.Stop()
			return nil, err
		}
		s.end()
	}
}

func (s *Sendmail) start(ctx context.Context, o Options) error {
	var err error
	if s.root, err = sendmailRoot(); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	if s.listen, err = milterAddress(o.Milter, s.path("run/postvet.sock")); err != nil {
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
	if s.proc, err = start(cmd); err != nil {
		return err
	}
	if err := waitGreeting(ctx, s.Addr(), sendmailHost, s.proc.alive); err != nil {
		return err
	}
	c, err := Dial(ctx, "", s.Addr())
	if err != nil {
		return err
	}
	defer c.Close()
	if m := regexp.MustCompile(`Sendmail ([0-9.]+)`).FindStringSubmatch(c.Greeting.Text); m != nil {
		s.version = m[1]
	}
	return nil
}

// configure makes the folders and has m4 write sendmail.cf.
func (s *Sendmail) configure(ctx context.Context, o Options) error {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return fmt.Errorf("realmta: %w", err)
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	for dir, mode := range map[string]os.FileMode{
		"queue": 0o700, "box/tmp": 0o755, "box/new": 0o755, "dev": 0o755, "dev/shm": 0o755, "sasl": 0o755, "run": 0o755, "etc": 0o755,
	} {
		if err := os.MkdirAll(s.path(dir), mode); err != nil {
			return err
		}
	}
	for _, d := range []string{"box/tmp", "box/new", "run"} {
		if err := os.Chown(s.path(d), uid, -1); err != nil {
			return err
		}
	}
	for _, d := range devices {
		if err := os.WriteFile(s.path("dev/"+d), nil, 0o644); err != nil {
			return err
		}
	}
	if err := makeCert(s.path("etc"), sendmailHost); err != nil {
		return err
	}
	mc, err := s.sendmailMC(o)
	if err != nil {
		return err
	}
	files := map[string]string{
		"etc/hosts":            "127.0.0.1 localhost " + sendmailHost + " sm\n::1 localhost\n",
		"etc/service.switch":   "hosts files\naliases files\n",
		"etc/local-host-names": Domain + "\nlocalhost\n",
		"etc/statistics":       "",
		"etc/helpfile":         "",
		"etc/sendmail.mc":      mc,
		"sasl/Sendmail.conf":   "pwcheck_method: saslauthd\nsaslauthd_path: " + s.path("sasl/mux") + "\nmech_list: PLAIN\nlog_level: 3\n",
	}
	for name, text := range files {
		if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(s.path("deliver.sh"), []byte(strings.ReplaceAll(deliverScript, "DIR", s.path("box"))), 0o755); err != nil {
		return err
	}
	cf, err := output(ctx, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+filepath.Join(s.root, "usr/share/sendmail/cf")+"/",
			filepath.Join(s.root, sendmailM4), s.path("etc/sendmail.mc"))
	})
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("etc/sendmail.cf"), []byte(cf), 0o644)
}

// deliverScript is the mailer: one file per message, complete when it appears.
const deliverScript = `#!/bin/sh
f=$(date +%s%N).$$
{ printf 'Delivered-To: %s\n' "$1"; cat; } >"DIR/tmp/$f" && mv "DIR/tmp/$f" "DIR/new/$f"
`

// sendmailMC writes the configuration, with the lines of
// contrib/sendmail/postvet.mc where a milter is wanted.
func (s *Sendmail) sendmailMC(o Options) (string, error) {
	var b strings.Builder
	f := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	define := func(name, value string) { f("define(`%s', `%s')dnl", name, value) }
	f("divert(0)dnl")
	f("OSTYPE(linux)dnl")
	define("confDOMAIN_NAME", sendmailHost)
	define("confCW_FILE", s.path("etc/local-host-names"))
	define("confSERVICE_SWITCH_FILE", s.path("etc/service.switch"))
	define("confPID_FILE", s.path("sendmail.pid"))
	define("QUEUE_DIR", s.path("queue"))
	define("STATUS_FILE", s.path("etc/statistics"))
	define("HELP_FILE", s.path("etc/helpfile"))
	define("confCONTROL_SOCKET_NAME", "")
	f("undefine(`ALIAS_FILE')dnl")
	define("confLOG_LEVEL", "14")
	define("confDEF_USER_ID", "nobody")
	define("confTO_IDENT", "0")
	define("confBAD_RCPT_THROTTLE", "0")
	define("confMAX_DAEMON_CHILDREN", "0")
	define("confDELIVERY_MODE", "interactive")
	define("confQUEUE_LA", "9999")
	define("confREFUSE_LA", "9999")
	define("confDELAY_LA", "9999")
	define("confSERVER_CERT", s.path("etc/cert.pem"))
	define("confSERVER_KEY", s.path("etc/key.pem"))
	define("confCACERT", s.path("etc/cert.pem"))
	define("confCACERT_PATH", s.path("etc"))
	define("confDONT_BLAME_SENDMAIL", "AssumeSafeChown")
	if !o.NoAuth {
		define("confAUTH_MECHANISMS", "PLAIN")
		f("TRUST_AUTH_MECH(`PLAIN')dnl")
	}
	f("FEATURE(`no_default_msa')dnl")
	f("FEATURE(`use_cw_file')dnl")
	f("FEATURE(`nocanonify')dnl")
	f("FEATURE(`accept_unresolvable_domains')dnl")
	f("FEATURE(`accept_unqualified_senders')dnl")
	f("DAEMON_OPTIONS(`Name=MTA, Family=inet, Addr=127.0.0.1, Port=%s')dnl", s.port)
	f("DAEMON_OPTIONS(`Name=MTA6, Family=inet6, Addr=::1, Port=%s')dnl", s.port)
	if s.listen != "" {
		lines, err := sendmailExample(sendmailAddress(s.listen))
		if err != nil {
			return "", err
		}
		for _, line := range lines {
			f("%s", line)
		}
	}
	for _, line := range o.Config {
		f("%s", line)
	}
	f("MAILER(`local')dnl")
	f("MAILER(`smtp')dnl")
	f("MAILER_DEFINITIONS")
	f("Mbox,\tP=%s, F=lsFDMqn8, S=EnvFromL/HdrFromL, R=EnvToL/HdrToL, T=DNS/RFC822/X-Unix,\n\tA=deliver.sh $u@%s", s.path("deliver.sh"), Domain)
	f("LOCAL_RULE_0")
	f("R$+ < @ %s . >\t$#box $: $1", Domain)
	f("LOCAL_RULESETS")
	f("SLocal_check_rcpt")
	f("R<%s>\t$#error $@ 5.1.1 $: \"550 no such user\"", Refused)
	f("R%s\t$#error $@ 5.1.1 $: \"550 no such user\"", Refused)
	return b.String(), nil
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

func (s *Sendmail) path(name string) string { return filepath.Join(s.dir, name) }

// places are shell commands after which /dev/log is our socket, the host is
// called what Sendmail's configuration says, and SASL asks us.
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

// command runs Sendmail in its places.
func (s *Sendmail) command(args ...string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		return namespaced(ctx, s.dir, s.places(), s.argv(args...)...)
	}
}

// Name is "Sendmail".
func (s *Sendmail) Name() string { return "Sendmail" }

// Version is what the greeting says, "8.17.1.9".
func (s *Sendmail) Version() string { return s.version }

// Addr is where it listens on 127.0.0.1.
func (s *Sendmail) Addr() string { return net.JoinHostPort("127.0.0.1", s.port) }

// Addr6 is where it listens on ::1.
func (s *Sendmail) Addr6() string { return net.JoinHostPort("::1", s.port) }

// MilterListen is where the milter has to listen.
func (s *Sendmail) MilterListen() string { return s.listen }

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

// queueEntry begins each message of mailq: the queue id in the first column.
var queueEntry = regexp.MustCompile(`(?m)^[0-9A-Za-z]{14,}[*X?-]?[ \t].*$`)

// Held lists the quarantine.
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

// queue is the listing of mailq, one text per message.
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
	// -qf: a queue run in the background would end with its namespace.
	_, err := output(ctx, s.command("-qf", "-qI"+id))
	return err
}

// Submit hands a message to sendmail -bs: SMTP on standard input and output.
func (s *Sendmail) Submit(ctx context.Context, from, rcpt string, msg []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
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

// Log is what Sendmail wrote to syslog, and what it printed.
func (s *Sendmail) Log() string {
	console, _ := os.ReadFile(s.path("console"))
	log, _ := os.ReadFile(s.path("maillog"))
	return string(console) + string(log)
}

// end stops the processes.
func (s *Sendmail) end() error {
	var err error
	if s.proc != nil {
		err = s.proc.stop(10 * time.Second)
		s.proc = nil
	}
	s.auth.close()
	s.syslog.close()
	s.auth, s.syslog = nil, nil
	return err
}

// Stop stops Sendmail and removes its folder.
func (s *Sendmail) Stop() error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	if err := s.end(); err != nil {
		return err
	}
	return removeFolder(s.dir)
}
