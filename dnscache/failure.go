package dnscache

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// failure is the reason why a question got no answer.
type failure struct {
	outcome Outcome
	reason  error
	cause   Cause // 0 as long as the failure itself does not say it
}

// answer returns the answer for a question that ended in the failure.
func (f *failure) answer(k *key) Answer {
	return Answer{Outcome: f.outcome, Err: fmt.Errorf("dnscache: %s: %w", k, f.reason), Cause: f.cause}
}

func (f *failure) Error() string { return f.reason.Error() }
func (f *failure) Unwrap() error { return f.reason }

// ours returns the failure of a question while no upstream answers anything.
func (f *failure) ours() *failure {
	if f.outcome != Timeout {
		return f
	}
	return &failure{outcome: f.outcome, reason: f.reason, cause: CauseResolver}
}

// worse returns the failure to report of two. A failure response comes before a timeout, and
// a timeout before a refusal, which may concern that server only. Of two of a kind, what may be
// a failed validation comes first, and then what is not about the upstream itself: another one
// that is away does not make a silent name a failure of the resolvers. a may be nil.
func worse(a, b *failure) *failure {
	rank := func(f *failure) int {
		switch f.outcome {
		case ServFail:
			return 3
		case Timeout:
			return 2
		}
		return 1
	}
	maybe := func(f *failure) bool { return errors.Is(f.reason, errMaybeBogus) }
	switch {
	case a == nil, rank(b) > rank(a):
		return b
	case rank(b) < rank(a), maybe(a):
		return a
	case maybe(b), a.cause.Ours() && !b.cause.Ours():
		return b
	}
	return a
}

// failed returns the failure for the rcode of a response, nil for NOERROR and NXDOMAIN.
func failed(m *dns.Msg) *failure {
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return nil
	case dns.RcodeRefused:
		return &failure{outcome: Refused, reason: errors.New("REFUSED" + extendedError(m))}
	}
	name, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		name = fmt.Sprintf("RCODE %d", m.Rcode)
	}
	return &failure{outcome: ServFail, reason: errors.New(name + extendedError(m))}
}

// extendedError returns the name of a response's extended error (RFC 8914). It leaves out
// the text, which anybody may have written.
func extendedError(m *dns.Msg) string {
	opt := m.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			if s := dns.ExtendedErrorCodeToString[e.InfoCode]; s != "" {
				return " (" + s + ")"
			}
			return fmt.Sprintf(" (extended error %d)", e.InfoCode)
		}
	}
	return ""
}
