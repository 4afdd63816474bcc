package opendkim

import (
	"fmt"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// definition is a line of the KeyTable. A domain of "%" is that of the author, which also
// takes the place of each "%" in the path.
type definition struct {
	domain, selector, data string
	line                   int
}

// maxShown bounds foreign text in faults, in octets.
const maxShown = 80

func cite(s string) string { return foreign.TerminalQuote(foreign.HideKeys(s), maxShown) }

const keyRemedy = `write a line such as "mail example.org:2026a:/etc/dkimkeys/mail.private"`

// readKeys reads the KeyTable.
func readKeys(s source, check func([]byte) error, faults *Faults) map[string]definition {
	defined := map[string]definition{}
	err := s.rows(func(r row) {
		name := strings.ToLower(r.key)
		if s.pattern && strings.Contains(name, "*") {
			faults.add(s, r.line, "the key "+cite(r.key)+" is a pattern, which the name of a key cannot be", "write each key on a line of its own")
			return
		}
		if first, twice := defined[name]; twice {
			faults.add(s, r.line, fmt.Sprintf("the key %s stands in line %d already, which counts", cite(r.key), first.line), "remove one")
			return
		}
		d, problem, remedy := parseDefinition(r, check)
		if problem != "" {
			faults.add(s, r.line, "the key "+cite(r.key)+" "+problem, remedy)
		}
		defined[name] = d // also a bad one: lines that name it are no further fault
	})
	if err != nil {
		faults.add(s, 0, "the KeyTable cannot be read: "+err.Error(), "name a readable file")
	}
	return defined
}

func parseDefinition(r row, check func([]byte) error) (d definition, problem, remedy string) {
	part := strings.SplitN(r.value, ":", 3)
	if len(part) != 3 || part[2] == "" {
		return d, "has not domain, selector and key with colons between", keyRemedy
	}
	d = definition{domain: part[0], selector: part[1], data: part[2], line: r.line}
	var ok bool
	if d.domain != "%" {
		if d.domain, ok = message.NormalizeDomain(d.domain); !ok || !strings.Contains(d.domain, ".") {
			return d, "has the domain " + cite(part[0]) + ", which is none", `write one such as example.org, or % for that of the author`
		}
	}
	if d.selector, ok = message.NormalizeDomain(d.selector); !ok {
		return d, "has the selector " + cite(part[1]) + ", which is none", keyRemedy
	}
	// Newer versions of opendkim have a fourth part, the algorithm, which the key says too.
	if rest, algorithm, found := cutLast(d.data, ":"); found {
		switch strings.ToLower(algorithm) {
		case "rsa-sha256", "ed25519-sha256":
			d.data = rest
		default:
			return d, "has the algorithm " + cite(algorithm), "write rsa-sha256 or ed25519-sha256, or leave it out"
		}
	}
	if strings.HasPrefix(d.data, "/") {
		return d, "", ""
	}
	if strings.ContainsAny(d.data, ".") && !strings.Contains(d.data, "-----BEGIN") {
		return d, "has the file " + cite(d.data) + ", which is no absolute path", keyRemedy
	}
	if err := check([]byte(d.data)); err != nil {
		return d, "is " + err.Error(), keyRemedy
	}
	return d, "", ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// place returns where the key is for an author's domain.
func (d definition) place(domain, table string) stored.Key {
	p := stored.Key{Domain: d.domain, Selector: d.selector}
	if p.Domain == "%" {
		p.Domain = domain
	}
	if strings.HasPrefix(d.data, "/") {
		p.Path = strings.ReplaceAll(d.data, "%", p.Domain)
	} else {
		p.Text, p.Origin = d.data, fmt.Sprintf("%s:%d", table, d.line)
	}
	return p
}
