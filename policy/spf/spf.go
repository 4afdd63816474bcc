// Package spf implements the Sender Policy Framework (RFC 7208). With SPF a
// domain publishes a DNS record that lists the hosts that may send mail in its
// name.
//
// [Check] is check_host() for one identity of an SMTP client. [ParseRecord]
// checks the syntax of a record. [Expand] returns a domain's record and all
// that it includes as a tree, for a person to read.
//
// Strangers choose all input: the client's names, the records, and the answers
// to lookups. The limits of RFC 7208 section 4.6.4, a deadline, and the size of
// a DNS answer bound the cost of a check. Errors are the results temperror and
// permerror with a reason, never an error value.
//
// # Choices that the standard leaves
//
//   - Section 4.3: a domain of one label, an address, an address literal, or a name with characters that no mail domain has (RFC 5321 section 4.1.2, and the underscore) has no policy, and no lookup is made. Targets of terms may have any characters (section 7.1).
//   - Section 4.6.4: a term counts as void once, if the lookup of its own target finds nothing; the addresses of mail exchangers and of the client's names do not count. The PTR query of %{p} counts as one of the ten.
//   - Section 4.6.4: a client that matches one of the first ten mail exchangers passes; a client that does not gets permerror if there are more.
//   - Section 4.8: a target that cannot be a domain name matches nothing in a, mx, ptr and exists; in include and redirect it is a permerror.
//   - Section 5.5: the client's names that are no host names are ignored, and so are those whose lookups fail or take more than five seconds together.
//   - Section 6: an unknown modifier is ignored, whatever macro letters its value has.
//   - RFC 8616 section 4: a term with %{s} or %{l} does not match if the local part is not ASCII, but counts. The same holds for %{h} and a HELO name, and for all three if SMTP does not allow the length of the value.
package spf

import (
	"context"
	"net/netip"
	"time"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Resolver is the part of a DNS resolver that the evaluation uses.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and must not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of an SPF check (RFC 7208 section 2.6).
type Status string

// The results.
const (
	None      Status = "none"
	Neutral   Status = "neutral"
	Pass      Status = "pass"
	Fail      Status = "fail"
	SoftFail  Status = "softfail"
	TempError Status = "temperror"
	PermError Status = "permerror"
)

// Identity is the claim of the client that is checked.
type Identity string

// The identities of RFC 7208 section 2.3 and 2.4.
const (
	HELO     Identity = "helo"
	MailFrom Identity = "mailfrom"
)

// Query holds the arguments of check_host() (RFC 7208 section 4.1).
type Query struct {
	Identity Identity // default MailFrom
	IP       netip.Addr
	Helo     string
	// Sender is the MAIL FROM path without angle brackets. It is "" for the
	// null sender and for the HELO identity; the sender then is
	// postmaster@Helo.
	Sender string
}

// Options configure an evaluation. The zero value works.
type Options struct {
	// Receiver is the name for the macro %{r}; default "unknown".
	Receiver string
	// Timeout bounds the evaluation; default 20s (RFC 7208 section 4.6.4).
	Timeout time.Duration
	// Now is the clock for the macro %{t}; default time.Now.
	Now func() time.Time
	// Explain fills in Result.Steps for a person to read. It costs no lookup
	// and changes no result.
	Explain bool
	// Exchangers has [Expand] look up the addresses of all mail exchangers, for
	// [Tree.Senders]. It costs a check nothing.
	Exchangers bool
	// Sequential has a check make one lookup after the other. It takes longer, and makes
	// no lookup in vain.
	Sequential bool
}

// Result is the result of a check with its reason.
type Result struct {
	Identity Identity `json:"identity"`
	// Domain is the domain whose record was evaluated, in lower-case A-labels;
	// "" if the client gave no domain.
	Domain string `json:"domain"`
	Status Status `json:"result"`
	// Record is the SPF record of Domain as the DNS had it, cut after 4096 octets. It may
	// hold any octets, and its macros are not expanded; "" if there is none, or not
	// exactly one.
	Record string `json:"record,omitempty"`
	// Mechanism is the term that matched, as it was written and cut after 256
	// octets. It is "default" if no term matched, and "" if there was no record
	// to evaluate or the evaluation ended in an error.
	Mechanism string `json:"mechanism"`
	// Explanation is the domain's own text (exp=) for a fail. It is printable
	// ASCII of at most 512 octets, chosen by a stranger.
	Explanation string `json:"explanation"`
	// Reason explains in words every result but a plain match. It is printable
	// ASCII on one line and cites foreign text at bounded length.
	Reason string `json:"reason"`
	// Lookups and Voids are the counts against the limits of RFC 7208 section
	// 4.6.4. A count is one above its limit if the limit ended the evaluation.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// LocalPart reports that a term with the local part of the sender was evaluated
	// (%{s} or %{l}), so that the result may be about the address and not about
	// its whole domain (RFC 8601 section 2.7.2).
	LocalPart bool `json:"local_part,omitempty"`
	// Steps explain the evaluation term by term. They are set only with
	// Options.Explain, and there are at most 200.
	Steps []Step `json:"steps,omitempty"`
}

// Step is a term of a record, or a record, in an explanation.
type Step struct {
	// Depth is the number of includes and redirects that led to the record.
	Depth int `json:"depth"`
	// Text is printable ASCII on one line and cites foreign text at bounded
	// length.
	Text string `json:"text"`
}

// The limits of RFC 7208 section 4.6.4.
const (
	maxLookups = 10
	maxVoids   = 2
	maxHosts   = 10 // MX records of one mx term; PTR records of the client
)

const (
	defaultTimeout = 20 * time.Second

	maxExplanation = 512
	maxMechanism   = 256
	maxRecordText  = 4096
	maxCited       = 83 // bounds a name or term cited in a reason
	// maxLocal bounds HELO names and local parts in macros, in octets. RFC 5321
	// section 4.5.3.1 allows 255 for a name and 64 for a local part.
	maxLocal = 255
)

// Check evaluates one identity (check_host() of RFC 7208 section 4). It always
// returns a result: errors are in its Status and Reason. It returns temperror
// when ctx or Options.Timeout ends, and leaves no goroutine running.
func Check(ctx context.Context, r Resolver, q Query, o Options) Result {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Receiver == "" {
		o.Receiver = "unknown"
	}
	if q.Identity == "" {
		q.Identity = MailFrom
	}
	res := Result{Identity: q.Identity, Status: None}
	id, problem := identify(q)
	res.Domain = id.domain
	if problem != "" {
		res.Reason = problem
		return res
	}
	ctx, cancel := dnscache.WithTimeout(ctx, o.Timeout)
	e := &evaluation{ctx: ctx, resolver: r, identity: id, opt: o}
	// This cancels lookups that were started ahead and are not needed.
	defer func() {
		cancel()
		e.ahead.wait()
	}()

	v := e.checkHost(id.domain)
	res.Status, res.Reason = v.status, v.reason
	res.Record = foreign.Cut(e.text, maxRecordText)
	res.Lookups, res.Voids = e.lookups, e.voids
	res.LocalPart = q.Identity == MailFrom && e.usedLocal
	res.Steps = e.steps
	if v.term != nil {
		res.Mechanism = v.term.Text
		if len(res.Mechanism) > maxMechanism {
			res.Mechanism = res.Mechanism[:maxMechanism]
		}
	} else if v.status == Neutral {
		res.Mechanism = "default"
	}
	if v.status == Fail && v.explanation != nil {
		res.Explanation = e.explain(v.explanation, v.domain)
	}
	return res
}
