package filter

import (
	"sync/atomic"

	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy/result"
)

// Stats are the counts of a server since its start.
type Stats struct {
	// Counts are the counts of connections.
	milter.Counts
	// Messages is the number of messages with a verdict, by action.
	Messages map[result.Action]int64
	// Would is the number of messages that were accepted only because they are
	// monitored, by the action that the mode prevented.
	Would map[result.Action]int64
	// Shadowed is the number of messages about which the shadow policy decided too.
	// ShadowDiffers is the number of those for which its verdict differed.
	Shadowed, ShadowDiffers int64
	// Aborted is the number of messages without a verdict: they were reset or
	// refused by the MTA, or the client left.
	Aborted int64
	// Undelivered is the number of verdicts that did not reach the MTA.
	Undelivered int64
	// Panics is the number of panics that were caught.
	Panics int64
	// DroppedFields is the number of header fields that were too large to evaluate.
	DroppedFields int64
}

type counters struct {
	aborted, undelivered, panics, dropped atomic.Int64
	shadowed, shadowDiffers               atomic.Int64
	verdicts, would                       byAction
}

// byAction counts messages by action.
type byAction struct {
	accepted, quarantined, rejected, tempfailed atomic.Int64
	redirected, discarded                       atomic.Int64
}

func (c *byAction) add(a result.Action) {
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

// counts returns the present counts.
func (c *byAction) counts() map[result.Action]int64 {
	return map[result.Action]int64{
		result.Accept:     c.accepted.Load(),
		result.Quarantine: c.quarantined.Load(),
		result.Reject:     c.rejected.Load(),
		result.TempFail:   c.tempfailed.Load(),
		result.Redirect:   c.redirected.Load(),
		result.Discard:    c.discarded.Load(),
	}
}

// message counts a verdict.
func (c *counters) message(v *result.Verdict) {
	c.verdicts.add(v.Action)
	if would := v.Would(); would != "" {
		c.would.add(would)
	}
}

// Stats returns the present counts.
func (s *Server) Stats() Stats {
	c := &s.count
	return Stats{
		Counts:        s.milter.Counts(),
		Messages:      c.verdicts.counts(),
		Would:         c.would.counts(),
		Shadowed:      c.shadowed.Load(),
		ShadowDiffers: c.shadowDiffers.Load(),
		Aborted:       c.aborted.Load(),
		Undelivered:   c.undelivered.Load(),
		Panics:        c.panics.Load(),
		DroppedFields: c.dropped.Load(),
	}
}
