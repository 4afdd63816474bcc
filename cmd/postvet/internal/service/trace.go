package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/livetrace"
	"github.com/postvet/postvet/policy/message"
)

// traced reports whether the messages of a client that connects are traced. The client
// behind a trusted relay is known later, so those of relays are while anybody watches.
func (d *daemon) traced(c message.Client) bool {
	return d.traces.Watched() && (d.traces.Wants(c.IP) || d.config().Trust.Relays.Set.Address(c.IP))
}

// answerTrace begins to watch messages. The answer is a [control.Stream].
func (d *daemon) answerTrace(q control.Request) (any, error) {
	filter, err := livetrace.ParseFilter(q.Client, q.From, q.Recipient)
	if err != nil {
		return nil, &control.Refusal{Code: control.CodeRequest, Errors: []string{err.Error()}}
	}
	duration := control.DefaultTrace
	if q.For > 0 {
		duration = time.Duration(q.For) * time.Second
	}
	w, err := d.traces.Watch(filter, duration, q.Count)
	if errors.Is(err, livetrace.ErrBusy) {
		text := fmt.Sprintf("%d traces are running, more are not possible; end one of them, or wait", livetrace.MaxWatchers)
		return nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{text}}
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}
