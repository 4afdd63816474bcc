package dnscache

import (
	"context"
	"errors"

	"github.com/miekg/dns"
)

// exchange sends one question to the upstream, and notes whether it validates.
func (u *upstream) exchange(ctx context.Context, name string, t Type) (*dns.Msg, error) {
	resp, err := u.send(ctx, query{name: name, t: t})
	if err == nil {
		u.silent.Store(false)
		u.validation.saw(resp, name)
	}
	return resp, err
}

// send sends one query over UDP, and over TCP if the response does not fit. It uses only
// TLS if the endpoint says so. It repeats the question without EDNS if the upstream does not
// support that.
func (u *upstream) send(ctx context.Context, q query) (*dns.Msg, error) {
	q.ad = u.trusted
	q.edns = u.usesEDNS()
	q.mixCase = u.mixesCase()
	q.pad = u.overTLS()
	for refusals := 0; ; {
		resp, err := u.sendOnce(ctx, q)
		switch {
		case errors.Is(err, errNoEDNS):
			q.edns = false
			continue
		case err != nil:
			return nil, err
		}
		// RFC 6891 section 7: such an upstream answers FORMERR or NOTIMP.
		refused := resp.Rcode == dns.RcodeFormatError || resp.Rcode == dns.RcodeNotImplemented
		if !q.edns && refused {
			u.edns.on() // EDNS was not the reason
		}
		if !q.edns || !refused {
			return resp, nil
		}
		// Without the question, such a response is easy to forge, so it must come twice.
		if refusals++; refusals == 2 || len(resp.Question) == 1 || u.overTLS() {
			q.edns = false
			u.edns.off(u.now())
		}
	}
}

func (u *upstream) overTLS() bool { return u.name != "" }

// sendOnce sends one query, and a second one over TCP if necessary.
func (u *upstream) sendOnce(ctx context.Context, q query) (*dns.Msg, error) {
	if u.overTLS() {
		resp, _, err := u.overStream(ctx, q)
		return resp, err
	}
	resp, useTCP, err := u.overUDP(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case !useTCP:
		u.keptCase(q)
		return resp, nil
	case resp != nil:
		return u.inOtherCase(ctx, q, resp)
	}
	resp, sameCase, err := u.overStream(ctx, q)
	if err == nil && q.mixCase && !sameCase && len(resp.Question) == 1 {
		u.changesCase() // over TCP, where nobody else can
	}
	return resp, err
}

func (u *upstream) overStream(ctx context.Context, q query) (resp *dns.Msg, sameCase bool, err error) {
	u.count(func(s *UpstreamStats) { s.TCP++ })
	return u.streams.query(ctx, q)
}
