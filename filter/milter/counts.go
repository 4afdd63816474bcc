package milter

import "sync/atomic"

// Counts are the counts of a server. All but the first three are since its start.
type Counts struct {
	// Open is the present number of connections, Busy that of connections inside a
	// message.
	Open, Busy int64
	// Listening is the present number of listeners.
	Listening int64
	// Connections is the number of accepted connections.
	Connections int64
	// Sessions is the number of SMTP sessions on them.
	Sessions int64
	// ProtocolErrors and Timeouts are the numbers of connections that were closed
	// because of an invalid packet, or because none arrived in time.
	ProtocolErrors, Timeouts int64
	// Progress is the number of packets that asked an MTA to wait for a verdict.
	Progress int64
	// Forced is the number of connections that Shutdown closed at its deadline.
	Forced int64
	// StrayReplies is the number of replies that were dropped because the MTA did not
	// wait for one. OwedReplies is the number of replies that were missing and were
	// added. Each is a harmless fault of Postvet.
	StrayReplies, OwedReplies int64
	// AcceptErrors is the number of failures to accept a connection. Limited counts
	// how often MaxConnections was reached.
	AcceptErrors, Limited int64
}

type counters struct {
	open, busy, listening, connections, sessions atomic.Int64
	protocolErrors, timeouts, progress, forced   atomic.Int64
	stray, owed, acceptErrors, limited           atomic.Int64
}

// Counts returns the present counts.
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
