package trial

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/mailbox"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// Check evaluates one message and reports all that is known about it.
type Check struct {
	Checker  *policy.Checker
	Resolver policy.Resolver
	Envelope message.Envelope
	// Message is nil if the client alone is evaluated.
	Message *mailbox.Message
	Rules   *rules.Rules
	// Shadow is nil if there are no shadow rules.
	Shadow *rules.Rules
	// Trace adds every step to the results, as the checker does.
	Trace bool
	// Learned says where that comes from which was learned from earlier mail; "" for
	// nothing. The trace tells it if the message is judged.
	Learned string
	// SecondOpinion has the signatures verified by go-msgauth too.
	SecondOpinion bool
}

// Run evaluates the message. The opinions are nil unless they are asked for. The
// error is that of the message's reader.
func (c Check) Run(ctx context.Context) (*result.Report, []dkim.Opinion, error) {
	if c.Message == nil {
		return c.client(ctx), nil, nil
	}
	var body io.WriterTo = c.Message
	var whole limitedBuffer
	if c.SecondOpinion {
		body = whole.copyOf(c.Message)
	}
	results, verdict, err := c.Checker.PlayVerdict(ctx, c.Envelope, c.Message.Header, body, c.Rules.RefusesEarly(), c.Rules.Replay)
	if err != nil {
		return nil, nil, err
	}
	sortTrace(results)
	if c.Trace {
		if c.Learned != "" && len(results.Evidence) > 0 {
			results.Trace = append(results.Trace, result.Event{What: "judgement", Check: result.CheckJudgement, Text: "what was learned from genuine mail comes from " + c.Learned})
		}
		results.Trace = append(results.Trace, explain.TraceVerdict(results, &verdict)...)
	}
	report := &result.Report{Results: results, Verdict: verdict, AuthenticationResults: strings.TrimSpace(verdict.AuthenticationResults)}
	if c.Shadow != nil {
		v := c.Shadow.Decide(results)
		report.Shadow = &v
	}
	if !c.SecondOpinion {
		return report, nil, nil
	}
	return report, whole.opinions(ctx, c.Resolver, results.DKIM), nil
}

// RuleNoMessage is the rule of a verdict if there is nothing to decide about.
const RuleNoMessage = "no-message"

// NoMessage is the reason of a method that has no message to evaluate.
const NoMessage = "no message"

// client evaluates SPF and reverse DNS alone. It leaves out what the checker says about
// a header that does not exist.
func (c Check) client(ctx context.Context) *result.Report {
	_, r, _ := c.Checker.Play(ctx, c.Envelope, nil, nil, false)
	sortTrace(r)
	r.Author = message.Author{}
	r.DMARC.Reason = NoMessage
	r.ARC.Reason = NoMessage
	r.Trace = slices.DeleteFunc(r.Trace, func(e result.Event) bool {
		return e.What == "dkim" || e.What == "arc" || e.What == "dmarc" || e.What == "message"
	})
	return &result.Report{Results: r, Verdict: result.Verdict{
		Action: result.Accept, Intended: result.Accept, Rule: RuleNoMessage, Overrides: []result.Override{},
		Text: "there is no message to decide about",
	}}
}

// sortTrace orders a trace by time: the checks run side by side and record their
// steps when they end.
func sortTrace(r *result.Results) {
	slices.SortStableFunc(r.Trace, func(a, b result.Event) int { return cmp.Compare(a.AtMS, b.AtMS) })
}
