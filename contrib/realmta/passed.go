//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// passedSocket does what systemd does for a service with a socket unit. It
// holds the listening socket and passes it to each new process, which says on
// another socket when it is ready.
type passedSocket struct {
	socket *os.File
	notify *net.UnixConn
}

// holdSocket opens a listener at an address in Postfix's notation; a socket
// file belongs to the group and to nobody else.
func holdSocket(listen string, group int) (*passedSocket, error) {
	network, address := networkOf(listen)
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	defer l.Close() // File is a duplicate
	p := &passedSocket{}
	switch l := l.(type) {
	case *net.UnixListener:
		l.SetUnlinkOnClose(false)
		p.socket, err = l.File()
		err = errors.Join(err, os.Chown(address, -1, group), os.Chmod(address, 0o660))
	case *net.TCPListener:
		p.socket, err = l.File()
	}
	if err == nil {
		// An abstract socket: it has no file, and every user may write to it.
		p.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: fmt.Sprintf("@postvet-notify-%d-%s", os.Getpid(), address)})
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("realmta: %w", err)
	}
	return p, nil
}

// command returns the daemon's command with the socket as descriptor 3, as
// sd_listen_fds(3) has it. A shell sets the process id, which is not known
// before.
func (p *passedSocket) command(argv ...string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$; export LISTEN_PID; exec "$@"`, "sh"}, argv...)...)
	cmd.ExtraFiles = []*os.File{p.socket}
	cmd.Env = append(child.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=postvet", "NOTIFY_SOCKET="+p.notify.LocalAddr().String())
	return cmd
}

// awaitReady waits until the daemon says READY=1, see sd_notify(3).
func (p *passedSocket) awaitReady(ctx context.Context, alive func() error) error {
	buf := make([]byte, 4096)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.notify.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return err
		}
		n, err := p.notify.Read(buf)
		switch {
		case err == nil && strings.HasPrefix("\n"+string(buf[:n]), "\nREADY=1"):
			return nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
		if dead := alive(); dead != nil {
			return dead
		}
	}
	return fmt.Errorf("%w: postvet does not say that it is ready", errGaveUp)
}

func (p *passedSocket) close() {
	if p == nil {
		return
	}
	if p.socket != nil {
		p.socket.Close()
	}
	if p.notify != nil {
		p.notify.Close()
	}
}

// networkOf splits an address in Postfix's notation into network and address
// for package net.
func networkOf(listen string) (network, address string) {
	if hostport, ok := strings.CutPrefix(listen, "inet:"); ok {
		return "tcp", hostport
	}
	return "unix", strings.TrimPrefix(listen, "unix:")
}
