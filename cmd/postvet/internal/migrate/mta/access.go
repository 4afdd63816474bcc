package mta

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// account is the user who opens the socket.
type account struct {
	name   string
	uid    int
	groups []int
}

// accountNamed returns an account with all its groups.
func accountNamed(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	a := account{name: name}
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		return account{}, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return account{}, err
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			a.groups = append(a.groups, n)
		}
	}
	return a, nil
}

// may reports whether the account has all of the permissions (of rwx, as 7) on a
// file.
func (a account) may(info fs.FileInfo, permissions fs.FileMode) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || a.uid == 0 {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(st.Uid) == a.uid:
		mode >>= 6
	case slices.Contains(a.groups, int(st.Gid)):
		mode >>= 3
	}
	return mode&permissions == permissions
}

// canConnect checks whether the account can connect to the socket at path, as seen
// from outside any chroot. It looks at permissions and does not connect.
func (c *check) canConnect(a account, path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Error("there is no socket at "+path, "start Postvet with that socket: listen = [\"unix:"+path+"\"]")
		return
	case err != nil:
		c.Error(fmt.Sprintf("the socket %s cannot be examined: %v", path, err), "run the check as root")
		return
	case info.Mode().Type() != fs.ModeSocket:
		c.Error(path+" is no socket", "remove it, and start Postvet")
		return
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		d, err := os.Stat(dir)
		if err == nil && !a.may(d, 1) {
			c.Error(fmt.Sprintf("the user %s may not enter %s, where the socket is", a.name, dir),
				fmt.Sprintf("let its group in: chgrp %s %s && chmod 2750 %s", a.name, dir, dir))
			return
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if !a.may(info, 6) {
		c.Error(fmt.Sprintf("the user %s may not open the socket %s (%v)", a.name, path, info.Mode().Perm()),
			fmt.Sprintf("[socket] group = %q and mode = \"0660\", then restart Postvet", a.name))
		return
	}
	c.OK(fmt.Sprintf("the user %s can open the socket %s", a.name, path))
}

// isSafe checks whether Sendmail takes the path of a socket for safe: it opens none
// in a directory that others may write to.
func (c *check) isSafe(path string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if d, err := os.Stat(dir); err == nil && d.Mode().Perm()&0o022 != 0 && d.Mode()&fs.ModeSticky == 0 {
			c.Error(fmt.Sprintf("users other than its owner may write to %s: Sendmail calls the socket unsafe and does not open it", dir),
				"chmod go-w "+dir+", or use a socket elsewhere")
			return
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}
