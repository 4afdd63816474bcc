package control

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxGroups bounds the groups of a peer that are considered.
const maxGroups = 1024

// peerOf returns who connected. The kernel says so, and the peer cannot lie about
// it (unix(7)).
func peerOf(c net.Conn) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, fmt.Errorf("not a unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var p Peer
	var cred *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		if cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); asked != nil {
			return
		}
		p = Peer{UID: int(cred.Uid), PID: int(cred.Pid), GIDs: append([]int{int(cred.Gid)}, peerGroups(fd)...)}
	})
	if err == nil {
		err = asked
	}
	return p, err
}

// peerGroups returns the supplementary groups of the peer. Kernels before 4.13 do
// not report them; then only its first group counts.
func peerGroups(fd uintptr) []int {
	gids := make([]uint32, maxGroups)
	size := uint32(len(gids) * 4)
	// SO_PEERGROUPS has no function of its own in x/sys/unix.
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
		uintptr(unsafe.Pointer(&gids[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return nil
	}
	out := make([]int, 0, size/4)
	for _, g := range gids[:size/4] {
		out = append(out, int(g))
	}
	return out
}
