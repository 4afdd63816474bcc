package filter

import (
	"sync/atomic"

	"github.com/postvet/postvet/policy/result"
)

// Stats counts what a server did since its start.
type Stats struct {
	// Open connections, and those of them that are inside a message, are now.
	Open, Busy int64
	// Listening is on how many listeners connections are accepted now.
	Listening int64
	// Connections were accepted.
	Connections int64
	// Sessions are the SMTP sessions that the MTAs showed on them.
	Sessions int64
	// Messages got a verdict, by what it was.
	Messages map[result.Action]int64
	// Shadowed messages were judged by the shadow policy too; for ShadowDiffers of
	// them it would have done something else.
	Shadowed, ShadowDiffers int64
	// Aborted messages ended without one: reset, refused, or the client left.
	Aborted int64
	// Undelivered verdicts could not be sent: the MTA had left.
	Undelivered int64
	// Panics were caught. Each cost one message a temporary failure.
	Panics int64
	// ProtocolErrors and Timeouts are connections closed for what the MTA sent
	// or did not send in time.
	ProtocolErrors, Timeouts int64
	// Progress packets asked an MTA for patience while a verdict took its time.
	Progress int64
	// Forced connections were closed by Shutdown because its time was over.
	Forced int64
	// DroppedFields were not evaluated, the header being too large.
	DroppedFields int64
	// StrayReplies were dropped because no reply was due, OwedReplies made
	// because one was: faults of ours that the wire absorbed.
	StrayReplies, OwedReplies int64
	// AcceptErrors are failures to accept a connection, Limited how often
	// MaxConnections was reached.
	AcceptErrors, Limited int64
}

type counters struct {
	open, busy, connections, aborted, undelivered, panics atomic.Int64
	protocolErrors, timeouts, stray, owed                 atomic.Int64
	acceptErrors, limited, dropped                        atomic.Int64
	listening, sessions, progress, forced                 atomic.Int64
	accepted, quarantined, rejected, tempfailed           atomic.Int64
	redirected, discarded, shadowed, shadowDiffers        atomic.Int64
}

func (c *counters) message(a result.Action) {
	switch a {
	case result.Accept:
		c.accepted.Add(1)
	case result.Quarantine:
		c.quarantined.Add(1)
	case result.Reject:
		c.rejected.Add(1)
	case result.Redirect:
		c.redirected.Add(1)
	case result.Discard:
		c.discarded.Add(1)
	default:
		c.tempfailed.Add(1)
	}
}

// Stats returns the counts of now.
func (s *Server) Stats() Stats {
	c := &s.count
	return Stats{
		Open:        c.open.Load(),
		Busy:        c.busy.Load(),
		Listening:   c.listening.Load(),
		Connections: c.connections.Load(),
		Sessions:    c.sessions.Load(),
		Messages: map[result.Action]int64{
			result.Accept:     c.accepted.Load(),
			result.Quarantine: c.quarantined.Load(),
			result.Reject:     c.rejected.Load(),
			result.TempFail:   c.tempfailed.Load(),
			result.Redirect:   c.redirected.Load(),
			result.Discard:    c.discarded.Load(),
		},
		Shadowed:       c.shadowed.Load(),
		ShadowDiffers:  c.shadowDiffers.Load(),
		Aborted:        c.aborted.Load(),
		Undelivered:    c.undelivered.Load(),
		Panics:         c.panics.Load(),
		ProtocolErrors: c.protocolErrors.Load(),
		Timeouts:       c.timeouts.Load(),
		Progress:       c.progress.Load(),
		Forced:         c.forced.Load(),
		DroppedFields:  c.dropped.Load(),
		StrayReplies:   c.stray.Load(),
		OwedReplies:    c.owed.Load(),
		AcceptErrors:   c.acceptErrors.Load(),
		Limited:        c.limited.Load(),
	}
}
