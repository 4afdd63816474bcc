package dmarc

import (
	"context"
	"errors"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// maxQueries bounds the names of one walk (RFC 9989 section 4.10).
const maxQueries = 8

// walkDomains returns the names of the tree walk from domain upward, without
// "_dmarc.": the domain itself, then at most its last seven labels, and so on
// to the last label (RFC 9989 section 4.10 steps 4 to 7).
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

// recordSet is the DMARC content of a DNS answer: the outcome and, if it
// counts, the record.
type recordSet struct {
	outcome dnscache.Outcome
	// reason and unknown are of a failed lookup. unknown is nil if the failure is not
	// the name's.
	reason  string
	unknown *Unknown
	// found is the number of TXT records with the version tag.
	found  int
	record *Record
	// dropped says why record is nil although found is not 0.
	dropped error
}

// readRecords returns the DMARC records in an answer. Each cached answer is
// parsed once.
func readRecords(a *dnscache.Answer) *recordSet { return dnscache.Derive(a, deriveRecords) }

// deriveRecords applies RFC 9989 section 4.10 steps 2 and 6: texts without the version
// tag do not count, and if there are several DMARC records, none of them does.
func deriveRecords(a *dnscache.Answer) *recordSet {
	s := &recordSet{outcome: a.Outcome, reason: a.Reason()}
	if !a.Outcome.Known() && !a.Cause.Ours() {
		s.unknown = &Unknown{Bogus: a.Bogus(), Since: a.FailingSince()}
	}
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

// ErrSeveral is the error for several DMARC records at one name, of which none
// counts.
var ErrSeveral = errors.New("dmarc: several DMARC records at one name")

// path is a walk: its names in order and the records there. A set is nil if its
// answer was not needed.
type path struct {
	domains []string
	sets    []*recordSet
	// steps is the number of names that count. The walk ends at a psd tag, at a
	// DNS failure, or at the last name.
	steps int
	// failure is the outcome of the lookup that ended the walk; 0 if none
	// failed. reason is its reason.
	failure dnscache.Outcome
	reason  string
	unknown *Unknown
}

// questions returns the lookups for domains.
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
// It looks up all names in parallel, even those that a psd tag would spare:
// such tags are rare, and in sequence each name would cost a round trip.
func walk(ctx context.Context, r Resolver, domain string) *path {
	p := &path{domains: walkDomains(domain)}
	p.sets = make([]*recordSet, len(p.domains))
	for i, answer := range dnscache.LookupAll(ctx, r, questions(p.domains)) {
		s := readRecords(answer)
		p.sets[i] = s
		if p.failure != 0 {
			continue // these answers do not count, but suspected reads them
		}
		p.steps++
		if !s.outcome.Known() {
			// The records at this name are unknown, so nothing above it can be
			// concluded (section 5.3.6).
			p.failed(s)
		} else if s.record != nil && s.record.PSD != PSDUnknown {
			break // section 4.10 steps 2 and 6
		}
	}
	return p
}

// failed records the failed lookup that ends the walk.
func (p *path) failed(s *recordSet) {
	p.failure, p.reason, p.unknown = s.outcome, s.reason, s.unknown
}

// suspected returns the strictest policy for subdomains among the records above
// the failed lookup, or "" if there is none.
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

// at returns the record that counts at the i-th name, or nil if there is none.
func (p *path) at(i int) *Record {
	if i >= p.steps || p.sets[i] == nil {
		return nil
	}
	return p.sets[i].record
}

// psd returns the record with psd=y above the domain of the walk, and its name.
func (p *path) psd() (*Record, string) {
	for i := 1; i < p.steps; i++ {
		if rec := p.at(i); rec != nil && rec.PSD == PSDYes {
			return rec, p.domains[i]
		}
	}
	return nil, ""
}
