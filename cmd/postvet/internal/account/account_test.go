package account

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// folder returns a new folder that every account may enter, with its files.
func folder(t *testing.T, files map[string]fs.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "account")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	err = os.Chmod(dir, 0o755)
	for name := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			err = errors.Join(err, os.MkdirAll(path, 0o755))
		} else {
			err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600))
		}
	}
	for name, mode := range files { // when all are there
		err = errors.Join(err, os.Chmod(filepath.Join(dir, name), mode))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var (
	stranger = Account{Name: "stranger", Group: "strangers", UID: 54321, GIDs: []int{54321}}
	member   = Account{Name: "member", Group: "members", UID: 54322, GIDs: []int{54322, os.Getgid()}}
)

func TestObstacle(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]fs.FileMode{
		"open/all": 0o644, "open/group": 0o640, "open/none": 0o600, "shut/": 0o700, "shut/all": 0o644, "ours/": 0o750, "ours/all": 0o644, "odd/": 0o705, "odd/all": 0o604,
	})
	for link, to := range map[string]string{"link": dir + "/shut/all", "relative": "open/all", "up": "open/../open/all", "loop": "loop", "folder": "shut"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		who         Account
		path        string
		permissions fs.FileMode
		want        string // the obstacle, "" for none
	}{
		{stranger, "open/all", Read, ""},
		{stranger, "open/all", Read | Write, "open/all"},
		{stranger, "open/group", Read, "open/group"},
		{member, "open/group", Read, ""},
		{member, "open/none", Read, "open/none"},
		{stranger, "shut/all", Read, "shut"},
		{stranger, "ours/all", Read, "ours"},
		{member, "ours/all", Read, ""},
		{stranger, "odd/all", Read, ""},
		{member, "odd/all", Read, "odd"}, // the group has less than all others
		{stranger, "relative", Read, ""},
		{stranger, "up", Read, ""},
		{stranger, "link", Read, "shut"},
		{stranger, "folder/all", Read, "shut"},
		{stranger, "open", Write | Execute, "open"},
		{Account{}, "open/none", Read | Write, ""}, // root
	} {
		o, err := tc.who.Obstacle(filepath.Join(dir, tc.path), tc.permissions)
		got := ""
		if o != nil {
			got, _ = filepath.Rel(dir, o.Path)
		}
		if err != nil || got != tc.want {
			t.Errorf("%s, %s: %q, %v, want %q", tc.who.Name, tc.path, got, err, tc.want)
		}
	}
	for path, want := range map[string]error{"absent": fs.ErrNotExist, "open/absent/x": fs.ErrNotExist} {
		if _, err := stranger.Obstacle(filepath.Join(dir, path), Read); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := stranger.Obstacle(filepath.Join(dir, "loop"), Read); err == nil || !strings.Contains(err.Error(), "too many symbolic links") {
		t.Errorf("a loop: %v", err)
	}
}

// TestFix: the command gives the rights, and takes none from anybody.
func TestFix(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]fs.FileMode{"own": 0o600, "with blank": 0o600, "shut/": 0o700, "shut/x": 0o644})
	for _, tc := range []struct {
		who        Account
		path       string
		want, fix  string
		permission fs.FileMode
	}{
		{member, "own", "the user member may not read " + dir + "/own (-rw------- ", "chmod g+r " + dir + "/own", Read},
		{stranger, "shut/x", "the user stranger may not enter " + dir + "/shut (drwx------ ", dir + "/shut", Read},
		{member, "with blank", "may not write to", "chmod g+rw '" + dir + "/with blank'", Read | Write},
	} {
		o, err := tc.who.Obstacle(filepath.Join(dir, tc.path), tc.permission)
		if err != nil || o == nil || !strings.Contains(o.String(), tc.want) || !strings.Contains(o.Fix(), tc.fix) {
			t.Errorf("%s: %v, %v", tc.path, o, err)
			continue
		}
		if os.Getuid() == 0 && tc.who.Name == "stranger" && o.Fix() != "chgrp strangers "+dir+"/shut && chmod g+x "+dir+"/shut" {
			t.Errorf("of root: %s", o.Fix())
		}
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chown(filepath.Join(dir, "shut"), 54400, 54400); err != nil {
		t.Fatal(err)
	}
	o, err := stranger.Obstacle(filepath.Join(dir, "shut/x"), Read)
	if err != nil || o == nil || o.Fix() != "setfacl -m u:stranger:x "+dir+"/shut" || !strings.Contains(o.String(), "54400:54400") {
		t.Errorf("of another program: %v, %v", o, err)
	}
}

// acl returns an access control list as the kernel keeps it.
func acl(list ...aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range list {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, uint16(e.permissions))
		b = binary.LittleEndian.AppendUint32(b, uint32(e.id))
	}
	return b
}

func TestACL(t *testing.T) {
	t.Parallel()
	const none = -1
	base := []aclEntry{{0x01, 6, none}, {aclGroupObj, 0, none}, {aclOther, 0, none}}
	for _, tc := range []struct {
		name string
		more []aclEntry
		want bool
	}{
		{"nothing for us", nil, false},
		{"for the user", []aclEntry{{aclUser, Read, stranger.UID}, {aclMask, Read, none}}, true},
		{"for another user", []aclEntry{{aclUser, Read, 7}, {aclMask, Read, none}}, false},
		{"the mask takes it away", []aclEntry{{aclUser, Read, stranger.UID}, {aclMask, Execute, none}}, false},
		{"for the group", []aclEntry{{aclGroup, Read, stranger.GIDs[0]}, {aclMask, Read, none}}, true},
		{"a group with nothing shuts out", []aclEntry{{aclGroup, 0, stranger.GIDs[0]}, {aclMask, Read, none}, {aclOther, Read, none}}, false},
		{"for all others", []aclEntry{{aclOther, Read, none}}, true},
	} {
		list := parseACL(acl(append(base[:len(base):len(base)], tc.more...)...))
		if got := stranger.mayBy(list, 0, Read); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	for _, bad := range [][]byte{nil, {2, 0, 0}, {3, 0, 0, 0}, {2, 0, 0, 0, 1}} {
		if list := parseACL(bad); list != nil {
			t.Errorf("%v: %v", bad, list)
		}
	}
}

func FuzzParseACL(f *testing.F) {
	f.Add(acl(aclEntry{aclUser, Read, 7}))
	f.Fuzz(func(_ *testing.T, b []byte) { stranger.mayBy(parseACL(b), 0, Read) })
}

func TestNamed(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	a, err := Named(me.Username)
	if err != nil || a.UID != os.Getuid() || len(a.GIDs) == 0 || a.Group == "" {
		t.Errorf("%+v, %v", a, err)
	}
	var unknown user.UnknownUserError
	if _, err := Named("no-such-user-here"); !errors.As(err, &unknown) {
		t.Errorf("%v", err)
	}
	if _, err := Named(me.Username, "no-such-group-here"); err == nil {
		t.Error("a group that is not there: no error")
	}
}
