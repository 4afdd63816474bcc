package dmarc

import (
	"cmp"
	"context"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// maxWalks bounds how many identifiers of one message get a walk of their own:
// ten signatures, MAIL FROM, and one to spare. Identifiers beyond it align only
// if they equal the Author Domain. Only names within the author's
// Organizational Domain need one at all.
const maxWalks = 12

// Evaluation is one message's DMARC evaluation under way. Its methods are called
// from one goroutine.
type Evaluation struct {
	r       Resolver
	method  Discovery
	explain bool
	author  string
	problem string // why nothing is evaluated; "" if something is

	done     chan struct{} // closed when found and exists, or panicked, are there
	found    *discovery
	exists   existence
	panicked any // a fault of ours, for whoever calls Finish

	orgs map[string]*organization
}

// existence says whether the Author Domain exists, RFC 9989 section 3.2.13.
type existence uint8

const (
	existenceMoot    existence = iota // the policy does not depend on it
	existenceHidden                   // DNS trouble
	existenceGranted                  // anything but NXDOMAIN
	existenceDenied                   // NXDOMAIN
)

// organization is the Organizational Domain of an identifier being looked for.
type organization struct {
	done     chan struct{}
	name     string // "" if DNS trouble hides it
	record   string // the name below which the record stands that says so; "" if none does
	panicked any    // a fault of ours, for whoever calls Finish
}

// Start begins the walk for the Author Domain (lower-case A-labels), so that
// its look-ups run while the body arrives. They end with ctx.
//
// An empty Author Domain, that of a message whose author is absent or
// ambiguous, is never looked up: the result is None, with nothing aligned, and
// the caller knows better why.
func Start(ctx context.Context, r Resolver, authorDomain string, o Options) *Evaluation {
	e := &Evaluation{r: r, method: o.Discovery, explain: o.Explain, author: normalize(authorDomain)}
	if e.author == "" {
		e.author = authorDomain
		e.problem = "the author's domain is not a domain name"
		if authorDomain == "" {
			e.problem = "no single author domain"
		}
		return e
	}
	e.done = settle(ctx, func(ctx context.Context) { e.find(ctx, r) })
	return e
}

// settle calls find with the DNS cache alone, if that is all it needs, or else
// once more in a goroutine, with lookups that may wait. The channel is closed
// when it has ended.
func settle(ctx context.Context, find func(context.Context)) chan struct{} {
	done := make(chan struct{})
	cached, recall := dnscache.CacheOnly(ctx)
	if find(cached); !recall.Missed() {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		find(ctx)
	}()
	return done
}

// Expect begins the walk for a domain that may turn out to be authenticated,
// such as that of MAIL FROM or a d=, so that Finish need not wait for it. It
// does nothing for a domain that obviously needs no walk. The walk ends with ctx.
func (e *Evaluation) Expect(ctx context.Context, domain string) {
	if e.problem != "" {
		return
	}
	domain = normalize(domain)
	// The Organizational Domain is not known yet. Names that do not even share
	// two labels with the author's rarely share it; Finish does them justice.
	if domain == "" || domain == e.author || lastLabels(domain, 2) != lastLabels(e.author, 2) {
		return
	}
	e.organization(ctx, domain)
}

// find finds the record and, where np= makes a difference, whether the Author
// Domain exists.
func (e *Evaluation) find(ctx context.Context, r Resolver) {
	defer func() { e.panicked = recover() }()
	e.exists = existenceMoot
	found := discover(ctx, r, e.author, e.method)
	if rec := found.record; rec != nil && found.recordDomain != e.author && rec.InForce(rec.NP) != rec.InForce(rec.SP) {
		// TXT is the type that SPF asks for at the same name.
		switch a := lookup(ctx, r, e.author, dnscache.TXT); {
		case !a.Outcome.Known():
			e.exists = existenceHidden
		case a.Outcome == dnscache.NXDomain && a.Canonical == "":
			e.exists = existenceDenied
		default:
			// A name with a CNAME exists, wherever that leads (RFC 8020 section 2).
			e.exists = existenceGranted
		}
	}
	e.found = found
}

// InForce returns what is to be applied of one of the record's policies after t=y,
// which makes it one step milder (RFC 9989 section 4.7).
func (r *Record) InForce(p Policy) Policy {
	if !r.Testing {
		return p
	}
	switch p {
	case PolicyReject:
		return PolicyQuarantine
	case PolicyQuarantine:
		return PolicyNone
	}
	return p
}

// organization returns the memory of a domain's walk and begins it if it is
// new; nil if there were too many.
func (e *Evaluation) organization(ctx context.Context, domain string) *organization {
	if o := e.orgs[domain]; o != nil {
		return o
	}
	if len(e.orgs) >= maxWalks {
		return nil
	}
	if e.orgs == nil {
		e.orgs = make(map[string]*organization)
	}
	o := &organization{}
	e.orgs[domain] = o
	o.done = settle(ctx, func(ctx context.Context) {
		defer func() { o.panicked = recover() }()
		if e.method == PSL {
			o.name = orgDomainPSL(domain)
			return
		}
		p := walk(ctx, e.r, domain)
		o.name, o.record = p.organizational(), p.organizationalRecord()
	})
	return o
}

// alignment is what is known about one identifier.
type alignment uint8

const (
	notAligned alignment = iota
	undecided            // DNS trouble hides an Organizational Domain
	aligned
)

// prepare begins the walk that align will need, if any.
func (e *Evaluation) prepare(ctx context.Context, domain string, mode Alignment) {
	if domain != "" && domain != e.author && mode == Relaxed && e.found.org != "" && message.Below(domain, e.found.org) {
		e.organization(ctx, domain)
	}
}

// align compares an identifier with the Author Domain, RFC 9989 section 4.4.
// The identifier's own walk decides its Organizational Domain; the author's
// answer is no substitute for it (section 4.10.2).
func (e *Evaluation) align(ctx context.Context, domain string, mode Alignment) alignment {
	switch {
	case domain == "":
		return notAligned
	case domain == e.author:
		return aligned
	case mode == Strict:
		return notAligned
	case e.found.org == "":
		// Whatever the two Organizational Domains are, names of different
		// top-level domains do not share one.
		if lastLabels(domain, 1) != lastLabels(e.author, 1) {
			return notAligned
		}
		return undecided
	case !message.Below(domain, e.found.org):
		return notAligned
	}
	o := e.organization(ctx, domain)
	if o == nil {
		return notAligned
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		select {
		case <-o.done:
		default:
			return undecided
		}
	}
	if o.panicked != nil {
		panic(o.panicked)
	}
	switch o.name {
	case "":
		return undecided
	case e.found.org:
		return aligned
	}
	return notAligned
}

// Finish waits for the walk and aligns what was authenticated: the SPF result of
// the MAIL FROM identity and one identifier per DKIM signature. It always
// returns a result, at the latest when ctx ends.
//
// Domains are A-labels; one that is not never aligns. DNS trouble that hides the
// record, or what would decide whether an identifier is aligned, is TempError,
// unless the message passes without it.
//
// A panic in a look-up, which only a fault of ours can cause, becomes a panic of
// Finish, whose caller may be guarded against it.
func (e *Evaluation) Finish(ctx context.Context, spf Identifier, dkim []Identifier) (res Result) {
	res = Result{Status: None, AuthorDomain: e.author, Disposition: PolicyNone, Reason: e.problem}
	if e.problem != "" {
		if e.author != "" {
			res.Status = PermError
		}
		return res
	}
	select {
	case <-e.done:
	case <-ctx.Done():
		select {
		case <-e.done:
		default:
			res.Status, res.Reason = TempError, "the look-up of the DMARC record did not end in time"
			return res
		}
	}
	if e.panicked != nil {
		panic(e.panicked)
	}
	res.OrganizationalDomain = e.found.org
	if e.explain {
		res.Walk = &Walk{Domain: e.author, Method: cmp.Or(e.method, TreeWalk)}
		res.Walk.tell(e.found)
	}
	if !e.governs(&res) {
		return res
	}
	e.decide(ctx, &res, spf, dkim)
	if e.explain {
		res.Identifiers = e.identifiers(spf, dkim)
	}
	return res
}

// governs fills in the record and its policy, and reports whether there is
// anything to decide by.
func (e *Evaluation) governs(res *Result) bool {
	f := e.found
	if !f.decided {
		res.Status, res.Reason = TempError, f.path.troubleReason()
		res.Suspected = f.path.suspected()
		return false
	}
	if f.record == nil {
		res.Reason = f.path.absentReason()
		return false
	}
	res.RecordDomain = f.recordDomain
	if f.record.Processing == ProcessNothing {
		res.Reason = "the DMARC record of " + f.recordDomain + " has no usable policy and no address for reports"
		return false
	}
	switch {
	case f.recordDomain == e.author:
		e.apply(res, f.record.P, "p")
	case e.exists == existenceDenied:
		e.apply(res, f.record.NP, "np")
	case e.exists == existenceHidden:
		e.apply(res, milder(f.record.SP, f.record.NP), "")
	default:
		e.apply(res, f.record.SP, "sp")
	}
	return true
}

// apply fills in the policy for the author; tag is the one that is meant for
// such a name, but the record may only have those that stand in for it.
func (e *Evaluation) apply(res *Result, published Policy, tag string) {
	rec := e.found.record
	res.Policy, res.ADKIM, res.ASPF = rec.InForce(published), rec.ADKIM, rec.ASPF
	res.Testing = res.Policy != published
	if _, ok := rec.Published[tag]; tag == "np" && !ok {
		tag = "sp"
	}
	if _, ok := rec.Published[tag]; tag == "sp" && !ok {
		tag = "p"
	}
	res.PolicyTag = tag
}

// milder returns the policy that asks for less.
func milder(a, b Policy) Policy {
	if a == PolicyNone || b == PolicyNone {
		return PolicyNone
	}
	if a == PolicyQuarantine || b == PolicyQuarantine {
		return PolicyQuarantine
	}
	return PolicyReject
}

// decide aligns the identifiers, RFC 9989 section 5.3.5.
func (e *Evaluation) decide(ctx context.Context, res *Result, spf Identifier, dkim []Identifier) {
	rec := e.found.record
	passed := e.survey(ctx, "pass", spf, dkim)
	res.SPFAligned = passed.spf == aligned
	res.DKIMAligned = passed.dkim == aligned
	if res.SPFAligned || res.DKIMAligned {
		res.Status = Pass
		res.Reason = passReason(res, spf, passed.domain)
		return
	}
	hidden := e.survey(ctx, "temperror", spf, dkim)
	switch {
	case passed.spf == undecided || passed.dkim == undecided:
		res.Status = TempError
		res.Reason = "DNS trouble hides whether what passed is aligned with " + e.author
	case hidden.spf != notAligned:
		res.Status = TempError
		res.Reason = "SPF for " + foreign.Line(spf.Domain, maxCited) + " could not be checked " + cmp.Or(spf.Why, "because of DNS trouble")
	case hidden.dkim != notAligned:
		res.Status = TempError
		res.Reason = "a DKIM signature of " + foreign.Line(hidden.domain, maxCited) + " could not be checked because of DNS trouble"
	case e.exists == existenceHidden:
		res.Status = TempError
		res.Reason = "DNS trouble hides whether " + e.author + " exists, on which its policy depends"
	default:
		res.Status, res.Disposition = Fail, res.Policy
		res.Reason = failReason(e.author, rec, spf, dkim)
	}
}

// census is what the identifiers of one status amount to: the best alignment of SPF and of
// any DKIM signature, and whose signature that was.
type census struct {
	spf, dkim alignment
	domain    string
}

// survey aligns all identifiers with the status. Names equal to the author's come
// first, as they save the others their walks.
func (e *Evaluation) survey(ctx context.Context, status string, spf Identifier, dkim []Identifier) census {
	rec := e.found.record
	var c census
	if spf.Status == status {
		e.prepare(ctx, normalize(spf.Domain), rec.ASPF)
	}
	for _, id := range dkim {
		if id.Status == status && normalize(id.Domain) == e.author {
			c.dkim, c.domain = aligned, id.Domain
		}
	}
	if c.dkim != aligned {
		for _, id := range dkim {
			if id.Status == status {
				e.prepare(ctx, normalize(id.Domain), rec.ADKIM)
			}
		}
	}
	if spf.Status == status {
		c.spf = e.align(ctx, normalize(spf.Domain), rec.ASPF)
	}
	for _, id := range dkim {
		if id.Status != status || c.dkim == aligned {
			continue
		}
		if a := e.align(ctx, normalize(id.Domain), rec.ADKIM); a > c.dkim {
			c.dkim, c.domain = a, id.Domain
		}
	}
	return c
}
