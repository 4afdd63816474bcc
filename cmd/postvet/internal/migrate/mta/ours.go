package mta

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ours is what the MTA's set-up is compared with.
type Ours struct {
	// Listen are the addresses that Postvet listens on, in Postfix's notation.
	Listen []string
	// Postfix and Sendmail are the first of them that an MTA can be told, as
	// either MTA writes it; "" if systemd passes all of them.
	Postfix, Sendmail string
	// AuthservID is the name in our field.
	AuthservID string
	// VerdictTimeout is when a message's verdict is given at the latest, and
	// EarlyTimeout when a recipient is answered at the latest: 0 if at once.
	VerdictTimeout, EarlyTimeout time.Duration
}

// find returns the place of our milter in a list, -1 if it is not there; queue
// is the root of the MTA's chroot.
func (o Ours) find(queue string, list []Milter) int {
	return slices.IndexFunc(list, func(m Milter) bool {
		return slices.ContainsFunc(o.Listen, func(l string) bool { return sameSocket(queue, m.Socket, l) })
	})
}

// passed returns an address that only systemd knows, "" if there is none.
func (o Ours) passed() string {
	for _, l := range o.Listen {
		if strings.HasPrefix(l, "systemd:") || strings.HasPrefix(l, "fd:") {
			return l
		}
	}
	return ""
}

// comparePassed is what to do where an address is only systemd's to know.
const comparePassed = "compare the MTA's list with ListenStream= of the socket's unit"

// orPassed is an address of ours for the MTA's list, or how to find it.
func orPassed(address string) string {
	if address == "" {
		return "(what ListenStream= of the socket's unit says)"
	}
	return address
}

// peers are the programs whose work Postvet does, by what their sockets are
// usually called.
var peers = []string{"opendmarc", "pyspf", "policyd-spf", "dkimpy", "openarc"}

// others judges the milters that stand beside ours.
func (f *Findings) others(list []Milter, at int) {
	for i, m := range list {
		if i == at {
			continue
		}
		name := m.Name
		if name == "" {
			name = m.Socket
		}
		for _, p := range peers {
			if strings.Contains(strings.ToLower(name+" "+m.Socket), p) {
				f.warn(fmt.Sprintf("%s is asked about each message too: its results stand beside ours and may contradict them", name),
					"take it off the list once Postvet has worked for a while")
			}
		}
		if i < at {
			f.warn(fmt.Sprintf("%s is asked before Postvet: if it changes the header or the body, signatures break", name),
				"put Postvet first")
		}
	}
}

// name compares our name with the MTA's.
func (f *Findings) name(ours, mtas string) {
	switch {
	case mtas == "":
	case strings.EqualFold(ours, mtas):
		f.ok("the authserv-id " + ours + " is the MTA's name")
	default:
		f.warn(fmt.Sprintf("the authserv-id is %s, the MTA calls itself %s: a reader that trusts the MTA's name does not know ours, and fields in the MTA's name are not removed", ours, mtas),
			fmt.Sprintf("set authserv_id = %q, or trust %s in what reads the field", mtas, ours))
	}
}

// patience compares how long the MTA waits with how long we may take.
func (f *Findings) patience(what string, waits, takes time.Duration, fix string) {
	switch {
	case waits == 0:
		f.warn(what+" cannot be read", "write it as a number with a unit, such as 300s")
	case waits <= takes:
		f.error(fmt.Sprintf("%s is %s, but Postvet may take %s: the MTA gives up before", what, waits, takes), fix)
	default:
		f.ok(fmt.Sprintf("%s is %s, Postvet answers within %s", what, waits, takes))
	}
}

// seconds reads a time of Postfix's or Sendmail's: a number and s, m, h, d or
// w; 0 if it is none. unit is that of a bare number.
func seconds(text string, unit time.Duration) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if u, ok := units[text[len(text)-1]]; ok {
		unit, text = u, text[:len(text)-1]
	}
	const most = 1 << 20
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || n > most {
		return 0
	}
	return time.Duration(n) * unit
}
