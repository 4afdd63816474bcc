// Package dmarc evaluates Domain-based Message Authentication, Reporting and
// Conformance, RFC 9989: does what SPF and DKIM authenticated belong to the
// domain that the reader sees as author, and what does that domain ask for if
// not?
package dmarc

import (
	"context"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the evaluation needs of the DNS.
type Resolver interface {
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
}

// Options inform an evaluation. The zero value works.
type Options struct {
	// Discovery defaults to TreeWalk.
	Discovery Discovery
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
	// Disposition is what the domain asks to do with this message: Policy if
	// it failed, none otherwise.
	Disposition Policy `json:"disposition"`
	SPFAligned  bool   `json:"spf_aligned"`
	DKIMAligned bool   `json:"dkim_aligned"`
	Reason      string `json:"reason"`
}

// Evaluation is one message's DMARC evaluation under way.
type Evaluation struct{}

// Start begins the walk for the Author Domain (lower-case A-labels), so that
// its look-ups run while the body arrives. They end with ctx.
func Start(ctx context.Context, r Resolver, authorDomain string, o Options) *Evaluation {
	return &Evaluation{}
}

// Finish waits for the walk and aligns what was authenticated: the SPF result of
// the MAIL FROM identity and one identifier per DKIM signature. It always
// returns a result.
func (e *Evaluation) Finish(ctx context.Context, spf Identifier, dkim []Identifier) Result {
	return Result{Status: None}
}
