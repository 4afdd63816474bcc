package filter

import (
	"context"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Handler evaluates messages and decides about them.
type Handler struct {
	Checker *policy.Checker
	Rules   rules.Rules
	// Traced evaluates the messages of clients that Options.Trace selects, with a
	// trace. Nil if there is none, and then no message is traced.
	Traced *policy.Checker
	// Shadow is a policy to compare with; nil for none. Its verdicts have no effect
	// but are logged and counted where they differ.
	Shadow *rules.Rules
	// Generation is a number for Rules. Each Decision names that of the handler which
	// made it, also if another handler has taken over since.
	Generation int64
}

// handler is the form of a Handler that sessions use.
type handler struct {
	checker checker
	traced  checker // nil for none
	decide  func(*result.Results) result.Verdict
	shadow  func(*result.Results) result.Verdict // nil for none
	// unheld and shadowUnheld decide for an MTA that cannot quarantine.
	unheld, shadowUnheld func(*result.Results) result.Verdict
	// tagged decides about a message that is not held because of a key of the configuration.
	tagged func(r *result.Results, key string) result.Verdict
	// early decides before the message is sent; nil if the rules never refuse then.
	early      func(*result.Results) (result.Verdict, bool)
	generation int64
}

func newHandler(h Handler) *handler {
	unheld := func(r rules.Rules) func(*result.Results) result.Verdict {
		r.NoHold = true
		return r.Decide
	}
	out := &handler{checker: policyChecker{h.Checker}, decide: h.Rules.Decide, unheld: unheld(h.Rules), generation: h.Generation}
	out.tagged = func(r *result.Results, key string) result.Verdict {
		tagging := h.Rules
		tagging.NoHold, tagging.NoHoldKey = true, key
		return tagging.Decide(r)
	}
	if h.Traced != nil {
		out.traced = policyChecker{h.Traced}
	}
	if h.Shadow != nil {
		out.shadow, out.shadowUnheld = h.Shadow.Decide, unheld(*h.Shadow)
	}
	if h.Rules.RefusesEarly() {
		out.early = h.Rules.Early
	}
	return out
}

// checker, checkerConn and checkerMessage are the parts of package policy that a session
// uses. Tests replace them.
type checker interface {
	Connect(ctx context.Context, c message.Client) checkerConn
}

type checkerConn interface {
	Helo(name string)
	Message(s message.Sender) checkerMessage
	Close()
}

type checkerMessage interface {
	Recipient(addr string)
	Early(ctx context.Context) *result.Results
	HeaderRoom() int
	Field(f message.Field)
	TruncatedField(f message.Field)
	EndOfHeader()
	Write(p []byte) (int, error)
	Finish(ctx context.Context) *result.Results
	Seal(ctx context.Context, r *result.Results, v *result.Verdict)
	Close()
}

type policyChecker struct{ c *policy.Checker }

func (p policyChecker) Connect(ctx context.Context, c message.Client) checkerConn {
	return policyConn{p.c.Connect(ctx, c)}
}

type policyConn struct{ *policy.Conn }

func (p policyConn) Message(s message.Sender) checkerMessage { return p.Conn.Message(s) }
