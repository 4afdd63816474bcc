package dmarc

import (
	"context"
	"errors"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// maxQueries is the most names that one walk asks for (RFC 9989 section 4.10).
const maxQueries = 8

// walkDomains returns the names that the tree walk visits from domain upward,
// without "_dmarc.": the name itself, then its last seven labels at most, and
// on until one label is left (RFC 9989 section 4.10 steps 4 to 7).
func walkDomains(domain string) []string {
	list := make([]string, 0, maxQueries)
	labels := strings.Count(domain, ".") + 1
	for name := range message.Ancestry(domain) {
		if len(list) == 0 || labels < maxQueries {
			list = append(list, name)
		}
		labels--
	}
	return list
}

// recordSet is what one DNS answer says about DMARC: the outcome and, if the
// set was not discarded, the record.
type recordSet struct {
	outcome dnscache.Outcome
	// found is how many TXT records begin with the version tag.
	found  int
	record *Record
	// dropped says why there is no record although found is not 0.
	dropped error
}

// readRecords reads an answer once, however many messages ask for it.
func readRecords(a *dnscache.Answer) *recordSet { return dnscache.Derive(a, deriveRecords) }

// deriveRecords applies RFC 9989 section 4.10 step 2: texts without the version
// tag do not count, and of several DMARC records none does.
func deriveRecords(a *dnscache.Answer) *recordSet {
	s := &recordSet{outcome: a.Outcome}
	for _, txt := range a.TXT {
		if _, ok := cutVersion(txt); !ok {
			continue
		}
		s.found++
		if s.found > 1 {
			s.record, s.dropped = nil, ErrSeveral
			continue
		}
		s.record, s.dropped = ParseRecord(txt)
	}
	return s
}

// ErrSeveral is why none of the records at a name counts.
var ErrSeveral = errors.New("dmarc: several DMARC records at one name")

// path is one walk: the names in order and what stood there. A set that is nil
// was not asked for or not needed.
type path struct {
	domains []string
	sets    []*recordSet
	// steps is how many of the names count: the walk stopped at a psd tag or
	// at trouble, or went all the way.
	steps int
	// trouble is the outcome that cut the walk short; 0 if none did.
	trouble dnscache.Outcome
}

// questions returns what is asked about domains.
func questions(domains []string) []dnscache.Question {
	list := make([]dnscache.Question, len(domains))
	for i, d := range domains {
		list[i] = dnscache.Question{Name: "_dmarc." + d, Type: dnscache.TXT}
	}
	return list
}

// walk performs the tree walk of RFC 9989 section 4.10. It returns at the
// latest when ctx ends.
//
// It asks for all names at once. Those that a psd tag would have spared are asked
// for nevertheless: such tags are rare, and one after the other the names would
// cost a round trip each.
func walk(ctx context.Context, r Resolver, domain string) *path {
	p := &path{domains: walkDomains(domain)}
	p.sets = make([]*recordSet, len(p.domains))
	for i, answer := range dnscache.LookupAll(ctx, r, questions(p.domains)) {
		s := readRecords(answer)
		p.sets[i] = s
		if p.trouble != 0 {
			continue // the answers no longer count, but suspected reads them
		}
		p.steps++
		if !s.outcome.Known() {
			// What stands there is unknown, so everything above is moot
			// (section 5.3.6).
			p.trouble = s.outcome
		} else if s.record != nil && s.record.PSD != PSDUnknown {
			break // section 4.10 step 3
		}
	}
	return p
}

// suspected returns the strictest policy for subdomains that stands above the
// trouble which cut the walk short; "" if none does.
func (p *path) suspected() Policy {
	var strictest Policy
	for _, s := range p.sets[p.steps:] {
		if s == nil || s.record == nil || s.record.Processing == ProcessNothing {
			continue
		}
		for _, policy := range []Policy{s.record.InForce(s.record.SP), s.record.InForce(s.record.NP)} {
			if strictest == "" || milder(strictest, policy) == strictest {
				strictest = policy
			}
		}
	}
	return strictest
}

// at returns the record that counts at the i-th name, or nil.
func (p *path) at(i int) *Record {
	if i >= p.steps || p.sets[i] == nil {
		return nil
	}
	return p.sets[i].record
}

// psd returns the record with psd=y above the walk's start and its domain.
func (p *path) psd() (*Record, string) {
	for i := 1; i < p.steps; i++ {
		if rec := p.at(i); rec != nil && rec.PSD == PSDYes {
			return rec, p.domains[i]
		}
	}
	return nil, ""
}
