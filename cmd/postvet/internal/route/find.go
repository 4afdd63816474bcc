package route

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/plan"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/foreign"
)

// Options are options of a report. The zero value works.
type Options struct {
	// Now is the clock of the resolver. Default time.Now.
	Now func() time.Time
	// Connect connects to the hosts; nil for no connections.
	Connect *connect.Client
	// Plan makes a plan of what to publish, and judges it by a second report.
	Plan bool
}

// Find finds the way of mail to an address. The error says what is wrong with the
// address. Find returns at the latest when ctx ends, with what is known by then. The
// number of lookups is bounded, whatever the domain publishes.
func Find(ctx context.Context, resolver lookups.Resolver, address string, o Options) (*Report, error) {
	rcpt, err := parseRecipient(address)
	if err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Report{
		Address: foreign.Terminal(address, advice.MaxText), Domain: rcpt.domain, Findings: finding.List{}, recipient: rcpt,
		Steps: []Step{}, Attempts: []Attempt{}, Connections: []Connection{},
		MX:        MX{Hosts: []Host{}, Findings: finding.List{}, DNSSEC: lookups.Undetermined},
		Transport: NewTransport(),
	}
	l := lookups.New(ctx, resolver, o.Now)
	defer l.Close()
	if rcpt.domain == "" {
		r.findLiteral()
	} else {
		l.Validates(ctx)
		r.find(ctx, l, o.Now())
	}
	if o.Connect != nil && len(r.Attempts) > 0 {
		r.connect(ctx, l, o)
	}
	r.describe()
	var exceeded bool
	r.Lookups, r.Failed, exceeded = l.Counts()
	if exceeded {
		r.Findings.DNSFailure(fmt.Sprintf("to follow all that the domain publishes takes more than %d lookups: the rest was not checked", lookups.Max))
	}
	if r.finish(); o.Plan && r.Domain != "" {
		r.plan(ctx, l, o)
	}
	return r, nil
}

// plan makes the plan of what to publish. The report is made again with the proposed
// records, without connections, so that none is shown which does not help.
func (r *Report) plan(ctx context.Context, l *lookups.Lookups, o Options) {
	o.Plan, o.Connect = false, nil
	r.Plan = plan.Make(r.Domain, r.lists(), func(changes []finding.Change) finding.Lists {
		again, err := Find(ctx, &plan.Published{Resolver: l, Changes: changes}, "postmaster@"+r.Domain, o)
		if err != nil {
			return finding.Lists{&r.Findings} // cannot be, as the domain was taken before
		}
		return again.lists()
	}, nil)
}

// findLiteral takes the way to an address in brackets (RFC 5321 section 4.1.3), which
// needs no DNS.
func (r *Report) findLiteral() {
	ip := r.recipient.literal
	r.Literal = ip.String()
	r.Findings.Warning("an address in brackets stands in place of a domain: hardly any server takes mail for it, and nothing can protect the mail", "write to a domain")
	if why := unreachable(ip); why != "" {
		r.Result = Undeliverable
		r.Findings.Error(fmt.Sprintf("%s is not an address that the Internet can reach (%s)", ip, why), "")
		return
	}
	r.Result = Delivers
	r.Attempts = append(r.Attempts, Attempt{Host: "[" + ip.String() + "]", IP: ip})
}

func (r *Report) find(ctx context.Context, l *lookups.Lookups, now time.Time) {
	r.MX = FindMX(ctx, l, r.Domain)
	r.MX.order(r)
	r.Transport = FindTransport(ctx, l, r.Domain, r.Domain, &r.MX, now)
	r.Result = r.result()
	if r.MX.Outcome == dnscache.NXDomain {
		if target := r.MX.Alias; target != "" {
			r.Findings.Error(advice.TakeOver(r.Domain, target, "can receive as "+r.Domain), "remove the CNAME at "+r.Domain)
		} else {
			r.Findings.Error(r.Domain+" does not exist (NXDOMAIN)", "look whether the address is written as its owner does")
		}
	}
}

// Bounds of the attempts of a sender that are listed and made.
const (
	maxAttemptHosts = 8
	maxAttempts     = 16
)

// order lists the addresses in the order in which they are tried: hosts by preference,
// addresses of IPv6 first, as most servers prefer them (RFC 6724).
func (m *MX) order(r *Report) {
	hosts := 0
	for i := range m.Hosts {
		h := &m.Hosts[i]
		reachable := h.reachable()
		if len(reachable) == 0 {
			continue
		}
		if hosts++; hosts > maxAttemptHosts {
			return
		}
		for _, v6 := range []bool{true, false} {
			for _, ip := range reachable {
				if ip.Is6() == v6 && len(r.Attempts) < maxAttempts && !r.tries(h, ip) {
					r.Attempts = append(r.Attempts, Attempt{Preference: h.Preference, Host: h.Name, IP: ip, base: h})
				}
			}
		}
	}
}

// tries reports whether an address of a host is tried already.
func (r *Report) tries(h *Host, ip netip.Addr) bool {
	return slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.IP == ip && a.base.name == h.name })
}

// result says whether mail reaches a host, by the DNS alone.
func (r *Report) result() Result {
	m := &r.MX
	switch {
	case len(r.Attempts) > 0:
		return Delivers
	case m.Null:
		return NoMail
	case m.answer.Bogus():
		return Undeliverable
	case !m.Outcome.Known():
		return Unknown
	}
	failed := slices.ContainsFunc(m.Findings, func(f finding.Finding) bool { return f.DNSFailure })
	if failed || slices.ContainsFunc(m.Hosts, func(h Host) bool { return h.failed }) {
		return Unknown // a host may have addresses
	}
	return Undeliverable
}
