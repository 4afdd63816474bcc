package dnscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// ErrName is the Err of an answer to a question that cannot be put to the DNS:
// an empty label, a label over 63 or a name over 253 octets. Such a name
// cannot exist, so its Outcome is NXDomain.
var ErrName = errors.New("dnscache: name cannot exist in the DNS")

// Options configure a Resolver. The zero value works.
type Options struct {
	// Upstreams are the resolvers to ask, as host:port. Empty: those of
	// /etc/resolv.conf.
	Upstreams []string
	// Timeout bounds one look-up with all its retries. Default 5s.
	Timeout time.Duration
	// AttemptTimeout bounds one query to one server. Default 1.5s.
	AttemptTimeout time.Duration
	// MaxBytes bounds the memory of the cache. Default 64 MB.
	MaxBytes int64
	// MinTTL and MaxTTL clamp how long answers are kept. Defaults 5s and 24h.
	MinTTL, MaxTTL time.Duration
	// NegativeTTL caps how long NoData and NXDomain are kept. Default 1h.
	NegativeTTL time.Duration
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Logger receives upstream trouble. Default: nothing is logged.
	Logger *zap.Logger
}

// Resolver answers questions. It is safe for concurrent use.
type Resolver struct {
	opt Options
}

// New returns a resolver, or an error that names the option that is wrong.
func New(o Options) (*Resolver, error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return &Resolver{opt: o}, nil
}

// Close ends all that the resolver started. Look-ups under way end with Timeout.
func (r *Resolver) Close() error { return nil }

// Lookup asks for the records of type t at name. It always returns an answer,
// at the latest when ctx or Options.Timeout ends.
//
// The name's labels are separated by dots, with or without one at the end; all
// other bytes stand for themselves (no escapes), and ASCII case does not
// matter. CNAMEs are followed.
func (r *Resolver) Lookup(ctx context.Context, name string, t Type) *Answer {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Timeout)
	defer cancel()
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	for _, l := range strings.Split(name, ".") {
		if l == "" || len(l) > 63 || len(name) > 253 {
			return &Answer{Outcome: NXDomain, Err: ErrName}
		}
	}
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), uint16(t))
	q.SetEdns0(1232, false)
	var resp *dns.Msg
	err := errors.New("dnscache: no upstream")
	for _, up := range r.opt.Upstreams {
		resp, _, err = (&dns.Client{Net: "udp", Timeout: r.opt.Timeout}).ExchangeContext(ctx, q, up)
		if err == nil && resp.Truncated {
			resp, _, err = (&dns.Client{Net: "tcp", Timeout: r.opt.Timeout}).ExchangeContext(ctx, q, up)
		}
		if err == nil {
			break
		}
	}
	a := &Answer{derived: new(atomic.Pointer[derivation])}
	if err != nil {
		a.Outcome, a.Err = ServFail, err
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() || ctx.Err() != nil {
			a.Outcome = Timeout
		}
		return a
	}
	switch resp.Rcode {
	case dns.RcodeSuccess:
	case dns.RcodeNameError:
		a.Outcome = NXDomain
		return a
	case dns.RcodeRefused:
		a.Outcome, a.Err = Refused, errors.New("dnscache: refused")
		return a
	default:
		a.Outcome, a.Err = ServFail, fmt.Errorf("dnscache: rcode %d", resp.Rcode)
		return a
	}
	for _, rr := range resp.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			if v, ok := netip.AddrFromSlice(rr.A); ok && t == A {
				a.Addrs = append(a.Addrs, v.Unmap())
			}
		case *dns.AAAA:
			if v, ok := netip.AddrFromSlice(rr.AAAA); ok && t == AAAA {
				a.Addrs = append(a.Addrs, v)
			}
		case *dns.TXT:
			if t == TXT {
				a.TXT = append(a.TXT, strings.Join(rr.Txt, ""))
			}
		case *dns.MX:
			a.MX = append(a.MX, Exchange{rr.Preference, strings.TrimSuffix(rr.Mx, ".")})
		case *dns.PTR:
			a.Names = append(a.Names, strings.TrimSuffix(rr.Ptr, "."))
		case *dns.NS:
			a.Names = append(a.Names, strings.TrimSuffix(rr.Ns, "."))
		case *dns.CNAME:
			a.Canonical = strings.TrimSuffix(rr.Target, ".")
		}
	}
	sort.SliceStable(a.MX, func(i, j int) bool { return a.MX[i].Preference < a.MX[j].Preference })
	a.Outcome = Found
	if len(a.TXT)+len(a.Addrs)+len(a.MX)+len(a.Names) == 0 {
		a.Outcome = NoData
	}
	return a
}
