//go:build linux

package realmta

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

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
	cf, err := s.build(ctx, s.path("etc/sendmail.mc"))
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("etc/sendmail.cf"), []byte(cf), 0o644)
}

// build has m4 make the text of a .cf of a .mc.
func (s *Sendmail) build(ctx context.Context, mc string) (string, error) {
	return output(ctx, func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "m4", "-D_CF_DIR_="+filepath.Join(s.root, "usr/share/sendmail/cf")+"/",
			filepath.Join(s.root, sendmailM4), mc)
	})
}

// deliverScript is the mailer. It writes one file per message, which is
// complete when it appears.
const deliverScript = `#!/bin/sh
f=$(date +%s%N).$$
{ printf 'Delivered-To: %s\n' "$1"; cat; } >"DIR/tmp/$f" && mv "DIR/tmp/$f" "DIR/new/$f"
`

// sendmailMC returns the configuration, with the lines of
// contrib/sendmail/postvet.mc if there is a milter.
func (s *Sendmail) sendmailMC(o Options) (string, error) {
	var b strings.Builder
	f := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	define := func(name, value string) { f("define(`%s', `%s')dnl", name, value) }
	f("divert(0)dnl")
	f("OSTYPE(linux)dnl")
	define("confDOMAIN_NAME", sendmailHost)
	define("confSMTP_LOGIN_MSG", "$j Sendmail $v/$Z; "+s.greeting())
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
	if !o.NoBox {
		f("LOCAL_RULE_0")
		f("R$+ < @ %s . >\t$#box $: $1", Domain)
	}
	f("LOCAL_RULESETS")
	f("SLocal_check_rcpt")
	f("R<%s>\t$#error $@ 5.1.1 $: \"550 no such user\"", Refused)
	f("R%s\t$#error $@ 5.1.1 $: \"550 no such user\"", Refused)
	return b.String(), nil
}
