package control

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// maxName bounds a name that is printed. No name of the DNS is longer, escaped.
const maxName = 4096

// Contents is the result of DoCacheShow.
type Contents struct {
	// Answers are sorted by name and type.
	Answers []Answer `json:"answers"`
	// Total is how many there are; if there are more, Answers are some of them.
	Total int `json:"total"`
}

// Answer is one answer of the cache.
type Answer struct {
	Name string `json:"name"` // in the presentation form of RFC 1035 section 5.1
	// Type is "any" for an NXDOMAIN, which is about all types.
	Type    string `json:"type"`
	Outcome string `json:"outcome"`
	// Records are the addresses, texts, hosts, or "PREFERENCE HOST", as they were
	// received. There may be more than the service sends.
	Records   []string `json:"records,omitempty"`
	Canonical string   `json:"canonical,omitempty"`
	Authentic bool     `json:"authentic"`
	// ExpiresSeconds is negative for an answer that is kept for a time when the
	// servers fail.
	ExpiresSeconds float64 `json:"expires_seconds"`
	Error          string  `json:"error,omitempty"`
	Bytes          int64   `json:"bytes"`
	// FromPeer is true if the answer came from the cache of another machine.
	FromPeer bool `json:"from_peer,omitempty"`
}

// types are the types of records that can be shown.
var types = []dnscache.Type{dnscache.A, dnscache.AAAA, dnscache.MX, dnscache.NS, dnscache.PTR, dnscache.TXT}

// TypeNames returns the mnemonics of the types that can be shown.
func TypeNames() []string {
	var names []string
	for _, t := range types {
		names = append(names, t.String())
	}
	return names
}

// ParseType returns the type with a mnemonic, and 0 for "", which is all types.
func ParseType(s string) (dnscache.Type, bool) {
	for _, t := range types {
		if strings.EqualFold(s, t.String()) {
			return t, true
		}
	}
	return 0, s == ""
}

// Write prints the answers, one line for each record. It quotes texts, and
// whatever a terminal could obey.
func (c Contents) Write(w io.Writer) error {
	var b strings.Builder
	for _, a := range c.Answers {
		head := fmt.Sprintf("%s  %s  %s  %s", foreign.Word(a.Name, maxName), a.Type, a.Outcome, expires(a.ExpiresSeconds))
		if a.Authentic {
			head += "  authentic"
		}
		if a.FromPeer {
			head += "  from a peer"
		}
		if a.Canonical != "" {
			head += "  alias of " + foreign.Word(a.Canonical, maxName)
		}
		if a.Error != "" {
			head += "  " + foreign.Quote(a.Error, foreign.Whole)
		}
		b.WriteString(head + "\n")
		for _, r := range a.Records {
			if a.Type == dnscache.TXT.String() {
				r = foreign.Quote(r, foreign.Whole)
			}
			b.WriteString("    " + foreign.Line(r, foreign.Whole) + "\n")
		}
	}
	if more := c.Total - len(c.Answers); more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func expires(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	if d < 0 {
		return "expired " + short(-d) + " ago"
	}
	return short(d) + " left"
}
