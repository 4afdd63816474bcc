package dnscache

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// failure is why a question got no answer.
type failure struct {
	outcome Outcome
	reason  error
}

func (f *failure) Error() string { return f.reason.Error() }
func (f *failure) Unwrap() error { return f.reason }

// worse returns which of two failures to report. What a server says about the
// name comes before silence, and silence before a refusal, which other servers
// may not share. a may be nil.
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
	if a == nil || rank(b) > rank(a) {
		return b
	}
	return a
}

// failed returns the failure that a response with another rcode than NOERROR and
// NXDOMAIN stands for, nil for those two.
func failed(m *dns.Msg) *failure {
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		return nil
	case dns.RcodeRefused:
		return &failure{Refused, errors.New("REFUSED" + extendedError(m))}
	}
	name, ok := dns.RcodeToString[m.Rcode]
	if !ok {
		name = fmt.Sprintf("RCODE %d", m.Rcode)
	}
	return &failure{ServFail, errors.New(name + extendedError(m))}
}

// extendedError names the extended error of a response (RFC 8914). Its free text
// is left out, as anybody may have written it.
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
