//go:build linux

package realmta

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"syscall"
)

// Paths of Debian's packages.
const (
	postfixDaemons = "/usr/lib/postfix/sbin"
	sendmailCache  = "/var/cache/postvet/sendmail" // where install.sh unpacks
	sendmailBinary = "usr/libexec/sendmail/sendmail"
	sendmailM4     = "usr/share/sendmail/cf/m4/cf.m4"
)

// HowToInstall tells a person how to get what is missing.
const HowToInstall = "run contrib/realmta/install.sh as root on Debian or Ubuntu (it needs apt and the network)"

// MissingPostfix returns what Postfix lacks to run here; nothing if it can.
func MissingPostfix() []string {
	m := missingRights()
	for _, f := range []string{postfixDaemons + "/master", "/usr/sbin/postfix"} {
		if _, err := os.Stat(f); err != nil {
			return append(m, "package postfix ("+f+")")
		}
	}
	if _, err := user.Lookup("postfix"); err != nil {
		m = append(m, "user postfix")
	}
	return m
}

// MissingSendmail returns what Sendmail lacks to run here; nothing if it can.
func MissingSendmail() []string {
	m := missingRights()
	if _, err := sendmailRoot(); err != nil {
		m = append(m, "packages sendmail-bin, sendmail-base, sendmail-cf ("+err.Error()+")")
	}
	if _, err := exec.LookPath("m4"); err != nil {
		m = append(m, "package m4")
	}
	return m
}

func missingRights() []string {
	if os.Geteuid() != 0 {
		return []string{"root (the MTAs start as root and change their user)"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", "mount --bind /etc /etc && hostname postvet-test")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: ownMounts}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tie(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return []string{fmt.Sprintf("the right to make namespaces of mounts and processes (%v %s)", err, out)}
	}
	return nil
}

// sendmailRoot returns the folder in which Sendmail's packages are unpacked, "/" if they
// are installed.
func sendmailRoot() (string, error) {
	roots := []string{sendmailCache, "/"}
	if r := os.Getenv("POSTVET_SENDMAIL_ROOT"); r != "" {
		roots = []string{r}
	}
	for _, r := range roots {
		if _, err := os.Stat(filepath.Join(r, sendmailBinary)); err != nil {
			continue
		}
		if _, err := os.Stat(filepath.Join(r, sendmailM4)); err == nil {
			return r, nil
		}
	}
	return "", fmt.Errorf("not below %s", roots)
}
