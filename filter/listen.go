package filter

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ListenOptions are the rights of a socket file; they mean nothing for other
// addresses.
type ListenOptions struct {
	// Mode is the file's mode; the MTA needs to write. Default 0660.
	Mode fs.FileMode
	// Group is the name or number of the file's group, such as "postfix".
	// Default: the process's own, or the directory's if that is setgid.
	Group string
}

// Listen opens a listener at an address in any notation of
// [ParseListenAddress]. A socket file that nobody listens on is replaced, one
// with a listener is an error. On an error nothing is left behind. Closing the
// listener removes the file, if it is still the same. Every error names the
// address and what to do.
func Listen(addr string, o ListenOptions) (net.Listener, error) {
	a, err := ParseListenAddress(addr)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	switch a.Network {
	case "unix":
		l, err = listenUnix(a.Address, o)
	case "systemd":
		l, err = listenNamed(a.Address)
	case "fd":
		var fd int
		if fd, err = strconv.Atoi(a.Address); err == nil {
			l, err = listenFD(fd)
		}
	default:
		if l, err = net.Listen(a.Network, a.Address); err != nil {
			err = inetRemedy(err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("filter: cannot listen on %s: %w", addr, err)
	}
	return l, nil
}

// remedied is an error with what to do about it.
func remedied(err error, format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), bare(err))
}

// bare takes off what net and os say around the cause; the address is named
// already.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

func inetRemedy(err error) error {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return remedied(err, "port in use: stop the other program (ss -ltnp shows it) or choose another port")
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return remedied(err, "permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE, choose a higher one")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return remedied(err, "this machine does not have that address (ip addr shows its own)")
	case errors.As(err, &dns):
		return remedied(err, "the host name has no address, use a number")
	}
	return err
}

func listenUnix(path string, o ListenOptions) (net.Listener, error) {
	gid := -1
	if o.Group != "" {
		var err error
		if gid, err = groupID(o.Group); err != nil {
			return nil, err
		}
	}
	if o.Mode == 0 {
		o.Mode = 0o660
	}
	if err := checkDirectory(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := bindUnix(path)
	if err != nil {
		return nil, pathRemedy(err, path)
	}
	l.SetUnlinkOnClose(false)
	f := &socketFile{UnixListener: l, path: path}
	if f.info, err = os.Lstat(path); err == nil && gid >= 0 {
		if err = os.Lchown(path, -1, gid); err != nil {
			err = remedied(err, "cannot give %s to group %s: run as root or as a member of that group", path, o.Group)
		}
	}
	if err == nil {
		err = os.Chmod(path, o.Mode.Perm())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func groupID(name string) (int, error) {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return n, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("group %q does not exist: create it (groupadd %s) or name another", name, name)
	}
	return strconv.Atoi(g.Gid)
}

func checkDirectory(dir string) error {
	switch fi, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("directory %s does not exist: create it with install -d -m 2750 -o USER -g GROUP %s (USER runs this program, GROUP is the MTA's)", dir, dir)
	case err != nil:
		return pathRemedy(err, dir)
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	return nil
}

// removeStale makes way at path: a socket on which nobody answers is removed.
func removeStale(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return pathRemedy(err, path)
	}
	if fi.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: move it away or choose another path", path)
	}
	c, err := net.DialTimeout("unix", path, 2*time.Second)
	switch {
	case err == nil:
		c.Close()
		return fmt.Errorf("socket in use: another process already serves %s, perhaps a second instance of this program; stop it first (ss -lxp shows it)", path)
	case errors.Is(err, syscall.ECONNREFUSED):
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return pathRemedy(err, path)
	default:
		// A full queue, for one: somebody is there.
		return remedied(err, "socket in use: %s exists and cannot be asked whether somebody serves it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return pathRemedy(err, path)
	}
	return nil
}

func pathRemedy(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return remedied(err, "permission denied: user %d may not create or remove %s, give it the directory with chown", os.Getuid(), path)
	case errors.Is(err, syscall.EROFS):
		return remedied(err, "%s lies on a read-only file system (with systemd: RuntimeDirectory= or ReadWritePaths=)", path)
	case errors.Is(err, syscall.EADDRINUSE):
		return remedied(err, "socket in use: another process took %s just now", path)
	}
	return remedied(err, "%s", path)
}

// socketFile removes its file when it is closed, unless somebody has replaced it.
type socketFile struct {
	*net.UnixListener
	path string
	info fs.FileInfo
	once sync.Once
	err  error
}

func (f *socketFile) Close() error {
	f.once.Do(func() {
		if now, err := os.Lstat(f.path); err == nil && f.info != nil && os.SameFile(now, f.info) {
			os.Remove(f.path)
		}
		f.err = f.UnixListener.Close()
	})
	return f.err
}
