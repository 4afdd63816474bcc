package received

import (
	"crypto/sha256"
	"encoding/json"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/reportmail"
)

// maxHeld bounds the records that are held back until it is known whether they are those
// of a duplicate. A report with more counts, and is marked.
const maxHeld = 50_000

// aggregate reads an aggregate report. If one with its key was read before, its records
// are held back until its content is known.
func (r *Reader) aggregate(rep *Report, d *reportmail.Document) error {
	var held []*report.Record
	var head *report.Head
	first, hold := true, false
	pass := func(h *report.Head, rec *report.Record) error {
		if err := r.sink.Record(rep.Place, h, rec); err != nil {
			return errSink{err}
		}
		return nil
	}
	release := func() error {
		for _, rec := range held {
			if err := pass(head, rec); err != nil {
				return err
			}
		}
		held, hold = nil, false
		return nil
	}
	reading, err := report.Read(d.Body, func(h *report.Head, rec *report.Record) error {
		if first {
			first = false
			hold = len(r.seen[aggregateKey(h)]) > 0
		}
		if !hold {
			return pass(h, rec)
		}
		if head, held = h, append(held, rec); len(held) > r.held {
			return release()
		}
		return nil
	})
	rep.Deviations.Merge(reading.Deviations)
	rep.Aggregate = &reading
	if err != nil {
		return err
	}
	r.compare(rep, aggregateKey(&reading.Head), reading.Content)
	if rep.DuplicateOf != nil && (hold || reading.Records == 0) {
		return nil
	}
	if rep.DuplicateOf != nil { // its records were passed on
		rep.DuplicateOf, rep.ConflictsWith = nil, rep.DuplicateOf
	}
	return release()
}

// aggregateKey is report.Reading.Key for a head.
func aggregateKey(h *report.Head) string {
	return "aggregate " + (&report.Reading{Head: *h}).Key()
}

// contentOf returns what identifies the content of a report.
func contentOf(v any) [sha256.Size]byte {
	text, _ := json.Marshal(v) // plain values
	return sha256.Sum256(text)
}

// compare looks for reports of the same key, and remembers this one.
func (r *Reader) compare(rep *Report, key string, content [sha256.Size]byte) {
	rep.Key, rep.Content = key, content
	for _, k := range r.seen[key] {
		if k.content == content {
			rep.DuplicateOf, rep.ConflictsWith = &k.place, nil
			return
		}
		rep.ConflictsWith = &k.place
	}
	r.seen[key] = append(r.seen[key], known{content, rep.Place})
}
