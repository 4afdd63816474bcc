package dnscache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A resolver that validates answers SERVFAIL for records that do not pass DNSSEC
// validation (RFC 4035 section 5.5), as it does if the servers of a zone fail. Some say
// which of the two it is by an extended error (RFC 8914). Others answer the same question
// if the CD bit switches validation off, which shows it too.

// ErrBogus is the reason of a failure for a name whose records do not pass DNSSEC
// validation, says a resolver that is trusted. They may be forged.
var ErrBogus = errors.New("DNSSEC validation failed")

// Bogus reports whether the lookup failed because the records do not pass DNSSEC
// validation.
func (a *Answer) Bogus() bool { return !a.Outcome.Known() && errors.Is(a.Err, ErrBogus) }

// bogusError is ErrBogus with what the resolver says about it.
type bogusError struct{ why string }

func (e *bogusError) Error() string {
	if e.why == "" {
		return ErrBogus.Error()
	}
	return ErrBogus.Error() + " (" + e.why + ")"
}

func (e *bogusError) Is(target error) bool { return target == ErrBogus }

// bogus returns the failure of a name whose records do not pass validation. It is the
// name's, and no other resolver is asked instead.
func bogus(why string) *failure {
	return &failure{outcome: ServFail, reason: &bogusError{why}, cause: CauseName}
}

// bogus reports whether a failure is one of validation.
func (f *failure) bogus() bool { return errors.Is(f.reason, ErrBogus) }

// maxExtraText bounds the text of an extended error.
const maxExtraText = 100

// bogusReason returns what a response says about a failed validation in its extended
// errors, as "Signature Expired: text", and whether it says so. These are the codes of RFC
// 8914 sections 4.7 to 4.11.
func bogusReason(m *dns.Msg) (why string, ok bool) {
	opt := m.IsEdns0()
	if opt == nil || m.Rcode != dns.RcodeServerFailure {
		return "", false
	}
	for _, o := range opt.Option {
		e, is := o.(*dns.EDNS0_EDE)
		if !is || e.InfoCode < dns.ExtendedErrorCodeDNSBogus || e.InfoCode > dns.ExtendedErrorCodeRRSIGsMissing {
			continue
		}
		why = dns.ExtendedErrorCodeToString[e.InfoCode]
		if text := printable(e.ExtraText, maxExtraText); text != "" {
			why += ": " + text
		}
		return why, true
	}
	return "", false
}

// printable returns at most n octets of a foreign text, with "?" for what is not
// printable ASCII.
func printable(s string, n int) string {
	b := []byte(s[:min(len(s), n)])
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

// validation is whether an upstream validates, as far as it has shown that.
type validation struct {
	state atomic.Int32

	mu      sync.Mutex
	first   chan struct{} // closed when the first question for it ends; nil before
	askedAt int64         // on the resolver's clock
}

// The states of validation.
const (
	validationUnknown int32 = iota
	validates
	validatesNot
)

// saw records a response to a question that asked for the AD bit. An authentic answer
// shows that the upstream validates. The root is signed, so an answer for it that is not
// authentic shows that it does not, unless it has shown that it does: it may have the keys of
// some zones only.
func (v *validation) saw(m *dns.Msg, name string) {
	switch {
	case m.Rcode != dns.RcodeSuccess || m.CheckingDisabled:
	case m.AuthenticatedData:
		v.set(validates)
	case name == "." && len(m.Answer) > 0:
		v.state.CompareAndSwap(validationUnknown, validatesNot)
	}
}

func (v *validation) set(state int32) {
	if v.state.Load() != state {
		v.state.Store(state)
	}
}

// validates reports whether the upstream is known to validate. Only one that is trusted
// can show it.
func (u *upstream) validates() bool { return u.trusted && u.validation.state.Load() == validates }

// suspicion is whether a SERVFAIL without a reason came from validation.
type suspicion uint8

const (
	notBogus   suspicion = iota // the upstream fails without validation too, or does not validate
	maybeBogus                  // nobody knows
	isBogus
)

// errMaybeBogus is the reason of a failure of which nobody knows whether validation is why.
var errMaybeBogus = errors.New("perhaps as DNSSEC validation failed")

// suspect returns whether a SERVFAIL without a reason came from validation: with the CD bit
// (RFC 4035 section 3.2.2) the upstream answers, and without it SERVFAIL again, so that the
// first was no accident. It asks only an upstream that validates. Under load both may come
// from a quota, and the upstream may keep that for a while, so it takes the same twice, later.
func (u *upstream) suspect(ctx context.Context, name string, t Type) suspicion {
	if !u.trusted || u.validation.state.Load() == validatesNot {
		return notBogus
	}
	loaded := u.concurrency.loaded()
	if u.validation.state.Load() == validationUnknown && (!u.alive(ctx) || !u.validates()) {
		return notBogus
	}
	if !loaded {
		return u.compare(ctx, name, t, 0)
	}
	if s := u.compare(ctx, name, t, servFailLife+rand.N(maxPause)); s != isBogus {
		return s
	}
	return u.compare(ctx, name, t, servFailLife+rand.N(maxPause))
}

// compare asks a question without validation and, after a pause, with it.
func (u *upstream) compare(ctx context.Context, name string, t Type, wait time.Duration) suspicion {
	unchecked, err := u.inTurn(ctx, func(ctx context.Context) (*dns.Msg, error) {
		return u.send(ctx, query{name: name, t: t, cd: true})
	})
	switch {
	case err != nil:
		return maybeBogus
	case unchecked.Rcode != dns.RcodeSuccess && unchecked.Rcode != dns.RcodeNameError:
		return notBogus
	case !pause(ctx, wait, nil):
		return maybeBogus
	}
	checked, err := u.inTurn(ctx, func(ctx context.Context) (*dns.Msg, error) { return u.exchange(ctx, name, t) })
	if err != nil || checked.Rcode != dns.RcodeServerFailure {
		return maybeBogus
	}
	return isBogus
}

// failed is [failed] for a response of the upstream to a question. It finds out whether
// validation failed.
func (u *upstream) failed(ctx context.Context, resp *dns.Msg, name string, t Type) *failure {
	f := failed(resp)
	if f == nil || !u.trusted || resp.Rcode != dns.RcodeServerFailure {
		return f
	}
	if why, ok := bogusReason(resp); ok {
		u.validation.set(validates)
		return bogus(why)
	}
	switch u.suspect(ctx, name, t) {
	case isBogus:
		return bogus("")
	case maybeBogus:
		f.reason = fmt.Errorf("%w, %w", f.reason, errMaybeBogus)
	}
	return f
}

// alive reports whether the upstream answers another question.
func (u *upstream) alive(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, u.attemptTimeout)
	defer cancel()
	_, err := u.exchange(limited, existing[0], NS)
	if err != nil && ctx.Err() == nil {
		u.silent.Store(true)
	}
	return err == nil
}
