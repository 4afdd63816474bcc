// Package access says who uses the web page, and what each may do there.
package access

import (
	"errors"
	"net/http"
)

// Role is what a user may do. A role may do all that those before it may.
type Role uint8

// The roles.
const (
	Nobody  Role = iota
	Viewer       // sees numbers
	Support      // searches mail, explains and checks messages
	Admin        // flushes the cache, forgets addresses, tries policies, reads the audit
)

var roleNames = [...]string{"nobody", "viewer", "support", "admin"}

// String returns the role's word in the configuration.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[Nobody]
}

// User is who sent a request.
type User struct {
	// Name is "" if the rights of the socket are all that is known.
	Name string
	Role Role
	// Session names the log-in of the user, "" if the user did not log in here.
	Session string
	// Address is where the request comes from, "" if that is a unix socket.
	Address string
	// Token must come with each form. The pages set it, not the gate.
	Token string
}

// May reports whether the user has a role, or one above it.
func (u User) May(r Role) bool { return u.Role >= r }

// ErrLogin means that a request needs a log-in first.
var ErrLogin = errors.New("access: log in first")

// Gate tells who sent a request. An error other than ErrLogin says in words why the
// request is refused.
type Gate interface {
	Identify(r *http.Request) (User, error)
}
