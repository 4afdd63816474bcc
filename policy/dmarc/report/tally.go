package report

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"github.com/postvet/postvet/policy/message"
)

// Tally counts messages by what a record says of them, in bounded memory. The zero value
// is not ready, see [NewTally]. It is not safe for concurrent use.
//
// When it is almost full, new records leave out what tells least: signatures that decided
// nothing, then the envelope. What does not fit even so is counted, see
// [Tally.LeftOut].
type Tally struct {
	most    int
	records map[string]*Record
	left    int64
	key     []byte // of the last record
}

// NewTally returns a tally of at most so many records.
func NewTally(most int) *Tally {
	return &Tally{most: most, records: map[string]*Record{}}
}

// Add counts the messages of a record, which stays the caller's.
func (t *Tally) Add(r *Record) {
	if r.Count <= 0 {
		return
	}
	// The last tenth is for records that leave something out.
	if t.count(r, t.most-t.most/10) || t.count(r.Folded(1), t.most) || t.count(r.Folded(2), t.most) {
		return
	}
	t.left += r.Count
}

// count counts the messages of a record if its like is there, or if there are fewer than
// so many.
func (t *Tally) count(r *Record, most int) bool {
	t.key = appendKey(t.key[:0], r)
	if known := t.records[string(t.key)]; known != nil {
		known.Count += r.Count
		return true
	}
	if len(t.records) >= most {
		return false
	}
	kept := *r
	t.records[string(t.key)] = &kept
	return true
}

// Folded returns a record that lacks what tells least, so that more records are alike. After
// the first step it has no signatures that decided nothing, after the second nothing but
// what proves the alignment. It shares its lists with r.
func (r *Record) Folded(step int) *Record {
	if step < 2 {
		return withoutFailed(r)
	}
	return bare(r)
}

// withoutFailed returns a record with the signatures that passed and may be aligned: those
// of a domain above or below the author's.
func withoutFailed(r *Record) *Record {
	less := *r
	less.DKIM = nil
	for _, d := range r.DKIM {
		if d.Result == "pass" && (message.Below(r.HeaderFrom, d.Domain) || message.Below(d.Domain, r.HeaderFrom) || r.DKIMAligned && len(less.DKIM) == 0) {
			less.DKIM = append(less.DKIM, d)
		}
	}
	return &less
}

// bare returns a record with no more than the signature and the SPF result that prove the
// alignment.
func bare(r *Record) *Record {
	less := *withoutFailed(r)
	less.EnvelopeFrom, less.HasEnvelopeFrom, less.EnvelopeTo = "", false, ""
	if !r.DKIMAligned {
		less.DKIM = nil
	} else if len(less.DKIM) > 1 {
		less.DKIM = less.DKIM[:1]
	}
	if !r.SPFAligned {
		less.SPF = nil
	}
	return &less
}

// appendKey appends a text that two records share if they differ in nothing but their
// counts. Strings have their lengths before them.
func appendKey(b []byte, r *Record) []byte {
	text := func(s string) { b = append(append(binary.AppendUvarint(b, uint64(len(s))), s...), '.') }
	b = append(canonical(r.Source).AppendTo(b), ' ')
	b = strconv.AppendBool(strconv.AppendBool(strconv.AppendBool(b, r.DKIMAligned), r.SPFAligned), r.HasEnvelopeFrom)
	for _, s := range [...]string{r.SourceText, string(r.Disposition), r.HeaderFrom, r.EnvelopeFrom, r.EnvelopeTo} {
		text(s)
	}
	b = append(b, byte(min(len(r.Reasons), maxResults)), byte(min(len(r.DKIM), maxResults)))
	for _, reason := range r.Reasons {
		text(string(reason.Type))
		text(reason.Comment)
	}
	for _, d := range r.DKIM {
		text(d.Domain)
		text(d.Selector)
		text(d.Result)
		text(d.Human)
	}
	for _, s := range r.SPF {
		text(s.Domain)
		text(s.Scope)
		text(s.Result)
		text(s.Human)
	}
	return b
}

// Len returns the number of records.
func (t *Tally) Len() int { return len(t.records) }

// LeftOut returns how many messages are in no record.
func (t *Tally) LeftOut() int64 { return t.left }

// LeftOutText returns the text for the error of a report that says so; "" if nothing is
// left out.
func (t *Tally) LeftOutText() string {
	if t.left == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages in rows beyond the limit of %d left out", t.left, t.most)
}

// Records yields the records in an order that follows from them alone: those with most
// messages first.
func (t *Tally) Records() iter.Seq[*Record] {
	type entry struct {
		key string
		r   *Record
	}
	all := make([]entry, 0, len(t.records))
	for k, r := range t.records {
		all = append(all, entry{k, r})
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(b.r.Count, a.r.Count), cmp.Compare(a.key, b.key))
	})
	return func(yield func(*Record) bool) {
		for _, e := range all {
			if !yield(e.r) {
				return
			}
		}
	}
}
