package control

import (
	"fmt"
	"slices"
)

// Peer is the process that sent a request.
type Peer struct {
	UID int
	PID int
	// GIDs are the group of the process and its supplementary groups.
	GIDs []int
	// Web and Address are the name and the address of a user of the web page. The service
	// itself sends the requests of this user, with a negative UID. Web is "" if nothing but
	// the rights of the page's socket is known.
	Web, Address string
}

func (p Peer) String() string {
	if p.UID < 0 {
		return fmt.Sprintf("web user %s", p.Web)
	}
	return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID)
}

// may reports whether the peer is root, the user uid, or in the group gid, unless
// that is negative.
func (p Peer) may(uid, gid int) bool {
	return p.UID == 0 || p.UID == uid || gid >= 0 && slices.Contains(p.GIDs, gid)
}
