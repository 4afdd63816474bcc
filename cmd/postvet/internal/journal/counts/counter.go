package counts

import (
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// maxHours bounds the hours that are counted at a time. More than two are needed only if the
// clock jumps.
const maxHours = 6

// Counter counts messages. It is for one goroutine at a time; its zero value is ready.
type Counter struct {
	hours []*hour // the one that was counted in last comes first
	stats Stats
	rec   rows.Record
	key   []byte
}

// Stats say what a counter could not tell apart.
type Stats struct {
	// Other is the number of messages that were counted under [Other], by kind.
	Other [Kinds]int64
	// Missing is the number of messages that were not counted.
	Missing int64
}

// Stats returns the numbers since the start.
func (c *Counter) Stats() Stats { return c.stats }

// Count counts encoded rows.
func (c *Counter) Count(b []byte) error {
	for len(b) > 0 {
		var err error
		if b, err = rows.ReadRecord(b, &c.rec); err != nil {
			return err
		}
		c.count(&c.rec)
	}
	return nil
}

// Miss notes messages of a time that cannot be counted.
func (c *Counter) Miss(at time.Time, n int64) {
	if n > 0 {
		c.stats.Missing += n
		c.hourOf(HourOf(at).Unix()).missing += n
	}
}

// hourOf returns the hour that begins at a time; if there are too many, the last one.
func (c *Counter) hourOf(at int64) *hour {
	for i, h := range c.hours {
		if h.at == at {
			c.hours[0], c.hours[i] = h, c.hours[0]
			h.used, h.changed = true, true
			return h
		}
	}
	if len(c.hours) < maxHours {
		c.hours = append(c.hours, newHour(at))
		last := len(c.hours) - 1
		c.hours[0], c.hours[last] = c.hours[last], c.hours[0]
	}
	h := c.hours[0]
	h.used, h.changed = true, true
	return h
}

func (c *Counter) count(rec *rows.Record) {
	h := c.hourOf(HourOf(result.Reference(rec[rows.ColRef].Int).Time()).Unix())
	h.n++
	which := fieldsOf(rec)
	org := nameOf(rec[rows.ColOrg].Octets)
	c.key = appendNetwork(c.key[:0], rec[rows.ColClient].Octets)
	c.add(h, Domain, org, which)
	c.add(h, Client, c.key, which)
	c.add(h, Rule, nameOf(rec[rows.ColRule].Octets), which)
	if hint := rec[rows.ColHint].Octets; len(hint) > 0 {
		c.add(h, Hint, hint, which)
	}
	if which.plain() {
		return
	}
	for _, org := range [][]byte{org, other} {
		c.key = appendFacts(c.key[:0], rec, org)
		if h.facts.add(c.key, fieldSet(1)<<All, MaxNames-1) {
			return
		}
	}
	h.facts.add([]byte(otherFacts), fieldSet(1)<<All, MaxNames)
}

// add counts a message of a name, or of the others if there are too many.
func (c *Counter) add(h *hour, k Kind, name []byte, which fieldSet) {
	if !h.names[k].add(name, which, MaxNames-1) {
		c.stats.Other[k]++
		h.names[k].add(other, which, MaxNames)
	}
}

// Restore adds the counts of hours that were not over when the former process ended.
func (c *Counter) Restore(parts []Part) error {
	former, err := readParts(parts)
	if err != nil {
		return err
	}
	for _, h := range former {
		c.merge(h)
	}
	return nil
}

// merge adds an hour that was counted before.
func (c *Counter) merge(former *hour) {
	for i, h := range c.hours {
		if h.at == former.at {
			former.merge(h)
			c.hours[i] = former
			return
		}
	}
	c.hours = append(c.hours, former)
}
