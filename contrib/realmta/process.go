//go:build linux

package realmta

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// An MTA and each command of ours are alone with their children in a namespace
// of process ids. With its first process, a shell, the kernel kills all others
// in it, whoever their parent and whatever their session is; and the shell
// itself is killed when we die. It stays root: a change of the user would take
// that from it.

// The shell of a service hands on the two signals that we send, and ends with
// the MTA. If we died before the kernel was told what to do then, the shell has
// another parent by now: /proc is that of outside, so it can see that.
const (
	serviceHead = `set -e
D=$2
read -r _ _ _ parent _ </proc/self/stat
[ "$parent" = "$1" ] || exit 1
shift 2
`
	serviceTail = `
"$@" &
mta=$!
trap 'kill -TERM $mta' TERM
trap 'kill -HUP $mta' HUP
while kill -0 $mta 2>/dev/null; do
	status=0
	wait $mta || status=$?
done
exit $status
`
)

// service returns the command of an MTA that stays in the foreground, after the
// shell commands of prepare, which find dir in $D.
func service(dir, prepare string, argv ...string) (*exec.Cmd, error) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", serviceHead + prepare + serviceTail, "sh", self, dir}, argv...)...)
	// A session of its own: what a terminal or timeout(1) sends to us is not
	// for the MTA.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID}
	return cmd, nil
}

// ownMounts are the namespaces of mounts and of the host name. Go makes the
// mounts private, so that none is seen outside.
const ownMounts = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS

// namespaced returns a command that has ownMounts, after the shell commands of
// prepare, which find dir in $D.
func namespaced(ctx context.Context, dir, prepare string, argv ...string) *exec.Cmd {
	// Not exec: a program may not be made to be the first process.
	script := "set -e\nD=$1\nshift\n" + prepare + "\n\"$@\"\nexit 0\n"
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh", dir}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: ownMounts}
	return cmd
}

// tie has the kernel kill a command, with all that it starts, when we die or it
// ends. The caller's goroutine must be locked to its thread, see [child.Start].
func tie(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWPID
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = 5 * time.Second
}

// output runs a command to its end.
func output(ctx context.Context, build func(ctx context.Context) *exec.Cmd) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := build(ctx)
	tie(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("realmta: %s: %w: %s", strings.Join(cmd.Args, " "), err, out)
	}
	return string(out), nil
}
