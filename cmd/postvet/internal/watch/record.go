package watch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Bounds of what is kept of the records of one name and type.
const (
	maxTexts = 50
	maxText  = 2000
)

// ID is the name and the type of records, "_dmarc.example.org TXT".
type ID string

func newID(name, typ string) ID { return ID(name + " " + typ) }

// Split returns the name and the type.
func (id ID) Split() (name, typ string) {
	name, typ, _ = strings.Cut(string(id), " ")
	return name, typ
}

// recorder keeps the answers to the lookups of an inspection.
type recorder struct {
	lookups.Resolver
	mu      sync.Mutex
	answers map[question]*dnscache.Answer
}

type question struct {
	name string
	typ  dnscache.Type
}

func (r *recorder) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	a := r.Resolver.Lookup(ctx, name, t)
	if a != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.answers[question{name, t}] = a
	}
	return a
}

// records returns what the DNS said of the records of a domain: their texts, none for what
// does not exist. A failure says nothing, nor does an answer whose TTL is over, so that they
// are left out.
func (r *recorder) records(domain string, report *inspect.Report) map[ID][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := map[string]bool{}
	for _, k := range report.DKIM.Keys {
		keys[k.Selector] = true
	}
	said := map[ID][]string{}
	for q, a := range r.answers {
		if !a.Outcome.Known() || a.Stale || !concerns(q, domain) {
			continue
		}
		texts, alias := textsOf(q, domain, a), []string(nil)
		if a.Canonical != "" {
			alias = []string{foreign.Line(a.Canonical, maxText)}
		}
		// A wildcard below _domainkey answers for selectors that nobody uses.
		if selector, key := strings.CutSuffix(q.name, "._domainkey."+domain); key && !keys[selector] {
			texts, alias = nil, nil
		}
		said[newID(q.name, q.typ.String())] = texts
		if id := newID(q.name, "CNAME"); len(said[id]) == 0 {
			said[id] = alias
		}
	}
	return said
}

// concerns reports whether a question is about what the domain publishes: at or below its
// name, or the DMARC record of a domain above it.
func concerns(q question, domain string) bool {
	switch q.typ {
	case dnscache.TXT, dnscache.MX, dnscache.A, dnscache.AAAA, dnscache.TLSA:
	default:
		return false
	}
	above, ok := strings.CutPrefix(q.name, "_dmarc.")
	return message.Below(q.name, domain) || ok && message.Below(domain, above)
}

// textsOf returns the records of an answer as zone files have them, sorted.
func textsOf(q question, domain string, a *dnscache.Answer) []string {
	var texts []string
	for _, t := range a.TXT {
		// Other texts of a domain itself are proofs of its owner for all kinds of services.
		if q.name != domain || len(t) >= 6 && strings.EqualFold(t[:6], "v=spf1") {
			texts = append(texts, shown(t))
		}
	}
	for _, ip := range a.Addrs {
		texts = append(texts, ip.String())
	}
	for _, x := range a.MX {
		texts = append(texts, shown(fmt.Sprintf("%d %s.", x.Preference, x.Host)))
	}
	for _, d := range a.Data {
		if len(d) > 3 {
			texts = append(texts, shown(fmt.Sprintf("%d %d %d %s", d[0], d[1], d[2], hex.EncodeToString([]byte(d[3:])))))
		}
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	if n := len(texts) - maxTexts + 1; n > 1 {
		rest := strings.Join(texts[maxTexts-1:], "\n")
		texts = append(texts[:maxTexts-1:maxTexts-1], fmt.Sprintf("and %d more, %s", n, digest(rest)))
	}
	return texts
}

// shown returns a text as printable ASCII. What is cut off still shows that it changes.
func shown(text string) string {
	s := text
	if !foreign.IsPrintable(s) {
		s = foreign.Quote(s, 4*len(s)+2)
	}
	if len(s) > maxText {
		s = s[:maxText] + "... " + digest(text)
	}
	return s
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "SHA-256 " + hex.EncodeToString(sum[:8])
}
