//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// patience bounds the start and the end of a program, which a busy machine makes slow.
const patience = 2 * time.Minute

// dir is the folder of a program's files, in its own namespace of mounts: they are in
// memory, and gone when the program has ended.
const dir = "/run/program"

// overlay puts the unpacked packages, below $1, over /usr. It has no upper layer, so
// nothing can be written through it.
const overlay = `
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount -t tmpfs -o mode=1777 tmpfs /run
`

// The shell is the first process of its namespace of process ids, so the kernel ends
// the program when the shell ends, and the shell when we do. It stays root, since a
// change of the user would undo that. If we ended before the kernel knew what to do
// then, the shell has another parent by now.
const (
	head = `set -e
read -r _ _ _ parent _ </proc/self/stat
[ "$parent" = "$2" ] || exit 1
`
	tail = `
caps=$3
shift 3
mkdir -p /run/program /run/systemd/resolve /run/systemd/resolved.conf.d
while [ "$1" != -- ]; do
	printf %s "$2" >"/run/program/$1"
	shift 2
done
shift
chown -R 65534:65534 /run/program /run/systemd/resolve
cd /run/program
setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$caps" --ambient-caps="$caps" "$@"
`
)

// process is a program that runs, or ran, on an address of its own.
type process struct {
	program program
	setting setting
	output  *child.Lines
	shell   *child.Process
}

// start starts the program, also if it ran before, and returns when it answers.
func (x *process) start(ctx context.Context) error {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	argv := []string{"-c", head + overlay + tail, "sh", root(), self, cmp.Or(x.program.caps, "-all")}
	config, run := x.program.configure(x.setting)
	argv = append(argv, x.program.file, config)
	for name, text := range x.setting.files {
		argv = append(argv, name, text)
	}
	cmd := exec.Command("/bin/sh", append(append(argv, "--"), run...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	x.output = &child.Lines{}
	cmd.Stdout, cmd.Stderr = x.output, x.output
	if x.shell, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return fmt.Errorf("%s: %w", x.program.name, err)
	}
	if err := x.await(ctx); err != nil {
		x.stop()
		return fmt.Errorf("%s: %w\n%s", x.program.name, err, x.log())
	}
	return nil
}

// await waits until the program answers a question.
func (x *process) await(ctx context.Context) error {
	late := time.Now().Add(patience)
	for {
		err := asked(x.setting.addr)
		if err == nil {
			return nil
		}
		if dead := x.shell.Alive(); dead != nil {
			return dead
		}
		if time.Now().After(late) || ctx.Err() != nil {
			return fmt.Errorf("no answer within %v: %w", patience, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// asked asks for the TXT records of ready.example over UDP, and returns nil if there
// is an answer.
func asked(addr netip.AddrPort) error {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	q := []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5, 'r', 'e', 'a', 'd', 'y', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 16, 0, 1}
	binary.BigEndian.PutUint16(q, uint16(time.Now().UnixNano()))
	if _, err := c.Write(q); err != nil {
		return err
	}
	var b [512]byte
	n, err := c.Read(b[:])
	switch {
	case err != nil:
		return err
	case n < 12 || b[0] != q[0] || b[1] != q[1]:
		return errors.New("another query's answer")
	case b[3]&15 != 0:
		return fmt.Errorf("rcode %d", b[3]&15)
	}
	return nil
}

// children returns the processes that a process has started, by their ids here.
func children(pid int) []int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for f := range strings.FieldsSeq(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// signal sends a signal to the program, and to its own children.
func (x *process) signal(s syscall.Signal) error {
	pids := children(x.shell.Pid())
	if len(pids) == 0 {
		return fmt.Errorf("%s does not run", x.program.name)
	}
	for _, pid := range pids {
		for _, c := range children(pid) {
			_ = syscall.Kill(c, s) // it may have ended
		}
		if err := syscall.Kill(pid, s); err != nil {
			return fmt.Errorf("%s: %w", x.program.name, err)
		}
	}
	return nil
}

// stop ends the program at once, as a crash does.
func (x *process) stop() {
	if x != nil && x.shell != nil {
		x.shell.Kill()
	}
}

// log returns the end of what the program wrote.
func (x *process) log() string {
	lines := x.output.All()
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
