package control

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// maxShown is how many answers one response holds.
const maxShown = 1000

// maxRecords and maxText bound one answer of a response: nobody reads more, and
// all together must stay below maxResponse.
const (
	maxRecords = 100
	maxText    = 4096
)

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
	// received. There may be more than the service tells.
	Records   []string `json:"records,omitempty"`
	Canonical string   `json:"canonical,omitempty"`
	Authentic bool     `json:"authentic"`
	// ExpiresSeconds is negative for an answer that is kept for a time when the
	// servers fail.
	ExpiresSeconds float64 `json:"expires_seconds"`
	Error          string  `json:"error,omitempty"`
	Bytes          int64   `json:"bytes"`
}

var types = []dnscache.Type{dnscache.A, dnscache.AAAA, dnscache.MX, dnscache.NS, dnscache.PTR, dnscache.TXT}

// TypeNames are the types that can be shown.
func TypeNames() string {
	var names []string
	for _, t := range types {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}

// parseType returns 0 for "".
func parseType(s string) (dnscache.Type, bool) {
	for _, t := range types {
		if strings.EqualFold(s, t.String()) {
			return t, true
		}
	}
	return 0, s == ""
}

// ShowCache carries out DoCacheShow.
func ShowCache(r *dnscache.Resolver, q Request, now time.Time) (Contents, error) {
	t, ok := parseType(q.Type)
	if !ok {
		return Contents{}, refuse(CodeRequest, "no such type of record; write one of %s", TypeNames())
	}
	held, all := r.Select(dnscache.Selection{Name: q.Name, Below: q.Below || q.All, Type: t, Most: maxShown})
	c := Contents{Answers: []Answer{}, Total: all}
	for _, h := range held {
		c.Answers = append(c.Answers, describe(h, now))
	}
	return c, nil
}

// FlushCache carries out DoCacheFlush.
func FlushCache(r *dnscache.Resolver, q Request) Flushed {
	if q.Below || q.All {
		return Flushed{Answers: r.Flush(q.Name)}
	}
	return Flushed{Answers: r.FlushName(q.Name)}
}

func describe(h dnscache.Held, now time.Time) Answer {
	a := Answer{
		Name: h.Name, Type: "any", Outcome: h.Answer.Outcome.String(), Canonical: h.Answer.Canonical,
		Authentic: h.Answer.Authentic, ExpiresSeconds: h.Answer.Expires.Sub(now).Seconds(), Bytes: h.Bytes,
	}
	if h.Type != 0 {
		a.Type = h.Type.String()
	}
	if h.Answer.Err != nil {
		a.Error = foreign.Cut(h.Answer.Err.Error(), maxText)
	}
	add := func(s string) {
		if len(a.Records) < maxRecords {
			a.Records = append(a.Records, foreign.Cut(s, maxText))
		}
	}
	for _, s := range h.Answer.TXT {
		add(s)
	}
	for _, ip := range h.Answer.Addrs {
		add(ip.String())
	}
	for _, m := range h.Answer.MX {
		host := m.Host
		if host == "" {
			host = "."
		}
		add(fmt.Sprintf("%d %s", m.Preference, host))
	}
	for _, s := range h.Answer.Names {
		add(s)
	}
	return a
}

// Write prints the answers, one line for each record. Texts are quoted, and
// whatever strangers published that could drive the terminal.
func (c Contents) Write(w io.Writer) error {
	var b strings.Builder
	for _, a := range c.Answers {
		head := fmt.Sprintf("%s  %s  %s  %s", foreign.Word(a.Name, maxText), a.Type, a.Outcome, expires(a.ExpiresSeconds))
		if a.Authentic {
			head += "  authentic"
		}
		if a.Canonical != "" {
			head += "  alias of " + foreign.Word(a.Canonical, maxText)
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
