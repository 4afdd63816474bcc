package policy

import (
	"context"

	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
)

// senderChecks are the checks whether the domains of one sender accept mail.
type senderChecks struct {
	mailFrom, author *pending[mx.Result]
	name             string // of MAIL FROM
}

func (s *senderChecks) start(m *Message, name string) *pending[mx.Result] {
	return evaluate(m.ctx, m.conn.dns, check[mx.Result]{
		name: result.CheckMX, limit: m.conn.checker.opt.MessageTimeout,
		run: func(ctx context.Context, r Resolver) mx.Result { return mx.Check(ctx, r, name) },
		failed: func(reason string) mx.Result {
			return mx.Result{Domain: name, Status: mx.TempError, Reason: reason}
		},
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

func (s *senderChecks) gather(ctx context.Context, m *Message, res *result.Results) {
	for _, c := range []struct {
		identity string
		check    *pending[mx.Result]
	}{{result.SenderMailFrom, s.mailFrom}, {result.SenderAuthor, s.author}} {
		if c.check == nil {
			continue
		}
		r, fault := c.check.wait(ctx)
		m.fault("mx", fault)
		res.SenderDomains = append(res.SenderDomains, result.SenderDomain{Identity: c.identity, Result: r})
	}
}

// senderDomain returns the domain of MAIL FROM in lower-case A-labels; "" if there is
// none.
func (m *Message) senderDomain() string {
	_, domain := message.SplitPath(m.sender.Path)
	name, _ := message.NormalizeDomain(domain)
	return name
}
