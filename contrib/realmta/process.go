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

// An MTA, and each of our commands, is alone with its children in a namespace
// of process ids. The first process of the namespace is a shell. When it ends,
// the kernel kills all others in the namespace, whatever their parents and
// sessions are, and the kernel kills the shell itself when we die. The shell
// stays root, since a change of the user would undo that.

// The shell of a service passes on two signals, and ends with the MTA. If we
// died before the kernel knew that it must kill the shell, the shell has
// another parent by now. It can see that because /proc is still that of
// outside.
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

// service returns the command of an MTA that stays in the foreground. The shell
// commands of prepare run before, with dir in $D.
func service(dir, prepare string, argv ...string) (*exec.Cmd, error) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", serviceHead + prepare + serviceTail, "sh", self, dir}, argv...)...)
	// The MTA has a session of its own, so that signals from a terminal or
	// timeout(1) reach only us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID}
	return cmd, nil
}

// ownMounts gives a process its own mounts and its own host name. Go makes the mounts
// private, so that they are not seen outside.
const ownMounts = syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS

// namespaced returns a command that has ownMounts. The shell commands of
// prepare run before, with dir in $D.
func namespaced(ctx context.Context, dir, prepare string, argv ...string) *exec.Cmd {
	// There is no exec, since some programs may not be the first process of a
	// namespace.
	script := "set -e\nD=$1\nshift\n" + prepare + "\n\"$@\"\nexit 0\n"
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, "sh", dir}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: ownMounts}
	return cmd
}

// tie has the kernel kill a command with all its children when we die or when
// the command ends. The caller's goroutine must be locked to its thread, see
// [child.Start].
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
