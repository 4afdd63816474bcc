package milter

import "sync/atomic"

// Counts is what a server did since its start.
type Counts struct {
	// Open connections, and those of them that are inside a message, are now.
	Open, Busy int64
	// Listening is on how many listeners connections are accepted now.
	Listening int64
	// Connections were accepted.
	Connections int64
	// Sessions are the SMTP sessions that the MTAs showed on them.
	Sessions int64
	// ProtocolErrors and Timeouts are connections closed for what the MTA sent
	// or did not send in time.
	ProtocolErrors, Timeouts int64
	// Progress packets asked an MTA for patience while a verdict took its time.
	Progress int64
	// Forced connections were closed by Shutdown because its time was over.
	Forced int64
	// StrayReplies were dropped because no reply was due, OwedReplies made
	// because one was. Each is a fault of Postvet that harmed nothing.
	StrayReplies, OwedReplies int64
	// AcceptErrors are failures to accept a connection, Limited how often
	// MaxConnections was reached.
	AcceptErrors, Limited int64
}

type counters struct {
	open, busy, listening, connections, sessions atomic.Int64
	protocolErrors, timeouts, progress, forced   atomic.Int64
	stray, owed, acceptErrors, limited           atomic.Int64
}

// Counts returns the counts of now.
func (s *Server) Counts() Counts {
	c := &s.count
	return Counts{
		Open:           c.open.Load(),
		Busy:           c.busy.Load(),
		Listening:      c.listening.Load(),
		Connections:    c.connections.Load(),
		Sessions:       c.sessions.Load(),
		ProtocolErrors: c.protocolErrors.Load(),
		Timeouts:       c.timeouts.Load(),
		Progress:       c.progress.Load(),
		Forced:         c.forced.Load(),
		StrayReplies:   c.stray.Load(),
		OwedReplies:    c.owed.Load(),
		AcceptErrors:   c.acceptErrors.Load(),
		Limited:        c.limited.Load(),
	}
}
