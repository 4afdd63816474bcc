package mta

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// check collects what is found about an MTA.
type check struct {
	finding.List
	postvet Postvet
}

// replaced are the programs whose work Postvet does, as their sockets are usually
// called.
var replaced = []string{"opendmarc", "pyspf", "policyd-spf", "dkimpy", "openarc"}

// others checks the milters that the MTA asks besides ours, which is list[at]. last
// reports that only mail to be signed comes here, so that others belong before ours.
func (c *check) others(list []Milter, at int, last bool) {
	for i, m := range list {
		if i == at {
			continue
		}
		name := m.Name
		if name == "" {
			name = m.Socket
		}
		programs := replaced
		if c.postvet.Signing != nil {
			programs = append(programs[:len(programs):len(programs)], "opendkim")
		}
		for _, p := range programs {
			if strings.Contains(strings.ToLower(name+" "+m.Socket), p) {
				c.Warning(fmt.Sprintf("%s is asked about each message too: its results stand beside ours and may contradict them", name),
					"take it off the list once Postvet has worked for a while")
			}
		}
		if i < at && !last {
			c.Warning(fmt.Sprintf("%s is asked before Postvet: if it changes the header or the body, signatures break", name),
				"put Postvet first")
		}
	}
}

// authservID compares the name in our field with the MTA's name.
func (c *check) authservID(name string) {
	ours := c.postvet.AuthservID
	switch {
	case name == "":
	case strings.EqualFold(ours, name):
		c.OK("the authserv-id " + ours + " is the MTA's name")
	default:
		c.Warning(fmt.Sprintf("the authserv-id is %s, the MTA calls itself %s: a reader that trusts the MTA's name does not know ours, and fields in the MTA's name are not removed", ours, name),
			fmt.Sprintf("set authserv_id = %q, or trust %s in what reads the field", name, ours))
	}
}

// timeout compares how long the MTA waits with how long we may take.
func (c *check) timeout(what string, waits, takes time.Duration, fix string) {
	switch {
	case waits == 0:
		c.Warning(what+" cannot be read", "write it as a number with a unit, such as 300s")
	case waits <= takes:
		c.Error(fmt.Sprintf("%s is %s, but Postvet may take %s: the MTA gives up before", what, waits, takes), fix)
	default:
		c.OK(fmt.Sprintf("%s is %s, Postvet answers within %s", what, waits, takes))
	}
}

// parseSeconds reads a time of Postfix or Sendmail: a number and s, m, h, d or w;
// 0 if it is none. A bare number is in seconds.
func parseSeconds(text string) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	unit := time.Second
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

// parseDays is parseSeconds for a time whose bare numbers are days.
func parseDays(text string) time.Duration {
	if text = strings.TrimSpace(text); strings.Trim(text, "0123456789") == "" {
		text += "d"
	}
	return parseSeconds(text)
}

// parseCount reads a number, or returns byDefault if there is none.
func parseCount(text string, byDefault int) int {
	if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
		return n
	}
	return byDefault
}
