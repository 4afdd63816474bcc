// Package dmarc evaluates Domain-based Message Authentication, Reporting and
// Conformance, RFC 9989: does what SPF and DKIM authenticated belong to the
// domain that the reader sees as author, and what does that domain ask for if
// not?
//
// [LookupAuthor] walks the DNS tree for the author, [LookupOrganization] for
// domains that may turn out to be authenticated, and [Author.Evaluate] aligns
// what was. [Discover] tells the walk step by step for a person; [CheckReports]
// is RFC 9990's question whether a host takes reports.
//
// # Cost
//
// A walk asks for at most eight names, all at once, so that it takes the time
// of one look-up; a psd tag ends it for the purpose of the result, not of the
// questions. One message pays for the author's walk, for one question whether
// the Author Domain exists (only where np= makes a difference), and for at most
// twelve walks of identifiers; those alone get one that could align at all, because
// they stand within the author's Organizational Domain and do not equal the
// Author Domain.
//
// # Trouble
//
// A name that cannot be looked up hides what stands there. The result then is
// TempError, unless what is known suffices: a governing record at the Author
// Domain and an identifier that equals it, or one that can never align.
//
// # Where the RFC leaves a choice
//
// A record that names a tag twice is no record (RFC 6376 section 3.2 applied to
// RFC 9989 section 4.7). One with neither a valid p= nor an address for reports
// leads to no processing (section 4.10.1). Discovery by [PSL] finds the record as
// RFC 7489 section 6.6.3 did, and reads it as RFC 9989 does.
package dmarc

import (
	"context"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the evaluation needs of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and does not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 8601 section 2.7.
type Status string

// The results.
const (
	None      Status = "none"
	Pass      Status = "pass"
	Fail      Status = "fail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Policy is what a domain asks for; "" where it publishes nothing.
type Policy string

// The policies, RFC 9989 section 4.7.
const (
	PolicyNone       Policy = "none"
	PolicyQuarantine Policy = "quarantine"
	PolicyReject     Policy = "reject"
)

// Enforces reports whether a policy asks for more than reports.
func (p Policy) Enforces() bool { return p == PolicyQuarantine || p == PolicyReject }

// Discovery is how the Organizational Domain is found.
type Discovery string

// TreeWalk is RFC 9989 section 4.10; PSL is RFC 7489's public suffix list, for
// admins who must match older peers.
const (
	TreeWalk Discovery = "treewalk"
	PSL      Discovery = "psl"
)

// Identifier is one authenticated identifier: a domain, and what its method
// said. Status is "pass", "temperror" or anything else.
type Identifier struct {
	Domain string
	Status string
	// Why says why Status is "temperror", to go on with "could not be checked";
	// default "because of DNS trouble". It is used for SPF.
	Why string
}

// Options inform an evaluation. The zero value works.
type Options struct {
	// Discovery defaults to TreeWalk.
	Discovery Discovery
	// Explain fills in Result.Walk and Result.Identifiers, for a person to read.
	// It costs no look-up and changes no result.
	Explain bool
}

// Result is what was found about the author's domain.
type Result struct {
	Status               Status `json:"result"`
	AuthorDomain         string `json:"author_domain"`
	OrganizationalDomain string `json:"organizational_domain"`
	// RecordDomain is where the governing record stands; "" if there is none.
	RecordDomain string `json:"record_domain"`
	// Policy is what the record asks for this author after sp, np and t.
	Policy Policy `json:"policy"`
	// PolicyTag is the tag of the record that Policy comes from, "p", "sp" or
	// "np"; "" if there is no policy, or if DNS trouble hides which it is.
	PolicyTag string `json:"policy_tag"`
	// Testing tells that t=y made Policy one step milder than what is published.
	Testing bool `json:"testing"`
	// ADKIM and ASPF are how closely the record wants domains to be aligned; ""
	// without a record.
	ADKIM Alignment `json:"adkim"`
	ASPF  Alignment `json:"aspf"`
	// Disposition is what the domain asks to do with this message: Policy if
	// it failed, none otherwise.
	Disposition Policy `json:"disposition"`
	// Suspected is set if DNS trouble hides which record governs: the strictest
	// policy for subdomains seen above it, "" if none was. It is no evaluation; a
	// receiver may wait rather than let through what that policy would refuse.
	Suspected   Policy `json:"suspected_policy"`
	SPFAligned  bool   `json:"spf_aligned"`
	DKIMAligned bool   `json:"dkim_aligned"`
	Reason      string `json:"reason"`

	// Walk tells how the record was found, Identifiers what became of each
	// domain that SPF or DKIM is about; both only with Options.Explain.
	Walk        *Walk     `json:"-"`
	Identifiers []Aligned `json:"identifiers,omitempty"`
}

// Aligned is what became of one identifier.
type Aligned struct {
	Method string `json:"method"` // "spf" or "dkim"
	Domain string `json:"domain"`
	Status string `json:"result"` // what the method said
	// Alignment is whether the domain is aligned with the author's, whatever the
	// method said: "yes", "no" or "unknown", the latter also where it makes no
	// difference and was not looked up.
	Alignment string `json:"alignment"`
	// Why says it in words.
	Why string `json:"why"`
}
