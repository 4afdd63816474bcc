// Package sources says who sends mail in the name of a domain, by what aggregate reports
// (RFC 9990) tell: how much of it passes DMARC, why the rest fails, and whether the domain
// could ask receivers to refuse the rest.
//
// It goes by records alone, wherever they come from, and has no clock. What it concludes
// is likely and not certain: reports do not say whose servers those are.
package sources

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/message"
)

// The limits. What is beyond is counted, but not told apart.
const (
	maxSources   = 10_000
	maxAddresses = 1000
	maxNames     = 1000
	maxDays      = 3660
	maxSpan      = 366 // days of one report
)

// Cause is why messages pass or fail.
type Cause string

// The causes. The first two pass.
const (
	Passed    Cause = "passed"
	Relayed   Cause = "relayed"   // passed by its signature alone, from a server that SPF does not list
	Forwarded Cause = "forwarded" // a forwarder or a mailing list broke the signature
	Service   Cause = "service"   // authenticated as another domain only
	BrokenKey Cause = "key"       // signed in the domain's name, and the key is not right
	Altered   Cause = "altered"   // signed in the domain's name, and changed since
	Strict    Cause = "strict"    // authenticated as a subdomain or the domain above, where strict alignment is asked
	Disputed  Cause = "disputed"  // authenticated as the very domain of From, and failed all the same
	Unlisted  Cause = "unlisted"  // MAIL FROM is the domain's, SPF does not list the server, no signature
	Nothing   Cause = "nothing"   // nothing authenticates it
)

// Causes returns all causes.
func Causes() []Cause {
	return []Cause{Passed, Relayed, Forwarded, Service, BrokenKey, Altered, Strict, Disputed, Unlisted, Nothing}
}

