package policy

import (
	"context"
	"slices"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// startKeys starts the lookups of the keys that the signatures of one kind need.
func (m *Message) startKeys(name string, v interface {
	NeedsKeys() bool
	LookupKeys(ctx context.Context, r dkim.Resolver) dkim.Keys
},
) *pending[dkim.Keys] {
	if !v.NeedsKeys() {
		return already(dkim.Keys(nil))
	}
	return evaluate(m.ctx, m.conn.dns, check[dkim.Keys]{
		name: name,
		run:  func(ctx context.Context, r Resolver) dkim.Keys { return v.LookupKeys(ctx, r) },
		// Signatures without a key are temperror.
		failed: func(string) dkim.Keys { return nil },
	})
}

// startDMARC starts the walk for the author.
func (m *Message) startDMARC() {
	domain, o := m.author.Domain, m.conn.checker.opt.DMARC
	if domain == "" {
		return
	}
	m.dmarc = evaluate(m.ctx, m.conn.dns, check[*dmarc.Author]{
		name: result.CheckDMARC, urgent: true,
		run: func(ctx context.Context, r Resolver) *dmarc.Author {
			return dmarc.LookupAuthor(ctx, r, domain, o)
		},
		failed: func(string) *dmarc.Author { return nil },
	})
}

// expectIdentifiers has the Organizational Domains looked up of what may
// authenticate the message, so that Finish need not wait for them.
func (m *Message) expectIdentifiers() {
	if m.dmarc == nil || m.dkim == nil {
		return
	}
	_, domain := message.SplitPath(m.sender.Path)
	if m.sender.Path == "" {
		domain = m.clientResult().Helo // RFC 7208 section 2.4
	}
	name, _ := message.NormalizeDomain(domain)
	for _, d := range append([]string{name}, m.dkim.Domains()...) {
		if len(m.organizations) < dmarc.MaxOrganizations && dmarc.MayAlign(d, m.author.Domain) {
			m.organization(d)
		}
	}
}

// organization starts the walk for the Organizational Domain of an identifier,
// unless it was started before.
func (m *Message) organization(domain string) *pending[dmarc.Organization] {
	p := m.organizations[domain]
	if p == nil {
		o := m.conn.checker.opt.DMARC
		p = evaluate(m.ctx, m.conn.dns, check[dmarc.Organization]{
			name: result.CheckDMARC, urgent: true,
			run: func(ctx context.Context, r Resolver) dmarc.Organization {
				return dmarc.LookupOrganization(ctx, r, domain, o)
			},
			failed: func(string) dmarc.Organization { return dmarc.Organization{Late: true} },
		})
		if m.organizations == nil {
			m.organizations = map[string]*pending[dmarc.Organization]{}
		}
		m.organizations[domain] = p
	}
	return p
}

func (m *Message) gatherDKIM(ctx context.Context, res *result.Results) {
	m.attempt("body", m.bodies.Close)
	if m.dkim == nil || m.dkimKeys == nil || m.oversize != "" {
		return
	}
	keys, fault := m.dkimKeys.wait(ctx)
	m.fault("dkim", fault)
	m.attempt("dkim", func() { res.DKIM = append(res.DKIM, m.dkim.Finish(keys)...) })
}

func (m *Message) gatherARC(ctx context.Context, res *result.Results) {
	if m.oversize != "" {
		return
	}
	res.ARC.Status, res.ARC.Reason = arc.TempError, faultReason // unless it ends
	if m.arc == nil || m.arcKeys == nil {
		return
	}
	keys, fault := m.arcKeys.wait(ctx)
	m.fault("arc", fault)
	if fault == "" {
		m.attempt("arc", func() { res.ARC = m.arc.Finish(keys) })
	}
	m.gatherRecorded(ctx, res)
}

// gatherRecorded walks for the Organizational Domains of what sealers recorded, if a
// message that fails may pass for that. The author's answer is no substitute (RFC 9989
// section 4.10.2). The walks run in parallel.
func (m *Message) gatherRecorded(ctx context.Context, res *result.Results) {
	org := res.DMARC.OrganizationalDomain
	if res.ARC.Status != arc.Pass || res.DMARC.Status == dmarc.Pass || org == "" {
		return
	}
	var domains []string
	for _, s := range res.ARC.Sealers {
		if s.Recorded == nil {
			continue
		}
		for _, d := range append([]string{s.Recorded.SPF}, s.Recorded.DKIM...) {
			if d != "" && d != m.author.Domain && message.Below(d, org) && !slices.Contains(domains, d) && len(domains) < dmarc.MaxOrganizations {
				domains = append(domains, d)
				m.organization(d)
			}
		}
	}
	for _, d := range domains {
		if res.Organizations == nil {
			res.Organizations = map[string]dmarc.Organization{}
		}
		res.Organizations[d] = m.organizationIn(ctx)(d)
	}
}

func (m *Message) gatherDMARC(ctx context.Context, res *result.Results) {
	switch {
	case m.oversize != "":
		res.DMARC.Reason = m.oversize
		return
	case m.author.Domain == "":
		res.DMARC.Reason = explain.AuthorProblem(m.author)
		return
	}
	author, fault := m.dmarc.wait(ctx)
	m.fault("dmarc", fault)
	if author != nil {
		m.attempt("dmarc", func() { res.DMARC = author.Evaluate(m.envelopeIdentifier(res), signers(res), m.organizationIn(ctx)) })
	} else {
		res.DMARC = dmarc.Result{Status: dmarc.TempError, AuthorDomain: m.author.Domain, Disposition: dmarc.PolicyNone, Reason: "the lookup of the DMARC record did not end in time"}
	}
	// Our own fault fails nobody.
	if len(m.faults) > 0 && res.DMARC.Status != dmarc.Pass {
		res.DMARC = dmarc.Result{Status: dmarc.TempError, AuthorDomain: m.author.Domain, Reason: faultReason}
	}
}

// organizationIn returns what has the Organizational Domain of an identifier,
// for which it waits until ctx ends.
func (m *Message) organizationIn(ctx context.Context) func(domain string) dmarc.Organization {
	return func(domain string) dmarc.Organization {
		o, fault := m.organization(domain).wait(ctx)
		m.fault("dmarc", fault)
		return o
	}
}

// signers are what DKIM has for DMARC.
func signers(res *result.Results) []dmarc.Identifier {
	ids := make([]dmarc.Identifier, len(res.DKIM))
	for i, r := range res.DKIM {
		status, _ := res.Counts(r)
		ids[i] = dmarc.Identifier{Domain: r.Domain, Status: string(status)}
	}
	return ids
}
