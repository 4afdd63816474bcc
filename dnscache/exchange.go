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
	if resp, err := u.insteadOfUDP(ctx, q); err == nil {
		return resp, nil
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

// unheardKey marks the context of a question that was asked over UDP in vain.
type unheardKey struct{}

const (
	// unheardAfter is how many attempts over UDP are in vain before TCP is tried. Each of them
	// has sent the query several times, so that packets lost by chance are not the reason.
	unheardAfter = 2
	// maxInstead bounds the questions that are asked over TCP at a time for that reason. A
	// sender may have many names whose servers are silent, which connections must not wait for.
	maxInstead = 2
)

var errNotInstead = errors.New("not asked over TCP")

// insteadOfUDP asks over TCP, for half of the time, if the upstream has been silent over UDP
// and answers other questions. It may limit its rate, which most servers do only over UDP.
func (u *upstream) insteadOfUDP(ctx context.Context, q query) (*dns.Msg, error) {
	if ctx.Value(unheardKey{}) == nil || u.silentSince(u.now()-int64(u.attemptTimeout)) {
		return nil, errNotInstead
	}
	limited, cancel := half(ctx)
	defer cancel()
	select {
	case u.instead <- struct{}{}:
		defer func() { <-u.instead }()
	case <-limited.Done():
		return nil, errNotInstead
	}
	resp, _, err := u.overStream(limited, q)
	return resp, err
}
