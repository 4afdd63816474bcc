package policy

import (
	"context"
	"fmt"

	"github.com/postvet/postvet/policy/authres"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
)

// The ways to deal with a sender's domain that accepts no mail.
const (
	SenderDomainOff    = "off"    // nothing is looked up
	SenderDomainMark   = "mark"   // it stands in our field
	SenderDomainReject = "reject" // the message is refused
)

// SenderDomain says whether one of the sender's domains accepts mail.
type SenderDomain struct {
	// Identity is "mailfrom" or "author".
	Identity string `json:"identity"`
	mx.Result
}

// The identities of SenderDomain.
const (
	SenderMailFrom = "mailfrom"
	SenderAuthor   = "author"
)

// senderNames tell a person whose domain it is.
var senderNames = map[string]string{SenderMailFrom: "MAIL FROM", SenderAuthor: "the author"}

// senderChecks are the look-ups of one message's domains.
type senderChecks struct {
	mailFrom, author *pending[mx.Result]
	name             string // of MAIL FROM
}

func (s *senderChecks) start(m *Message, name string) *pending[mx.Result] {
	return evaluate(m.ctx, m.conn.dns, m.conn.checker.opt.MessageTimeout, checkMX, func(ctx context.Context, r Resolver) mx.Result {
		return mx.Check(ctx, r, name)
	}, func(fault string) mx.Result {
		return mx.Result{Domain: name, Status: mx.TempError, Reason: fault}
	})
}

func (s *senderChecks) startMailFrom(m *Message, name string) {
	if m.conn.checker.opt.SenderDomain {
		s.name = name
		s.mailFrom = s.start(m, name)
	}
}

func (s *senderChecks) startAuthor(m *Message) {
	switch {
	case !m.conn.checker.opt.SenderDomain || m.author.Domain == "":
	case m.author.Domain == s.name:
		s.author = s.mailFrom
	default:
		s.author = s.start(m, m.author.Domain)
	}
}

func (s *senderChecks) gather(ctx context.Context, m *Message, res *Results) {
	for _, c := range []struct {
		identity, domain string
		check            *pending[mx.Result]
	}{{SenderMailFrom, s.name, s.mailFrom}, {SenderAuthor, m.author.Domain, s.author}} {
		if c.check == nil {
			continue
		}
		r, fault := c.check.wait(ctx, func(fault string) mx.Result {
			return mx.Result{Domain: c.domain, Status: mx.TempError, Reason: fault}
		})
		m.fault("mx", fault)
		res.SenderDomains = append(res.SenderDomains, SenderDomain{Identity: c.identity, Result: r})
	}
}

// onSender refuses mail of a domain that mail cannot be sent to. Whom the
// administrator trusts it does not refuse, as DMARC and SPF do not: a forwarder
// cannot help what stands in the message, nor an author that is never to be
// refused. What waits for an answer of the DNS goes on waiting.
func (r Rules) onSender(res *Results, v Verdict) Verdict {
	d, refused := r.judgeSender(res)
	if !refused || v.Action == TempFail || v.Action == Accept && v.trusted() {
		return v
	}
	instead := fmt.Sprintf("instead of policy.sender_domain = %q", r.SenderDomain)
	if asked, key := r.Trust.author(res.Author.Domain); asked == dmarc.PolicyNone {
		return v.override(RuleAuthorOverride, Override{Reason: ReasonLocalPolicy, By: "author_overrides." + key, Text: "none " + instead})
	}
	o, trusted := r.Trust.forwarder(res)
	switch {
	case trusted:
		o.Text += " " + instead
		return v.override(RuleTrustedForwarder, o)
	case o.Text != "" && v.Action == Accept: // otherwise lenient has noted it
		v.Refused = append(v.Refused, o)
	}
	d.Refused = v.Refused
	return d
}

// judgeSender is the refusal of mail whose sender's domain accepts none; false if
// there is nothing to refuse. DNS trouble refuses nobody.
func (r Rules) judgeSender(res *Results) (Verdict, bool) {
	if r.SenderDomain != SenderDomainReject {
		return Verdict{}, false
	}
	for _, d := range res.SenderDomains {
		whose := "the sender's domain"
		if d.Identity == SenderAuthor {
			whose = "the author's domain"
		}
		v := Verdict{Action: Reject, Rule: RuleSenderDomain, Text: fmt.Sprintf("Message refused: %s %s accepts no mail: %s",
			whose, printable(d.Domain, 120), d.Reason)}
		switch d.Status {
		case mx.NullMX:
			v.Code = "550 5.7.27" // RFC 7505 section 4.2
			return v, true
		case mx.NoAddress, mx.NoDomain:
			v.Code = "550 5.1.8" // RFC 3463 section 3.2: bad sender's system address
			return v, true
		}
	}
	return Verdict{}, false
}

// senderMethod has the name and the properties that authentication_milter gave to
// this check; "x-" marks it as none that is registered (RFC 8601 section 2.7.7).
func senderMethod(d SenderDomain) authres.Method {
	m := authres.Method{Name: "x-return-mx", Result: "fail", Reason: d.Reason}
	switch d.Status {
	case mx.Accepts:
		m.Result, m.Reason = "pass", ""
	case mx.TempError, mx.None:
		m.Result = string(d.Status)
	}
	property := "smtp.domain"
	if d.Identity == SenderAuthor {
		property = "header.domain"
	}
	m.Properties = properties(property, d.Domain)
	return m
}

// senderDomain is the domain of MAIL FROM in lower-case A-labels, "" if there is
// none.
func (m *Message) senderDomain() string {
	_, domain := message.SplitPath(m.sender.Path)
	name, _ := message.NormalizeDomain(domain)
	return name
}
