package spf

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// evaluation is the state of a check.
type evaluation struct {
	ctx      context.Context
	resolver Resolver
	identity
	opt Options

	// text is the record of the identity's domain, once read is true.
	text string
	read bool

	lookups, voids int
	// usedLocal reports that a term with the local part was evaluated.
	usedLocal bool
	client    clientNames
	ahead     ahead
	// waited is true if the latest answer was not in the cache.
	waited bool

	steps []Step // only with Options.Explain
	depth int
}

// verdict is the result of check_host() for one record: the first one, or that
// of an include or redirect.
type verdict struct {
	status Status
	// term is the term that matched, in the record that decided; nil if none
	// matched.
	term   *Term
	reason string
	// explanation is the exp= of the record that decided, and domain the domain
	// of that record.
	explanation *Term
	domain      string
}

// failed returns the verdict of an error, which has no term.
func failed(s Status, reason string) *verdict { return &verdict{status: s, reason: reason} }

// checkHost is check_host() of RFC 7208 section 4 for a well-formed domain. The
// limit of ten terms ends its recursion, because include and redirect count.
func (e *evaluation) checkHost(domain string) *verdict {
	rec, bad := e.record(domain)
	if e.opt.Explain {
		e.addRecordStep(domain, rec, bad)
		e.depth++
		defer func() { e.depth-- }()
	}
	if bad != nil {
		return bad
	}
	started := false
	for i := range rec.Terms {
		t := &rec.Terms[i]
		if t.Mechanism == "" {
			continue
		}
		if !started && e.waited {
			started = true
			e.startAhead(rec, i, domain)
		}
		if bad := e.expired(); bad != nil {
			return bad
		}
		matched, bad := e.matches(t, domain)
		if e.opt.Explain {
			e.addTermStep(t, matched, bad)
		}
		if bad != nil {
			return bad
		}
		if matched {
			return &verdict{status: t.Status(), term: t, explanation: rec.explanation, domain: domain}
		}
	}
	if rec.redirect != nil {
		return e.redirect(rec.redirect, domain)
	}
	if bad := e.expired(); bad != nil {
		return bad
	}
	return &verdict{status: Neutral, reason: "no term of the record matched", domain: domain} // section 4.7
}

// redirect evaluates another domain's record in place of this one's (RFC 7208
// section 6.1).
func (e *evaluation) redirect(t *Term, domain string) *verdict {
	if bad := e.count(t); bad != nil {
		return bad
	}
	e.usedLocal = e.usedLocal || t.spec.uses("sl")
	target, ok, bad := e.target(t, domain)
	if bad != nil {
		return bad
	}
	if !ok {
		// RFC 8616 section 4: such a term does not match anything.
		return &verdict{status: Neutral, reason: "no term of the record matched; the local part cannot stand in " + foreign.Word(t.Text, maxCited), domain: domain}
	}
	if why := impossible(target); why != "" {
		return failed(PermError, foreign.Word(t.Text, maxCited)+": the target is not a domain name: "+why)
	}
	if e.opt.Explain {
		e.addStep("no term matched; " + foreign.Word(t.Text, maxCited) + " continues with the record of " + foreign.Word(target, maxCited))
	}
	v := e.checkHost(target)
	switch v.status {
	case None:
		return failed(PermError, foreign.Word(t.Text, maxCited)+": "+v.reason)
	case PermError, TempError:
		return failed(v.status, within(t, v.reason))
	}
	return v
}

// include reports whether the client passes for another domain (RFC 7208
// section 5.2).
func (e *evaluation) include(t *Term, target string) (bool, *verdict) {
	if why := impossible(target); why != "" {
		return false, failed(PermError, foreign.Word(t.Text, maxCited)+": the target is not a domain name: "+why)
	}
	v := e.checkHost(target)
	switch v.status {
	case Pass:
		return true, nil
	case None:
		return false, failed(PermError, foreign.Word(t.Text, maxCited)+": "+v.reason)
	case PermError, TempError:
		return false, failed(v.status, within(t, v.reason))
	}
	return false, nil
}

// within prefixes the reason of an error with the term that led to it. Only the
// innermost term is named, because the chain may have ten.
func within(t *Term, reason string) string {
	if strings.HasPrefix(reason, "in include:") || strings.HasPrefix(reason, "in redirect=") || strings.HasPrefix(reason, "more than ") {
		return reason
	}
	return "in " + strings.TrimLeft(foreign.Word(t.Text, maxCited), "+-~?") + ": " + reason
}

// matches evaluates one mechanism (RFC 7208 section 5).
func (e *evaluation) matches(t *Term, domain string) (bool, *verdict) {
	switch t.Mechanism {
	case "all":
		return true, nil
	case "ip4", "ip6":
		return t.Network.Contains(e.ip), nil
	}
	if bad := e.count(t); bad != nil {
		return false, bad
	}
	e.usedLocal = e.usedLocal || t.spec.uses("sl")
	target, ok, bad := e.target(t, domain)
	if bad != nil || !ok {
		return false, bad
	}
	switch t.Mechanism {
	case "include":
		return e.include(t, target)
	case "a":
		return e.hosts(t, target)
	case "mx":
		return e.exchangers(t, target)
	case "ptr":
		return e.pointer(t, target)
	case "exists":
		return e.exists(t, target)
	}
	return false, failed(PermError, "no such mechanism: "+foreign.Word(t.Text, maxCited)) // the parser accepts none
}

