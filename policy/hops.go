package policy

import (
	"context"
	"net/netip"
	"slices"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// gatherHops looks up what tells whether a message came from a host of its author's domain:
// whether its Received fields lead to the client, if their names do not say it; SPF of the
// client and the earlier hops; and the names of hops of a domain without SPF.
func (m *Message) gatherHops(ctx context.Context, res *result.Results) {
	var writers []string
	m.attempt("evidence", func() { writers = judgement.Writers(res) })
	if len(writers) > 0 {
		ip, err := netip.ParseAddr(res.Client.IP)
		if err != nil {
			return // then there is nothing to ask of either
		}
		questions := make([]place, len(writers))
		for i, name := range writers {
			questions[i] = place{name, ip.Unmap()}
		}
		res.Route = result.Absent
		for _, found := range m.findPlaces(ctx, questions) {
			if found != result.Absent {
				res.Route = result.Present
			}
		}
	}
	var hops []result.Hop
	m.attempt("evidence", func() { hops = judgement.Senders(res) })
	m.askHops(ctx, hops)
	m.nameHops(ctx, res, hops)
	res.Hops, res.HopsAsked = hops, true
}

// askHops asks SPF of hops, all at once. They have the author's record in common, so that all
// but the first cost little.
func (m *Message) askHops(ctx context.Context, hops []result.Hop) {
	o := &m.conn.checker.opt
	checks := make([]*pending[spf.Result], len(hops))
	for i, h := range hops {
		q := spf.Query{Identity: spf.MailFrom, IP: h.IP, Helo: h.Domain, Sender: "postmaster@" + h.Domain}
		checks[i] = evaluate(m.ctx, m.conn.dns, check[spf.Result]{
			name: result.CheckJudgement, limit: o.MessageTimeout,
			run: func(ctx context.Context, r Resolver) spf.Result {
				return spf.Check(ctx, r, q, spf.Options{Receiver: o.AuthservID, Timeout: o.SPFTimeout, Now: o.Now})
			},
			failed: func(string) spf.Result { return spf.Result{Status: spf.TempError} },
		})
	}
	for i, c := range checks {
		r, fault := c.wait(ctx)
		m.fault("spf", fault)
		hops[i].Status = r.Status
	}
}

// nameHops finds whether the names of hops lead to their addresses, where that counts.
func (m *Message) nameHops(ctx context.Context, res *result.Results, hops []result.Hop) {
	var named []*result.Hop
	var questions []place
	for i := range hops {
		if h := &hops[i]; judgement.BearsName(res, h) {
			named, questions = append(named, h), append(questions, place{h.Helo, h.IP})
		}
	}
	for i, found := range m.findPlaces(ctx, questions) {
		named[i].Named = found
	}
}

// place asks whether a name has an address in the network of another.
type place struct {
	name string
	ip   netip.Addr
}

// findPlaces answers questions, all at once.
func (m *Message) findPlaces(ctx context.Context, questions []place) []result.Presence {
	checks := make([]*pending[result.Presence], len(questions))
	for i, q := range questions {
		checks[i] = evaluate(m.ctx, m.conn.dns, check[result.Presence]{
			name: result.CheckJudgement, limit: m.conn.checker.opt.MessageTimeout, run: q.find,
			failed: func(string) result.Presence { return result.Unknown },
		})
	}
	all := make([]result.Presence, len(questions))
	for i, c := range checks {
		found, fault := c.wait(ctx)
		m.fault("evidence", fault)
		all[i] = found
	}
	return all
}

// find returns Absent if the name has addresses of the same kind, all of them in other
// networks. It returns Unknown if it has none, such as a name inside of an organization, or if
// DNS fails.
func (q place) find(ctx context.Context, r Resolver) result.Presence {
	kind, network := dnscache.A, addrlist.NetworkOf(q.ip)
	if q.ip.Is6() {
		kind = dnscache.AAAA
	}
	answer := r.Lookup(ctx, q.name, kind)
	switch {
	case slices.ContainsFunc(answer.Addrs, func(ip netip.Addr) bool { return addrlist.NetworkOf(ip) == network }):
		return result.Present
	case len(answer.Addrs) == 0 || answer.Outcome.Temporary():
		return result.Unknown
	}
	return result.Absent
}
