package account

import (
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestACLOfFile: what setfacl has set counts.
func TestACLOfFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t, map[string]fs.FileMode{"f": 0o600}), "f")
	const none = -1
	list := acl(aclEntry{0x01, 6, none}, aclEntry{aclUser, Read, stranger.UID}, aclEntry{aclGroupObj, 0, none}, aclEntry{aclMask, Read, none}, aclEntry{aclOther, 0, none})
	if err := unix.Setxattr(path, "system.posix_acl_access", list, 0); err != nil {
		t.Skip("skipped: the file system keeps no access control lists")
	}
	if o, err := stranger.Obstacle(path, Read); o != nil || err != nil {
		t.Errorf("the user of the list: %v, %v", o, err)
	}
	if o, err := (Account{Name: "other", UID: 54999}).Obstacle(path, Read); o == nil || err != nil {
		t.Errorf("another user: %v, %v", o, err)
	}
}