// count counts a term that needs the DNS (RFC 7208 section 4.6.4).
func (e *evaluation) count(t *Term) *verdict {
	e.lookups++
	if e.lookups <= maxLookups {
		return nil
	}
	return failed(PermError, fmt.Sprintf("more than %d DNS lookups (%dth: %s)", maxLookups, maxLookups+1, foreign.Word(t.Text, maxCited)))
}

// void counts a term whose target has no records. RFC 7208 section 4.6.4 limits
// the terms with such a lookup, so a term counts once, by the lookup of its own
// target. The addresses of mail exchangers and of names from PTR have limits of
// their own, and the owner of the record does not control them.
func (e *evaluation) void(t *Term, name string, typ dnscache.Type, a *dnscache.Answer) *verdict {
	if !a.Outcome.Void() {
		return nil
	}
	e.voids++
	if e.voids <= maxVoids {
		return nil
	}
	return failed(PermError, fmt.Sprintf("more than %d void DNS lookups (%drd: %s, no %s at %s)", maxVoids, maxVoids+1, foreign.Word(t.Text, maxCited), typ, foreign.Word(name, maxCited)))
}

// target returns the name that a term is about, in the form for a lookup. ok is
// false if the term cannot match whatever the DNS answers.
func (e *evaluation) target(t *Term, domain string) (name string, ok bool, bad *verdict) {
	if t.Domain == "" {
		return domain, true, nil
	}
	if t.spec.uses(e.unusable) {
		return "", false, nil
	}
	if t.spec.uses("p") && !e.client.asked {
		// Section 4.6.4: the PTR query of %{p} counts like that of ptr. It is
		// made once per check.
		if bad := e.count(t); bad != nil {
			return "", false, bad
		}
	}
	return t.name(func(letter byte) string { return e.value(letter, domain) }), true, nil
}

// value returns the value of a macro letter (RFC 7208 section 7.2).
func (e *evaluation) value(letter byte, domain string) string {
	switch letter {
	case 's':
		return e.local + "@" + e.senderDomain
	case 'l':
		return e.local
	case 'o':
		return e.senderDomain
	case 'd':
		return domain
	case 'i':
		return dotted(e.ip)
	case 'p':
		return e.validatedName(domain)
	case 'v':
		if e.ip.Is4() {
			return "in-addr"
		}
		return "ip6"
	case 'h':
		return e.helo
	case 'c':
		return e.ip.String()
	case 'r':
		return e.opt.Receiver
	case 't':
		return strconv.FormatInt(e.opt.Now().Unix(), 10)
	}
	return ""
}

// dotted returns an address as the macro %{i} has it: four numbers, or 32
// nibbles.
func dotted(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, 63)
	for i, octet := range ip.As16() {
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, hex[octet>>4], '.', hex[octet&15])
	}
	return string(b)
}

// lookup looks up a name, or takes the answer of a lookup started ahead. A name
// that cannot exist needs no lookup.
func (e *evaluation) lookup(name string, t dnscache.Type) *dnscache.Answer {
	if impossible(name) != "" {
		return &dnscache.Answer{Outcome: dnscache.NXDomain, Err: dnscache.ErrName}
	}
	q := question{name: name, typ: t}
	if e.ahead.records > 0 && e.ahead.started[q] == nil {
		e.start(q, false) // await handles records that arrive meanwhile
	}
	a := e.take(q)
	if a == nil {
		a = e.lookupWithin(budget(t), name, t)
	}
	e.waited = !a.Cached
	return a
}

// tempError returns the verdict of a failed lookup: temperror for no answer and
// for any RCODE but 0 and 3 (RFC 7208 section 5).
func (e *evaluation) tempError(name string, t dnscache.Type, a *dnscache.Answer) *verdict {
	if bad := e.expired(); bad != nil {
		return bad
	}
	what := "ended in " + a.Outcome.String()
	reason := a.Reason()
	switch {
	case reason != a.Outcome.String():
		what = "failed: " + reason
	case a.Outcome == dnscache.ServFail:
		what = "failed at the domain's DNS servers (SERVFAIL)"
	case a.Outcome == dnscache.Refused:
		what = "was refused"
	case a.Outcome == dnscache.Timeout:
		what = "got no answer in time"
	}
	return failed(TempError, fmt.Sprintf("the lookup of %s %s %s", t, foreign.Word(name, maxCited), what))
}

// expired returns the verdict after the check's time is over (RFC 7208 section
// 4.6.4), or nil before.
func (e *evaluation) expired() *verdict {
	switch err := e.ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return failed(TempError, "the evaluation ran out of time")
	default:
		return failed(TempError, "the evaluation was cancelled")
	}
}
