package account

import (
	"encoding/binary"
	"io/fs"
	"slices"
)

// aclEntry is one entry of an access control list.
type aclEntry struct {
	tag         uint16
	permissions fs.FileMode
	id          int
}

// The tags of entries (linux/posix_acl.h).
const (
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
)

// parseACL reads an access control list as the kernel keeps it
// (linux/posix_acl_xattr.h). It returns nil if it does not understand it.
func parseACL(b []byte) []aclEntry {
	const head, size, version = 4, 8, 2
	if len(b) < head || (len(b)-head)%size != 0 || binary.LittleEndian.Uint32(b) != version {
		return nil
	}
	var list []aclEntry
	for e := range slices.Chunk(b[head:], size) {
		list = append(list, aclEntry{binary.LittleEndian.Uint16(e), fs.FileMode(binary.LittleEndian.Uint16(e[2:]) & 7), int(binary.LittleEndian.Uint32(e[4:]))})
	}
	return list
}

// mayBy is [Account.May] by an access control list of a file that belongs to another
// user and to a group (acl(5), "access check algorithm").
func (a Account) mayBy(list []aclEntry, group int, permissions fs.FileMode) bool {
	mask, other := fs.FileMode(7), fs.FileMode(0)
	for _, e := range list {
		switch e.tag {
		case aclMask:
			mask = e.permissions
		case aclOther:
			other = e.permissions
		}
	}
	member := false
	for _, e := range list {
		enough := e.permissions&mask&permissions == permissions
		if e.tag == aclUser && e.id == a.UID {
			return enough
		}
		if e.tag == aclGroupObj && slices.Contains(a.GIDs, group) || e.tag == aclGroup && slices.Contains(a.GIDs, e.id) {
			if member = true; enough {
				return true
			}
		}
	}
	return !member && other&permissions == permissions
}