// Source is what sends: an organization, known by the domain that it authenticates as, or
// a network.
type Source struct {
	// Name is a domain, or a network such as 192.0.2.0/24.
	Name string `json:"name"`
	// Messages are all, by their causes; ByDKIM and BySPF are those that passed by each.
	Messages int64           `json:"messages"`
	ByDKIM   int64           `json:"by_dkim"`
	BySPF    int64           `json:"by_spf"`
	Causes   map[Cause]int64 `json:"causes"`
	// Refused are those that receivers held or refused.
	Refused int64 `json:"refused"`
	// Addresses are those with the most messages, at most 5 of AddressCount.
	Addresses    []string `json:"addresses"`
	AddressCount int      `json:"address_count"`
	// Signers and Envelopes are domains and selectors that were met, at most 5 of each.
	Signers   []string  `json:"signers"`
	Envelopes []string  `json:"envelopes"`
	Reporters int       `json:"reporters"`
	Days      int       `json:"days"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	// New is true if it was first seen within the last 7 days of more than 14.
	New bool `json:"new"`
	// Kind says what it probably is, and Fixes what to do, the most important first.
	Kind  Kind  `json:"kind"`
	Fixes []Fix `json:"fixes"`
	// Ignored is true if the person asked to leave the source out.
	Ignored bool `json:"ignored"`
}

// Passed returns how many messages passed.
func (s *Source) Passed() int64 { return s.Causes[Passed] + s.Causes[Relayed] }

// Failed returns how many messages failed.
func (s *Source) Failed() int64 { return s.Messages - s.Passed() }

// gathered is a source while records come.
type gathered struct {
	Source
	addresses map[netip.Addr]int64
	signers   map[string]int64
	envelopes map[string]int64
	reporters map[string]bool
	days      map[int64]bool
}

// Analysis gathers records about a domain.
type Analysis struct {
	domain    string
	sources   map[string]*gathered
	rest      int64 // messages beyond the limit of sources
	reporters map[string]bool
	days      map[int64]bool
	policy    report.Policy
	newest    time.Time
	reports   int
}

// New returns an analysis for a domain in lower-case A-labels and all below it.
func New(domain string) *Analysis {
	return &Analysis{domain: domain, sources: map[string]*gathered{}, reporters: map[string]bool{}, days: map[int64]bool{}}
}

// Concerns reports whether a report may have records about the domain.
func (a *Analysis) Concerns(h *report.Head) bool {
	d := h.Policy.Domain
	return d != "" && (message.Below(a.domain, d) || message.Below(d, a.domain))
}

// Report notes a report; its records come by Add.
func (a *Analysis) Report(h *report.Head) {
	a.reports++
	if !h.End.Before(a.newest) {
		a.newest, a.policy = h.End, h.Policy
	}
}

// Add adds a record of a report. It reports whether the record is about the domain.
func (a *Analysis) Add(h *report.Head, r *report.Record) bool {
	if !message.Below(r.HeaderFrom, a.domain) || r.Count <= 0 {
		return false
	}
	e := a.evidence(r)
	name := e.name(r)
	s := a.sources[name]
	if s == nil {
		if len(a.sources) >= maxSources {
			a.rest += r.Count
			return true
		}
		s = &gathered{
			Source:    Source{Name: name, Causes: map[Cause]int64{}},
			addresses: map[netip.Addr]int64{}, signers: map[string]int64{}, envelopes: map[string]int64{}, reporters: map[string]bool{}, days: map[int64]bool{},
		}
		a.sources[name] = s
	}
	s.add(r, e)
	reporter := h.OrgName
	note(s.reporters, reporter, maxNames)
	note(a.reporters, reporter, maxNames)
	for _, day := range daysOf(h) {
		note(s.days, day, maxDays)
		note(a.days, day, maxDays)
	}
	return true
}

// note adds a key to a set, up to a number.
func note[K comparable](set map[K]bool, k K, most int) {
	if len(set) < most {
		set[k] = true
	}
}

// add adds a record to its source.
func (s *gathered) add(r *report.Record, e evidence) {
	s.Messages += r.Count
	s.Causes[e.cause] += r.Count
	if r.DKIMAligned {
		s.ByDKIM += r.Count
	}
	if r.SPFAligned {
		s.BySPF += r.Count
	}
	if r.Disposition == report.DispositionQuarantine || r.Disposition == report.DispositionReject {
		s.Refused += r.Count
	}
	count(s.addresses, r.Source, r.Count, maxAddresses)
	for _, d := range r.DKIM {
		name := d.Domain
		if d.Selector != "" {
			name += "/" + d.Selector
		}
		count(s.signers, d.Result+" "+name, r.Count, maxNames)
	}
	if e.spfDomain != "" {
		count(s.envelopes, e.spfResult+" "+e.spfDomain, r.Count, maxNames)
	}
}

// count adds to the number of a key, up to a number of keys.
func count[K comparable](m map[K]int64, k K, n int64, most int) {
	if _, known := m[k]; known || len(m) < most {
		m[k] += n
	}
}

const secondsOfDay = 24 * 60 * 60

// daysOf returns the days of UTC of a report, which may span several.
func daysOf(h *report.Head) []int64 {
	if h.Begin.IsZero() || h.End.IsZero() {
		return nil
	}
	var days []int64
	last := h.End.Add(-time.Second).Unix() / secondsOfDay // an end at midnight is of the day before
	for day := h.Begin.Unix() / secondsOfDay; day <= last && len(days) < maxSpan; day++ {
		days = append(days, day)
	}
	if len(days) == 0 {
		days = append(days, h.Begin.Unix()/secondsOfDay)
	}
	return days
}

// evidence is what a record says about its messages.
type evidence struct {
	cause                Cause
	via                  string // another domain that is authenticated
	spfDomain, spfResult string
}

// evidence returns why the messages of a record pass or fail.
func (a *Analysis) evidence(r *report.Record) evidence {
	var e evidence
	signed := map[string]bool{} // results of signatures in the domain's name
	same := false               // whether one that passed is of the domain in From
	for _, d := range r.DKIM {
		same = same || d.Result == "pass" && d.Domain == r.HeaderFrom
		switch {
		case !isDomain(d.Domain): // nothing can be published there, so that nothing is authenticated
		case a.ours(d.Domain):
			signed[d.Result] = true
		case d.Result == "pass" && e.via == "":
			e.via = d.Domain
		}
	}
	for _, s := range r.SPF {
		if e.spfDomain == "" || s.Scope == "mfrom" {
			e.spfDomain, e.spfResult = s.Domain, s.Result
		}
	}
	same = same || e.spfResult == "pass" && e.spfDomain == r.HeaderFrom
	spfOurs := a.ours(e.spfDomain)
	if e.via == "" && !spfOurs && e.spfResult == "pass" && isDomain(e.spfDomain) {
		e.via = e.spfDomain
	}
	if e.cause = causeOf(r, signed, e, spfOurs); e.cause == Strict && same {
		e.cause = Disputed
	}
	return e
}

// isDomain reports whether a name that a report has can be that of a domain.
func isDomain(name string) bool {
	_, ok := message.NormalizeDomain(name)
	return ok && strings.Contains(name, ".")
}

func causeOf(r *report.Record, signed map[string]bool, e evidence, spfOurs bool) Cause {
	switch {
	case r.DKIMAligned && !r.SPFAligned && spfOurs && e.spfResult != "pass":
		return Relayed
	case r.Passed():
		return Passed
	case handedOn(r), signed["fail"] && e.via != "":
		return Forwarded
	case signed["pass"], spfOurs && e.spfResult == "pass":
		return Strict
	case signed["permerror"], signed["neutral"], signed["policy"], signed["temperror"], signed["none"]:
		return BrokenKey
	case signed["fail"]:
		return Altered
	case e.via != "":
		return Service
	case spfOurs && e.spfResult != "none":
		return Unlisted
	}
	return Nothing
}

// handedOn reports whether the receiver says that a forwarder or a list had the message.
func handedOn(r *report.Record) bool {
	return slices.ContainsFunc(r.Reasons, func(reason report.Reason) bool {
		switch reason.Type {
		case report.Forwarded, report.TrustedForwarder, report.MailingList:
			return true
		case report.LocalPolicy:
			return len(reason.Comment) >= 8 && reason.Comment[:8] == "arc=pass"
		}
		return false
	})
}

// ours reports whether a domain is of the same organization, as far as names tell: below
// the domain, or above it and no public suffix.
func (a *Analysis) ours(domain string) bool {
	if domain == "" {
		return false
	}
	return message.Below(domain, a.domain) || message.Below(a.domain, domain) && organization(domain) != ""
}

// organization returns the domain that was registered, "" for a public suffix.
func organization(domain string) string {
	registered, err := publicsuffix.EffectiveTLDPlusOne(domain)
	if err != nil {
		return ""
	}
	return registered
}

// name returns the name of the source of a record.
func (e evidence) name(r *report.Record) string {
	if e.via != "" {
		if o := organization(e.via); o != "" {
			return o
		}
		return e.via
	}
	if !r.Source.IsValid() {
		return "unknown"
	}
	return addrlist.NetworkOf(r.Source).String()
}
