package socket

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

func listenUnix(path string, o Options) (net.Listener, error) {
	gid := -1
	if o.Group != "" {
		var err error
		if gid, err = GroupID(o.Group); err != nil {
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
		return nil, advisePath(err, path)
	}
	l.SetUnlinkOnClose(false)
	f := &socketFile{UnixListener: l, path: path}
	if f.info, err = os.Lstat(path); err == nil && gid >= 0 {
		if err = os.Lchown(path, -1, gid); err != nil {
			err = advise(err, "cannot give %s to group %s: run as root or as a member of that group", path, o.Group)
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

// GroupID returns the number of a group that is named or numbered.
func GroupID(name string) (int, error) {
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
		return advisePath(err, dir)
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	return nil
}

// removeStale removes a socket file at path on which nobody answers.
func removeStale(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return advisePath(err, path)
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
		return advisePath(err, path)
	default:
		// Somebody listens, perhaps with a full queue.
		return advise(err, "socket in use: %s exists and cannot be asked whether somebody serves it", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return advisePath(err, path)
	}
	return nil
}

// socketFile is a listener that removes its file when it is closed, unless
// somebody has replaced the file.
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
