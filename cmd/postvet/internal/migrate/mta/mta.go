// Package mta reads how Postfix and Sendmail are set up, and says whether mail
// reaches Postvet and what happens while it does not.
//
// Most problems with a milter are not in the milter: a socket outside a chroot,
// permissions that keep the MTA out, a default action that lets mail pass
// unchecked. The package reads files and their modes; it changes nothing.
package mta

import (
	"bytes"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/policy/addrlist"
)

// QueueDirectory is the root directory of a chrooted smtpd in Debian.
const QueueDirectory = "/var/spool/postfix"

// Postvet is what the MTA's set-up is compared with.
type Postvet struct {
	// Listen are the addresses that Postvet listens on, in Postfix's notation.
	Listen []string
	// From says how they are known.
	From string
	// Postfix and Sendmail are the first of them as the MTA writes it; "" if
	// systemd passes all of them.
	Postfix, Sendmail string
	// AuthservID is the name in our field.
	AuthservID string
	// VerdictTimeout is how long the verdict on a message takes at most.
	VerdictTimeout time.Duration
	// EarlyTimeout is how long the answer to a recipient takes at most; 0 if it is
	// given at once.
	EarlyTimeout time.Duration
	// Exempt are the clients that are not checked by their addresses, and
	// ExemptEntries the entries of the list. Relays are those whose client is read from
	// Received.
	Exempt, Relays *addrlist.List
	ExemptEntries  []string
	// Signing is nil if Postvet signs nothing.
	Signing *Signing
}

// find returns the index of our milter in a list, -1 if it is not there. queue is
// the root directory of a chrooted smtpd.
func (p Postvet) find(queue string, list []Milter) int {
	return slices.IndexFunc(list, func(m Milter) bool {
		return slices.ContainsFunc(p.Listen, func(l string) bool { return reaches(queue, m, l) })
	})
}

// passed returns an address that only systemd knows, "" if there is none.
func (p Postvet) passed() string {
	for _, l := range p.Listen {
		if strings.HasPrefix(l, "systemd:") || strings.HasPrefix(l, "fd:") {
			return l
		}
	}
	return ""
}

// comparePassed is what to do about an address that only systemd knows.
const comparePassed = "compare the MTA's list with ListenStream= of the socket's unit"

// orPassed returns our address for the MTA's list, or where to find it.
func orPassed(address string) string {
	if address == "" {
		return "(what ListenStream= of the socket's unit says)"
	}
	return address
}

// maxMegabytes bounds a file of the MTA.
const maxMegabytes = 4

// ReadText reads a configuration file of the MTA. A binary file is an error: taken
// for text, it would look like a configuration that sets nothing.
func ReadText(name string) (string, error) {
	text, err := input.ReadFile(name, maxMegabytes)
	if err == nil && bytes.IndexByte(text, 0) >= 0 {
		err = &fs.PathError{Op: "read", Path: name, Err: errors.New("is no text")}
	}
	if err != nil {
		return "", err
	}
	return string(text), nil
}
