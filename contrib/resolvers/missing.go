//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// howToInstall tells a person how to get what is missing.
const howToInstall = "run contrib/resolvers/install.sh as root on Debian (it needs apt and the network)"

// root returns the folder in which install.sh unpacks the packages.
func root() string {
	if r := os.Getenv("POSTVET_RESOLVERS_ROOT"); r != "" {
		return r
	}
	return "/var/cache/postvet/resolvers"
}

// missing returns what is not there that the programs need to run here; "" if
// nothing is missing.
func missing(programs ...program) string {
	if os.Geteuid() != 0 {
		return "root (it puts the unpacked packages over /usr, in a namespace)"
	}
	for _, p := range programs {
		if _, err := os.Stat(filepath.Join(root(), p.path)); err != nil {
			return fmt.Sprintf("package %s (%v)", p.debian, err)
		}
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		return "setpriv, from the package util-linux"
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-ec", overlay, "sh", root())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	runtime.LockOSThread() // see child.Start
	defer runtime.UnlockOSThread()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("the right to make namespaces and to mount an overlay in one (%v %s)", err, out)
	}
	return ""
}
