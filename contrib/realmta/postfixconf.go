//go:build linux

package realmta

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

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
	// contrib/postfix/main.cf names the owner and mode of the socket's folder: the
	// milter's user owns it, and only Postfix's group may enter.
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
		// Postfix uses the last line of a name, and warns of the others.
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
	f("smtpd_banner = $myhostname ESMTP %s", p.greeting())
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
	// A test client may make any number of errors.
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
		// We do not recommend this, but it must do no harm.
		f("non_smtpd_milters = $smtpd_milters")
	}
	for _, line := range o.Config {
		b.WriteString(line + "\n")
	}
	return b.Bytes(), nil
}

// masterCF has the services that such a Postfix uses, with Debian's settings.
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
