package rows

import "time"

// maxTransfer bounds the time between the arrival of a message and its verdict that is
// kept.
const maxTransfer = 24 * time.Hour

// circumstances keeps when the message began to arrive, since settings end by that time,
// and whether something is missing in the row.
func (c *codec) circumstances(r *Row) {
	res := r.Results
	var took time.Duration
	if !c.reading && !res.Arrived.IsZero() {
		took = max(-maxTransfer, min(r.Ref.Time().Sub(res.Arrived), maxTransfer))
	}
	ms := took.Milliseconds()
	if number(c, &ms); c.reading {
		if max(ms, -ms) > maxTransfer.Milliseconds() {
			c.bad = true
			return
		}
		res.Arrived = res.Arrived.Add(-time.Duration(ms) * time.Millisecond)
		c.bits(&r.Cut, &r.CutRecipients)
		return
	}
	c.bits(&c.cut, &c.cutRcpts)
}
