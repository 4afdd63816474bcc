package mta

import (
	"regexp"
	"strings"
)

// In sendmail.mc INPUT_MAIL_FILTER defines a milter and puts it at the end of
// the list, MAIL_FILTER only defines one, and confINPUT_MAIL_FILTERS sets the
// list. In sendmail.cf a line "Xname, S=..." defines one, and the option
// InputMailFilters is the list.
var (
	mcFilter = regexp.MustCompile("^\\s*(INPUT_)?MAIL_FILTER\\(\\s*`?([^',`\\s]+)'?\\s*,\\s*`?([^']*)'?\\s*\\)")
	mcOrder  = regexp.MustCompile("^\\s*define\\(\\s*`?confINPUT_MAIL_FILTERS'?\\s*,\\s*`?([^'`)]*)'?\\s*\\)")
	cfFilter = regexp.MustCompile(`^X([^,\s]+)\s*,\s*(.*)$`)
	cfOrder  = regexp.MustCompile(`^O\s*InputMailFilters\s*=\s*(.*)$`)
	mcDaemon = regexp.MustCompile("^\\s*DAEMON_OPTIONS\\(\\s*`([^']*)'")
	cfDaemon = regexp.MustCompile(`^O\s*DaemonPortOptions\s*=\s*(.*)$`)
	cfHost   = regexp.MustCompile(`^Dj(.+)$`)
)

// Sendmail is what sendmail.mc or sendmail.cf says of milters.
type Sendmail struct {
	// Lines are the lines about milters, in order.
	Lines []SendmailLine
	// Built reports that the file is a sendmail.cf.
	Built bool
	// Daemons are the daemons that the file sets options of.
	Daemons []Daemon
	// HostName is the value of $j; "" if the file leaves that to the system.
	HostName string
	// Rewriting is what it says of changes to messages.
	Rewriting Rewriting
}

// Daemon is a daemon of Sendmail with options.
type Daemon struct {
	Name string
	// Own reports that its options set a list of milters of its own, Filters.
	Own     bool
	Filters []string
	// Loopback is the address that it listens on, if only this machine reaches it.
	Loopback string
	// Port is "" for that of SMTP.
	Port string
	// Internal reports that it serves only users who log in, or this machine.
	Internal bool
}

// SendmailLine is a line that defines a milter or sets the list.
type SendmailLine struct {
	Line   int // from 1
	Raw    string
	Milter *Milter // nil for the list
	// Listed reports that the definition puts the milter on the list.
	Listed bool
	Order  []string // the list, if this line sets it
}

// ParseSendmail reads sendmail.mc or sendmail.cf, whichever it is.
func ParseSendmail(text string) Sendmail {
	var s Sendmail
	n := 0
	for line := range strings.Lines(text) {
		n++
		raw := strings.TrimRight(line, "\r\n")
		if m := mcFilter.FindStringSubmatch(raw); m != nil {
			s.Lines = append(s.Lines, SendmailLine{Line: n, Raw: raw, Milter: sendmailMilter(m[2], m[3], raw), Listed: m[1] != ""})
		} else if m := mcOrder.FindStringSubmatch(raw); m != nil {
			s.Lines = append(s.Lines, SendmailLine{Line: n, Raw: raw, Order: words(m[1])})
		} else if m := cfFilter.FindStringSubmatch(raw); m != nil {
			s.Built = true
			s.Lines = append(s.Lines, SendmailLine{Line: n, Raw: raw, Milter: sendmailMilter(m[1], m[2], raw)})
		} else if m := cfOrder.FindStringSubmatch(raw); m != nil {
			s.Built = true
			s.Lines = append(s.Lines, SendmailLine{Line: n, Raw: raw, Order: words(m[1])})
		} else if m := firstMatch(raw, mcDaemon, cfDaemon); m != nil {
			s.addDaemon(m[1])
		} else if m := cfHost.FindStringSubmatch(raw); m != nil {
			s.HostName = strings.TrimSpace(m[1])
		} else {
			s.Rewriting.read(raw)
		}
	}
	return s
}

// firstMatch returns the match of the first expression that fits.
func firstMatch(line string, all ...*regexp.Regexp) []string {
	for _, r := range all {
		if m := r.FindStringSubmatch(line); m != nil {
			return m
		}
	}
	return nil
}

// addDaemon notes a daemon. InputMailFilters among its options separates the names by
// semicolons and may be empty.
func (s *Sendmail) addDaemon(options string) {
	d := Daemon{Name: "the daemon"}
	for one := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(key, "Name") || key == "N":
			d.Name = value
		case strings.EqualFold(key, "Port") || key == "P":
			d.Port = value
			d.Internal = d.Internal || (service{name: value}).isInternal()
		case strings.EqualFold(key, "Addr") || key == "A":
			if strings.HasPrefix(value, "127.") || value == "::1" || value == "localhost" {
				d.Internal, d.Loopback = true, value
			}
		case strings.EqualFold(key, "InputMailFilters") || key == "I":
			d.Own = true
			d.Filters = strings.FieldsFunc(value, func(r rune) bool { return r == ';' || r == ' ' })
		}
	}
	s.Daemons = append(s.Daemons, d)
}

// sendmailMilter returns the milter that a line defines; equates are "S=..., F=T".
func sendmailMilter(name, equates, raw string) *Milter {
	m := &Milter{Name: name, Settings: map[string]string{}, Entry: raw}
	for _, e := range words(equates) {
		if key, value, ok := strings.Cut(e, "="); ok && key == "S" {
			m.Socket = value
		} else if ok {
			m.Settings[key] = value
		}
	}
	return m
}

// Milters returns the milters that Sendmail asks, in its order.
func (s Sendmail) Milters() []Milter {
	byName := map[string]Milter{}
	var list []Milter
	for _, l := range s.Lines {
		if l.Milter != nil {
			byName[l.Milter.Name] = *l.Milter
			if l.Listed {
				list = append(list, *l.Milter)
			}
		}
	}
	for _, l := range s.Lines {
		if l.Milter != nil {
			continue
		}
		list = nil
		for _, name := range l.Order {
			if m, ok := byName[name]; ok {
				list = append(list, m)
			}
		}
	}
	return list
}
