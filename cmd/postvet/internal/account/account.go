// Package account says what a user of this machine may do with a file: by the modes,
// owners and access control lists of the file and of the folders on the way to it. It
// looks at these and opens nothing, so root can ask for the user of a service.
package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Account is a user with all groups. Its zero value is root.
type Account struct {
	Name, Group string
	UID         int
	GIDs        []int
}

// Named returns the account of a name, with further groups by name. The error is a
// [user.UnknownUserError] if there is no such user.
func Named(name string, groups ...string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, err
	}
	a := Account{Name: name}
	if a.UID, err = strconv.Atoi(u.Uid); err != nil {
		return Account{}, err
	}
	if g, err := user.LookupGroupId(u.Gid); err == nil {
		a.Group = g.Name
	}
	ids, err := u.GroupIds()
	if err != nil {
		return Account{}, err
	}
	for _, group := range groups {
		g, err := user.LookupGroup(group)
		if err != nil {
			return Account{}, err
		}
		ids = append(ids, g.Gid)
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			a.GIDs = append(a.GIDs, n)
		}
	}
	return a, nil
}

// Permissions, as the last digit of a mode.
const (
	Execute fs.FileMode = 1 // of a folder: to enter it
	Write   fs.FileMode = 2
	Read    fs.FileMode = 4
)

// May reports whether the account has all of the permissions on the file at path,
// whose status is info.
func (a Account) May(path string, info fs.FileInfo, permissions fs.FileMode) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || a.UID == 0 {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(st.Uid) == a.UID:
		return mode>>6&permissions == permissions
	case len(readACL(path)) > 0:
		return a.mayBy(readACL(path), int(st.Gid), permissions)
	case slices.Contains(a.GIDs, int(st.Gid)):
		mode >>= 3
	}
	return mode&permissions == permissions
}

// Obstacle is a file or folder that keeps an account out.
type Obstacle struct {
	Path string
	// Needs are the permissions of which the account lacks some.
	Needs fs.FileMode

	account Account
	info    fs.FileInfo
}

// maxLinks bounds the symbolic links on the way to a file, as the kernel does.
const maxLinks = 40

// Obstacle returns what keeps the account from using the file at an absolute path
// with the permissions: the first folder on the way that it may not enter, or the file.
// It returns nil if nothing does. It follows symbolic links as the kernel does.
func (a Account) Obstacle(path string, permissions fs.FileMode) (*Obstacle, error) {
	at, rest, links := "/", parts(path), 0
	for len(rest) > 0 {
		if o, err := a.lacks(at, Execute); o != nil || err != nil {
			return o, err
		}
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if err != nil {
			return nil, err
		}
		if links++; links > maxLinks {
			return nil, &fs.PathError{Op: "follow", Path: path, Err: errors.New("there are too many symbolic links")}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(parts(target), rest...)
	}
	return a.lacks(at, permissions)
}

// parts returns the parts of a path; ".." stays, as it is another folder behind a
// symbolic link.
func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return p == "" || p == "." })
}

func (a Account) lacks(path string, permissions fs.FileMode) (*Obstacle, error) {
	info, err := os.Stat(path)
	if err != nil || a.May(path, info, permissions) {
		return nil, err
	}
	return &Obstacle{Path: path, Needs: permissions, account: a, info: info}, nil
}

// String returns what the account may not do, with the rights that there are.
func (o *Obstacle) String() string {
	verb := "read"
	switch {
	case o.Needs&Write != 0:
		verb = "write to"
	case o.Needs&Execute != 0:
		verb = "enter"
	}
	return fmt.Sprintf("the user %s may not %s %s (%v %s)", o.account.Name, verb, o.Path, o.info.Mode(), Owners(o.info))
}

// Fix returns a command that gives the account the permissions. It leaves the owner and
// the group of files of other programs as they are.
func (o *Obstacle) Fix() string {
	letters := ""
	for _, one := range []struct {
		bit    fs.FileMode
		letter string
	}{{Read, "r"}, {Write, "w"}, {Execute, "x"}} {
		if o.Needs&one.bit != 0 {
			letters += one.letter
		}
	}
	path := Quoted(o.Path)
	st, ok := o.info.Sys().(*syscall.Stat_t)
	switch {
	case ok && int(st.Uid) == o.account.UID:
		return fmt.Sprintf("chmod u+%s %s", letters, path)
	case ok && slices.Contains(o.account.GIDs, int(st.Gid)):
		return fmt.Sprintf("chmod g+%s %s", letters, path)
	case ok && st.Uid == 0 && st.Gid == 0 && o.account.Group != "":
		return fmt.Sprintf("chgrp %s %s && chmod g+%s %s", o.account.Group, path, letters, path)
	}
	return fmt.Sprintf("setfacl -m u:%s:%s %s", o.account.Name, letters, path)
}

// Owners returns "user:group" of a file, as numbers where they have no names.
func Owners(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "?:?"
	}
	uid, gid := strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	if u, err := user.LookupId(uid); err == nil {
		uid = u.Username
	}
	if g, err := user.LookupGroupId(gid); err == nil {
		gid = g.Name
	}
	return uid + ":" + gid
}

// Quoted returns a path as a shell reads it.
func Quoted(path string) string {
	plain := func(r rune) bool {
		return strings.ContainsRune("/._-+@%:,=", r) || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
