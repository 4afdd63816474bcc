// Package dmarc implements Domain-based Message Authentication, Reporting and
// Conformance (DMARC, RFC 9989). With DMARC a domain publishes what receivers
// should do with mail that names it as author if neither SPF nor DKIM
// authenticates a domain of the same organization.
//
// [LookupAuthor] performs the DNS tree walk for the Author Domain, and
// [LookupOrganization] the walks for authenticated domains. [Author.Evaluate]
// takes the results of SPF and DKIM and returns a [Result]. [Discover] explains
// a walk step by step to a person. [CheckReports] checks whether a host accepts
// reports (RFC 9990).
//
// # Cost
//
// A walk looks up at most eight names, all in parallel, so that it takes the
// time of one lookup. A psd tag ends the walk but does not spare these lookups.
// A message takes the walk for the author, one lookup whether the Author Domain
// exists (only if np= matters), and at most twelve walks for other identifiers.
// Only identifiers that may be aligned need a walk: those within the author's
// Organizational Domain that do not equal the Author Domain.
//
// # DNS failures
//
// If a lookup fails, the records at its name are unknown. The result then is
// TempError unless it does not depend on them: because the Author Domain has a
// record and an identifier equals it, or because an identifier can never be
// aligned.
//
// # Choices that the standard leaves
//
// Of a repeated tag the first counts; a repeated p=, sp= or np= is invalid, as the
// owner's wish cannot be told. A record with neither a valid policy nor an address
// for reports leads to no processing (section 4.10.1), and to permerror: "none" means
// that there is no record (section 9.2). Discovery by [PSL] finds the record by RFC
// 7489 section 6.6.3, and reads it by RFC 9989.
//
// # Where the grammar is not enforced
//
// RFC 9989 section 4.8 has errors behind the version ignored. Beyond its grammar a
// record is accepted where nobody could read the text otherwise, so that nobody is
// harmed, and where a policy that is void would harm its owner:
//
//	a line end beside a tag or value    accepted, as white space: editors leave it behind
//	empty tags (";;")                   accepted: they say nothing
//	text between tags without "="       ignored: the tags beside it say what they say
//	names of tags in capitals           ignored: P= is not p=, and the record says so
//	"!10m" behind a report URI          accepted and ignored: RFC 7489 had it
//	pct, rf and ri                      ignored: the domain's policy holds for all mail
//	a repeated tag                      the first counts: the same as without the second
//	a repeated p, sp or np              no policy: readers differ about which counts
//	v= of another value or case         no record: it may be one of another version
//
// Each of them is a finding in [Record.Problems], except empty tags, a size, which RFC
// 7489 allowed, and a v= that makes the text no record.
package dmarc

import (
	"context"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is the part of a DNS resolver that the evaluation uses.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and must not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of the method "dmarc" (RFC 8601 section 2.7).
type Status string

// The results.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Policy is the policy that a domain publishes; "" if it publishes none.
type Policy string

// The policies of RFC 9989 section 4.7.
const (
	PolicyNone       Policy = "none"
	PolicyQuarantine Policy = "quarantine"
	PolicyReject     Policy = "reject"
)

// Enforces reports whether a policy is quarantine or reject.
func (p Policy) Enforces() bool { return p == PolicyQuarantine || p == PolicyReject }

// Discovery is the method to find the Organizational Domain.
type Discovery string

// TreeWalk is the method of RFC 9989 section 4.10. PSL is the public suffix
// list of RFC 7489, for administrators who must match older receivers.
const (
	TreeWalk Discovery = "treewalk"
	PSL      Discovery = "psl"
)

// Identifier is a domain and the result of SPF or DKIM for it. Status is
// "pass", "temperror" or anything else.
type Identifier struct {
	Domain string
	Status string
	// Why explains the Status "temperror" for SPF. It continues the words
	// "could not be checked"; the default is "because of a DNS failure".
	Why string
}

// Options configure an evaluation. The zero value works.
type Options struct {
	// Discovery defaults to TreeWalk.
	Discovery Discovery
	// Explain sets Result.Walk and Result.Identifiers for a person to read. It
	// costs no lookup and changes no result.
	Explain bool
}

// Result is the result of an evaluation.
type Result struct {
	Status               Status `json:"result"`
	AuthorDomain         string `json:"author_domain"`
	OrganizationalDomain string `json:"organizational_domain"`
	// RecordDomain is the name of the record that applies; "" if there is none.
	RecordDomain string `json:"record_domain"`
	// Record is that record as the DNS had it, cut after 4096 octets. It may hold any
	// octets.
	Record string `json:"record,omitempty"`
	// Policy is the policy for this author, after sp, np and t.
	Policy Policy `json:"policy"`
	// PolicyTag is the tag that Policy comes from, "p", "sp" or "np"; "" if
	// there is no policy, or if a DNS failure makes the tag unknown.
	PolicyTag string `json:"policy_tag"`
	// Testing is true if t=y made Policy one step milder.
	Testing bool `json:"testing"`
	// ADKIM and ASPF are the alignment modes of the record; "" without a
	// record.
	ADKIM Alignment `json:"adkim"`
	ASPF  Alignment `json:"aspf"`
	// Disposition is the policy to apply to this message: Policy if it failed,
	// else none.
	Disposition Policy `json:"disposition"`
	// Suspected is set if a DNS failure makes it unknown which record applies.
	// It is the strictest policy for subdomains among the records above; "" if
	// there is none. It is no result: a receiver may defer a message that this
	// policy would reject.
	Suspected Policy `json:"suspected_policy"`
	// Unknown is set if the failure of a domain's DNS makes it unknown which record
	// applies. It is nil if our resolvers or this machine are to blame.
	Unknown *Unknown `json:"unknown,omitempty"`
	// Published is the record that applies, and Discovery the method that found it, for
	// reports; nil and "" without a record, and in results that were stored.
	Published   *Record   `json:"-"`
	Discovery   Discovery `json:"-"`
	SPFAligned  bool      `json:"spf_aligned"`
	DKIMAligned bool      `json:"dkim_aligned"`
	Reason      string    `json:"reason"`

	// Walk explains how the record was found, and Identifiers the alignment of
	// each SPF and DKIM domain. Both are set only with Options.Explain.
	Walk        *Walk     `json:"-"`
	Identifiers []Aligned `json:"identifiers,omitempty"`
}

// Unknown says why it is unknown which record applies.
type Unknown struct {
	// Bogus is true if records did not pass DNSSEC validation. They may be forged.
	Bogus bool `json:"bogus"`
	// Since is since when the lookup has failed; zero if nobody knows.
	Since time.Time `json:"since,omitzero"`
}

// Aligned explains the alignment of one identifier.
type Aligned struct {
	Method string `json:"method"` // "spf" or "dkim"
	Domain string `json:"domain"`
	Status string `json:"result"` // result of the method
	// Alignment says whether the domain is aligned with the author's, whatever
	// the result of the method: "yes", "no" or "unknown". It is also "unknown"
	// if it does not matter and was not looked up.
	Alignment string `json:"alignment"`
	// Why explains Alignment in words.
	Why string `json:"why"`
}
