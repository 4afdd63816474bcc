package mtasts

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Mode says what senders do if a host does not pass (RFC 8461 section 5).
type Mode string

// The modes.
const (
	Enforce Mode = "enforce" // they do not deliver
	Testing Mode = "testing" // they deliver and report
	Off     Mode = "none"    // the domain has no policy any more
)

// Bounds of RFC 8461 section 3.2, and of what is read.
const (
	// MaxAge is the greatest max_age, about a year.
	MaxAge = 31557600
	// MaxPolicy is how many octets of a policy are read (RFC 8461 section 3.3).
	MaxPolicy = 64 << 10
	maxLines  = 4000
	maxMX     = 1000
)

// PolicyHost returns the host that has the policy of a domain, PolicyURL where it
// stands there (RFC 8461 section 3.3).
func PolicyHost(domain string) string { return "mta-sts." + domain }

// PolicyURL returns the URL of the policy of a domain.
func PolicyURL(domain string) string {
	return "https://" + PolicyHost(domain) + "/.well-known/mta-sts.txt"
}

// Policy is a policy of MTA-STS.
type Policy struct {
	Mode Mode
	// MaxAge is for how many seconds senders keep the policy.
	MaxAge int
	// MX are the names and wildcards of hosts that take mail, in lower case.
	MX []string
	// Unknown are lines of other keys, at most 20.
	Unknown []string
}

// ParsePolicy reads a policy (RFC 8461 section 3.2). The error says in words what is
// wrong with it. Of a key that stands twice the first counts, but for mx.
func ParsePolicy(text string) (Policy, error) {
	if len(text) > MaxPolicy {
		return Policy{}, errors.New("it has more than 64 KB")
	}
	p := Policy{MaxAge: -1}
	seen := map[string]bool{}
	lines := strings.Split(text, "\n")
	if len(lines) > maxLines {
		return Policy{}, fmt.Errorf("it has more than %d lines", maxLines)
	}
	for i, line := range lines {
		line = strings.Trim(strings.TrimSuffix(line, "\r"), " \t")
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimRight(key, " \t"), strings.Trim(value, " \t")
		if !ok || !validName(key) {
			return Policy{}, fmt.Errorf("line %d is no key with a value", i+1)
		}
		if seen[key] && key != "mx" {
			continue
		}
		seen[key] = true
		if err := p.set(key, value, line); err != nil {
			return Policy{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	switch {
	case !seen["version"]:
		return Policy{}, errors.New("the line version: STSv1 is missing")
	case !seen["mode"]:
		return Policy{}, errors.New("the line mode is missing")
	case !seen["max_age"]:
		return Policy{}, errors.New("the line max_age is missing")
	case len(p.MX) == 0 && p.Mode != Off:
		return Policy{}, errors.New("no line mx names a host")
	}
	return p, nil
}

// set takes one line.
func (p *Policy) set(key, value, line string) error {
	switch key {
	case "version":
		if value != Version {
			return errors.New("the version is not STSv1")
		}
	case "mode":
		p.Mode = Mode(value)
		if p.Mode != Enforce && p.Mode != Testing && p.Mode != Off {
			return errors.New("the mode is not enforce, testing or none")
		}
	case "max_age":
		n, err := strconv.ParseUint(value, 10, 34)
		if err != nil || len(value) > 10 || n > MaxAge {
			return fmt.Errorf("max_age is no number up to %d", MaxAge)
		}
		p.MaxAge = int(n)
	case "mx":
		if !validPattern(value) {
			return errors.New("mx is no host name, and no *. with a domain behind it")
		}
		if len(p.MX) == maxMX {
			return fmt.Errorf("it names more than %d hosts", maxMX)
		}
		p.MX = append(p.MX, lower(value))
	default:
		if len(p.Unknown) < 20 {
			p.Unknown = append(p.Unknown, line)
		}
	}
	return nil
}

// validPattern reports whether a text is a host name with an optional "*." in front.
func validPattern(s string) bool {
	name := strings.TrimPrefix(s, "*.")
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			if !alphanumeric(label[i]) && label[i] != '-' && label[i] != '_' {
				return false
			}
		}
	}
	return true
}

// lower returns a name in lower case, ASCII alone.
func lower(s string) string { return strings.ToLower(s) }

// Matches reports whether the policy names a host. A wildcard stands for one label (RFC
// 8461 section 4.1).
func (p Policy) Matches(host string) bool {
	host = lower(strings.TrimSuffix(host, "."))
	for _, m := range p.MX {
		if m == host {
			return true
		}
		if parent, ok := strings.CutPrefix(m, "*."); ok {
			if label, rest, found := strings.Cut(host, "."); found && label != "" && rest == parent {
				return true
			}
		}
	}
	return false
}

// String returns the policy as a file, with the line ends of RFC 8461 section 3.2.
func (p Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: %s\r\nmode: %s\r\n", Version, p.Mode)
	for _, m := range p.MX {
		fmt.Fprintf(&b, "mx: %s\r\n", m)
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", p.MaxAge)
	return b.String()
}
