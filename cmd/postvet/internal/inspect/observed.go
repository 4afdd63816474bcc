package inspect

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/policy/foreign"
)

// Source says where something was observed, or how it was found.
type Source string

// The sources.
const (
	Given   Source = "given"   // the caller named it
	Probed  Source = "probed"  // it is well known
	Journal Source = "journal" // mail that was received or sent here
	Reports Source = "reports" // aggregate reports of other receivers
	Record  Source = "spf"     // the SPF record names it
)

// Observed is what was seen of mail of one domain, in a journal or in the reports of
// other receivers. Nothing of it is asked of the DNS. The zero value has seen nothing.
type Observed struct {
	// Sources are where was looked, and since when.
	Sources []ObservedSource `json:"sources"`
	// Mail counts the messages.
	Mail ObservedMail `json:"mail"`

	selectors map[string]*seenSelector
	hosts     map[netip.Addr]*seenHost
}

// ObservedSource is a place where was looked.
type ObservedSource struct {
	Source Source    `json:"source"`
	Since  time.Time `json:"since,omitzero"`
	// Complete is false if not all of it could be read.
	Complete bool `json:"complete"`
}

// ObservedMail counts messages of the domain as author that passed DMARC, so that nobody
// forged them, and the others.
type ObservedMail struct {
	Genuine int64 `json:"genuine"`
	// SPF and DKIM are those of them with a pass that is aligned; Both have two.
	SPF  int64 `json:"spf"`
	DKIM int64 `json:"dkim"`
	Both int64 `json:"both"`
	// Failed are messages that failed DMARC: forged, or of senders that are not set up.
	Failed int64 `json:"failed"`
	// TLS and Clear are messages that came with TLS and without.
	TLS   int64 `json:"tls"`
	Clear int64 `json:"clear"`
	// Signed are messages that we signed ourselves.
	Signed int64 `json:"signed"`
}

type seenSelector struct {
	source Source
	last   time.Time
}

type seenHost struct {
	source   Source
	helo     string
	messages int64
}

// The bounds of what is kept. Senders may invent both.
const (
	maxSeenSelectors = 1000
	maxSeenHosts     = 10_000
)

// Signature notes a signature of the domain that passed, or that was made here.
func (o *Observed) Signature(from Source, selector string, at time.Time) {
	name, ok := normalize(selector)
	if !ok {
		return
	}
	if o.selectors == nil {
		o.selectors = map[string]*seenSelector{}
	}
	s := o.selectors[name]
	switch {
	case s != nil && (s.source == Reports) != (from == Reports): // what we saw ourselves counts
		if s.source == Reports {
			s.source, s.last = from, at
		}
	case s != nil && at.After(s.last):
		s.source, s.last = from, at
	case s == nil && len(o.selectors) < maxSeenSelectors:
		o.selectors[name] = &seenSelector{from, at}
	}
}

// Host notes a host that sent messages of the domain with an aligned pass of SPF. helo is
// "" if it is not known.
func (o *Observed) Host(from Source, ip netip.Addr, helo string, messages int64) {
	if ip = ip.Unmap().WithZone(""); !ip.IsValid() {
		return
	}
	if o.hosts == nil {
		o.hosts = map[netip.Addr]*seenHost{}
	}
	h := o.hosts[ip]
	if h == nil {
		if len(o.hosts) == maxSeenHosts {
			return
		}
		h = &seenHost{source: from}
		o.hosts[ip] = h
	}
	h.messages += messages
	h.helo = cmp.Or(h.helo, foreign.Line(helo, advice.MaxText))
}

// unproven is 1 for what reports say, which anybody may write, so that it comes last.
func unproven(from Source) int {
	if from == Reports {
		return 1
	}
	return 0
}

// recentSelectors returns at most n selectors, those that were seen last first.
func (o *Observed) recentSelectors(n int) []string {
	var names []string
	if o == nil {
		return nil
	}
	for name := range o.selectors {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(unproven(o.selectors[a].source)-unproven(o.selectors[b].source), o.selectors[b].last.Compare(o.selectors[a].last), cmp.Compare(a, b))
	})
	return names[:min(len(names), n)]
}

// busiestHosts returns at most n hosts, those with most messages first.
func (o *Observed) busiestHosts(n int) []netip.Addr {
	var all []netip.Addr
	if o == nil {
		return nil
	}
	for ip := range o.hosts {
		all = append(all, ip)
	}
	slices.SortFunc(all, func(a, b netip.Addr) int {
		return cmp.Or(unproven(o.hosts[a].source)-unproven(o.hosts[b].source), cmp.Compare(o.hosts[b].messages, o.hosts[a].messages), a.Compare(b))
	})
	return all[:min(len(all), n)]
}

// last returns when a signature by a selector was seen last, and where.
func (o *Observed) last(selector string) (at time.Time, from Source) {
	if o == nil || o.selectors[selector] == nil {
		return at, ""
	}
	return o.selectors[selector].last, o.selectors[selector].source
}
