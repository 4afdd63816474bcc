// Package spf evaluates the Sender Policy Framework, RFC 7208: may this host
// send mail in this domain's name?
//
// [Check] is check_host() for one identity. [ParseRecord] checks a record's
// syntax. [Expand] shows a domain's record and all that it includes as a tree,
// for a person to read.
//
// All that is evaluated comes from strangers: the client's names, the records,
// the answers to look-ups. What one check costs is bounded by the limits of
// RFC 7208 section 4.6.4, by a deadline, and by the size of a DNS answer.
//
// # Where the standard leaves a choice
//
//   - Section 4.3: a domain of one label, an address, an address literal, or a
//     name with characters that no mail domain has (RFC 5321 section 4.1.2, and
//     the underscore) has no policy, and the DNS is not asked. Targets of terms
//     may have any (section 7.1).
//   - Section 4.6.4: a term counts as void once, if the look-up of its own target
//     finds nothing; the addresses of mail exchangers and of the client's names
//     do not count. The PTR query of %{p} counts as one of the ten.
//   - Section 4.6.4: a client that matches one of the first ten mail exchangers
//     passes; one that does not meets the eleventh, and permerror.
//   - Section 4.8: a target that cannot be a domain name matches nothing in a, mx,
//     ptr and exists; in include and redirect it is a permerror.
//   - Section 5.5: the client's names that are no host names are passed over, and
//     so are those whose look-ups fail or take more than five seconds together.
//   - Section 6: a modifier that nobody knows is ignored, whatever macro letters
//     its value has.
//   - RFC 8616 section 4: a term with %{s} or %{l} does not match if the local
//     part is not ASCII, and counts. The same goes for a HELO name in %{h}, and
//     for either if SMTP would not let it pass for its length.
package spf

import (
	"context"
	"net/netip"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// Resolver is what the evaluation needs of the DNS.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends. It honours
	// [dnscache.CacheOnly] and does not panic.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// Status is a result of RFC 7208 section 2.6.
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

// Identity is which of the client's claims is checked.
type Identity string

// The identities of RFC 7208 section 2.3 and 2.4.
const (
	HELO     Identity = "helo"
	MailFrom Identity = "mailfrom"
)

// Query is one check_host() (RFC 7208 section 4.1).
type Query struct {
	Identity Identity // default MailFrom
	IP       netip.Addr
	Helo     string
	// Sender is the MAIL FROM path without angle brackets; "" for the null
	// sender and for the HELO identity, which then is postmaster@Helo.
	Sender string
}

// Options bound and inform an evaluation. The zero value works.
type Options struct {
	// Receiver is the name for the macro %{r}; default "unknown".
	Receiver string
	// Timeout bounds the evaluation; default 20s (RFC 7208 section 4.6.4).
	Timeout time.Duration
	// Now is the clock for the macro %{t}; default time.Now.
	Now func() time.Time
	// Explain fills in Result.Steps, for a person to read. It costs no look-up
	// and changes no result.
	Explain bool

	// sequential turns off what is started ahead, for tests.
	sequential bool
}

// Result is what one check found.
type Result struct {
	Identity Identity `json:"identity"`
	// Domain is the domain whose record was evaluated, in lower-case A-labels;
	// "" if the client gave no domain.
	Domain string `json:"domain"`
	Status Status `json:"result"`
	// Mechanism is the term that matched, as it was written and at most 256
	// octets of it; "default" if none did; "" if there was no record to
	// evaluate or the evaluation ended in an error.
	Mechanism string `json:"mechanism"`
	// Explanation is the domain's own text (exp=) for a fail; foreign words,
	// printable ASCII of at most 512 octets.
	Explanation string `json:"explanation"`
	// Reason says in words why, for everything but a plain match. It is
	// printable ASCII on one line and cites foreign text at bounded length.
	Reason string `json:"reason"`
	// Lookups and Voids are what was counted against the limits of RFC 7208
	// section 4.6.4; one above the limit if that ended the evaluation.
	Lookups int `json:"lookups"`
	Voids   int `json:"voids"`
	// Steps tell term by term how the result came about; only with
	// Options.Explain, and at most 200.
	Steps []Step `json:"steps,omitempty"`
}

// Step is one term of a record, or the record itself.
type Step struct {
	// Depth is how many includes and redirects led to the record.
	Depth int `json:"depth"`
	// Text is printable ASCII on one line and cites foreign text at bounded
	// length.
	Text string `json:"text"`
}

// The limits of RFC 7208 section 4.6.4.
const (
	maxLookups = 10
	maxVoids   = 2
	maxHosts   = 10 // MX records of one mx, PTR records of the client
)

const (
	defaultTimeout = 20 * time.Second

	maxExplanation = 512
	maxMechanism   = 256
	maxCited       = 83 // a name or term in a reason
	// maxLocal bounds HELO names and local parts that are put into macros.
	// RFC 5321 section 4.5.3.1 allows 255 and 64 octets.
	maxLocal = 255
)

// Check evaluates one identity. It always returns a result; trouble is in its
// Status and Reason. It returns when ctx or Options.Timeout ends, then with
// temperror, and leaves nothing running.
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
	// What was started ahead and is not needed ends here.
	defer func() {
		cancel()
		e.ahead.wait()
	}()

	v := e.checkHost(id.domain)
	res.Status, res.Reason = v.status, v.reason
	res.Lookups, res.Voids = e.lookups, e.voids
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
