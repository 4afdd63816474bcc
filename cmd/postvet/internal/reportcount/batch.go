package reportcount

import (
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/reporting"
)

// batch is messages that were counted and go to the store at once.
type batch struct {
	n        int64     // its number
	until    time.Time // it has all messages before
	kept     bool      // the store has it
	counted  []reports.Counted
	byKey    map[string]int // the place in counted
	policies map[string]*reporting.Policy
	leftOut  map[string]*reportstore.LeftOut
	messages int64
	key      []byte // of the last row
}

func newBatch(n int64) *batch {
	return &batch{n: n, byKey: map[string]int{}, policies: map[string]*reporting.Policy{}, leftOut: map[string]*reportstore.LeftOut{}}
}

// add counts a message, and reports whether it could: a new row is only added if there are
// fewer than so many.
func (b *batch) add(q *queued, most int) bool {
	r := &q.row
	key := append(b.key[:0], byte(q.day), byte(q.day>>8), byte(q.day>>16), byte(q.day>>24))
	key = reportstore.AppendPolicy(key, &r.Policy)
	ofSubject := len(key)
	key = append(append(key, 0), r.Kind...)
	key = append(key, 0)
	form := len(key)
	key = reportstore.AppendRecord(key, &r.Record)
	b.key = key
	b.messages++
	if i, known := b.byKey[string(key)]; known {
		b.counted[i].Record.Count++
		return true
	}
	p := b.policy(key[4:ofSubject], &r.Policy)
	if len(b.counted) >= most {
		return b.leave(key[:ofSubject], q.day, p)
	}
	// Nothing of the message is kept: parts of a header would keep all of it.
	kept := string(key)
	record, err := reportstore.ParseRecord(kept[form:])
	if err != nil {
		return b.leave(key[:ofSubject], q.day, p)
	}
	record.Count = 1
	b.byKey[kept] = len(b.counted)
	b.counted = append(b.counted, reports.Counted{Day: q.day, Kind: r.Kind, Policy: *p, Record: *record})
	return true
}

// policy returns the copy of a policy.
func (b *batch) policy(key []byte, p *reporting.Policy) *reporting.Policy {
	known := b.policies[string(key)]
	if known == nil {
		c := *p
		for _, s := range []*string{&c.Domain, &c.Discovery, &c.P, &c.SP, &c.NP, &c.ADKIM, &c.ASPF, &c.FO, &c.Testing} {
			*s = strings.Clone(*s)
		}
		c.RUA = make([]string, len(p.RUA))
		for i, s := range p.RUA {
			c.RUA[i] = strings.Clone(s)
		}
		known = &c
		b.policies[string(key)] = known
	}
	return known
}

// maxLeftOut bounds the subjects of which it is known how many messages were left out.
const maxLeftOut = 10_000

// leave counts a message for whose row there is no room, so that the report of its subject
// says so. It returns false: the message is in no record.
func (b *batch) leave(key []byte, day reports.Day, p *reporting.Policy) bool {
	known := b.leftOut[string(key)]
	if known == nil {
		if len(b.leftOut) >= maxLeftOut {
			b.messages--
			return false
		}
		known = &reportstore.LeftOut{Day: day, Policy: *p}
		b.leftOut[string(key)] = known
	}
	known.Messages++
	return false
}

// allLeftOut returns what was left out, by subject.
func (b *batch) allLeftOut() []reportstore.LeftOut {
	all := make([]reportstore.LeftOut, 0, len(b.leftOut))
	for _, l := range b.leftOut {
		all = append(all, *l)
	}
	return all
}
