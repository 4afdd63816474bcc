package filter

import (
	"sync/atomic"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// Stats counts what a server did since its start.
type Stats struct {
	// Counts are those of the connections.
	milter.Counts
	// Messages got a verdict, by what it was.
	Messages map[result.Action]int64
	// Shadowed messages were also decided by the shadow policy; for ShadowDiffers
	// of them it would have done something else.
	Shadowed, ShadowDiffers int64
	// Aborted messages ended without one: reset, refused, or the client left.
	Aborted int64
	// Undelivered verdicts could not be sent: the MTA had left.
	Undelivered int64
	// Panics were caught. Each cost one message a temporary failure.
	Panics int64
	// DroppedFields were not evaluated, the header being too large.
	DroppedFields int64
}

type counters struct {
	aborted, undelivered, panics, dropped       atomic.Int64
	shadowed, shadowDiffers                     atomic.Int64
	accepted, quarantined, rejected, tempfailed atomic.Int64
	redirected, discarded                       atomic.Int64
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
		Counts: s.milter.Counts(),
		Messages: map[result.Action]int64{
			result.Accept:     c.accepted.Load(),
			result.Quarantine: c.quarantined.Load(),
			result.Reject:     c.rejected.Load(),
			result.TempFail:   c.tempfailed.Load(),
			result.Redirect:   c.redirected.Load(),
			result.Discard:    c.discarded.Load(),
		},
		Shadowed:      c.shadowed.Load(),
		ShadowDiffers: c.shadowDiffers.Load(),
		Aborted:       c.aborted.Load(),
		Undelivered:   c.undelivered.Load(),
		Panics:        c.panics.Load(),
		DroppedFields: c.dropped.Load(),
	}
}
