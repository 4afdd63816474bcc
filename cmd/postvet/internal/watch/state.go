package watch

import (
	"slices"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
)

// Bounds of what is kept of one domain.
const (
	maxRecords = 200
	maxFaults  = 100
	maxChanges = 500
	keepFor    = 90 * 24 * time.Hour
)

// Domain is what is known of one domain.
type Domain struct {
	// First is when it was checked first, Checked when last; Next is when it is due.
	First   time.Time `json:"first"`
	Checked time.Time `json:"checked"`
	Next    time.Time `json:"next"`
	// Determined is when it was last inspected without a failed lookup.
	Determined time.Time `json:"determined"`

	Verdict  finding.Verdict `json:"verdict"`
	Errors   int             `json:"errors"`
	Warnings int             `json:"warnings"`

	Records map[ID]*Record    `json:"records"`
	Faults  map[string]*Fault `json:"faults"` // errors, by their texts
	Changes []Change          `json:"changes"`
}

// Record is the records of one name and type.
type Record struct {
	// Texts are the records now, none if they are gone. Told are those that were told
	// last, and ToldAt is when that was, zero for those of the first check.
	Texts  []string  `json:"texts"`
	Told   []string  `json:"told"`
	ToldAt time.Time `json:"told_at"`
}

// Fault is an error of the domain.
type Fault struct {
	Fix   string    `json:"fix,omitempty"`
	Since time.Time `json:"since"`
	// Gone is when it was not found any more, zero while it is there.
	Gone   time.Time `json:"gone"`
	ToldAt time.Time `json:"told_at"`
	// Told reports that it was told last that the error is there.
	Told bool `json:"told"`
}

// Change is one change of records.
type Change struct {
	At  time.Time `json:"at"`
	ID  ID        `json:"record"`
	Old []string  `json:"old"`
	New []string  `json:"new"`
}

// seen is what one check has found.
type seen struct {
	at       time.Time
	verdict  finding.Verdict
	totals   finding.Totals
	errors   []finding.Finding
	complete bool // no lookup failed: an error that is not found is gone
	records  map[ID][]string
}

// update takes over what a check has found, and returns what is to be told about it. What
// was told less than repeat ago about a record or an error is not told again; if it is still
// otherwise then, that is told.
func (d *Domain) update(name string, s *seen, repeat time.Duration) []Event {
	first := d.First.IsZero()
	if first {
		*d = Domain{First: s.at, Next: d.Next, Records: map[ID]*Record{}, Faults: map[string]*Fault{}}
	}
	d.Checked, d.Verdict, d.Errors, d.Warnings = s.at, s.verdict, s.totals.Errors, s.totals.Warnings
	if s.complete {
		d.Determined = s.at
	}
	var ids []ID
	for id := range s.records {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var events []Event
	for _, id := range ids {
		if e, ok := d.updateRecord(id, s, repeat, first); ok {
			e.Domain = name
			events = append(events, e)
		}
	}
	for _, e := range d.updateFaults(s, repeat) {
		e.Domain = name
		events = append(events, e)
	}
	d.forget(s.at, repeat)
	return events
}

// updateRecord takes over the records of one name and type.
func (d *Domain) updateRecord(id ID, s *seen, repeat time.Duration, first bool) (Event, bool) {
	texts, r := s.records[id], d.Records[id]
	if r == nil {
		if len(texts) == 0 || len(d.Records) >= maxRecords {
			return Event{}, false
		}
		r = &Record{}
		d.Records[id] = r
		if first {
			r.Texts, r.Told = texts, texts
			return Event{}, false
		}
	}
	if !slices.Equal(r.Texts, texts) {
		d.Changes = append(d.Changes, Change{s.at, id, r.Texts, texts})
		r.Texts = texts
	}
	if slices.Equal(r.Texts, r.Told) || within(s.at, r.ToldAt, repeat) {
		return Event{}, false
	}
	name, typ := id.Split()
	e := Event{At: s.at, Kind: Changed, Name: name, Type: typ, Old: r.Told, New: r.Texts, Times: d.times(id, r.ToldAt)}
	r.Told, r.ToldAt = r.Texts, s.at
	return e, true
}

// times returns how often records have changed since a time.
func (d *Domain) times(id ID, since time.Time) (n int) {
	for _, c := range d.Changes {
		if c.ID == id && c.At.After(since) {
			n++
		}
	}
	return n
}

// within reports whether something was told less than repeat before.
func within(now, told time.Time, repeat time.Duration) bool {
	return !told.IsZero() && now.Sub(told) < repeat
}

// updateFaults takes over the errors.
func (d *Domain) updateFaults(s *seen, repeat time.Duration) (events []Event) {
	found := map[string]bool{}
	for _, e := range s.errors {
		if found[e.Text] || d.Faults[e.Text] == nil && len(d.Faults) >= maxFaults {
			continue
		}
		found[e.Text] = true
		f := d.Faults[e.Text]
		if f == nil {
			f = &Fault{Since: s.at}
			d.Faults[e.Text] = f
		}
		if !f.Gone.IsZero() {
			f.Since, f.Gone = s.at, time.Time{}
		}
		f.Fix = e.Fix
	}
	var texts []string
	for text, f := range d.Faults {
		if !found[text] && s.complete && f.Gone.IsZero() {
			f.Gone = s.at
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	for _, text := range texts {
		f := d.Faults[text]
		there := f.Gone.IsZero()
		known := found[text] || s.complete
		if !known || there == f.Told || within(s.at, f.ToldAt, repeat) {
			continue
		}
		f.Told, f.ToldAt = there, s.at
		e := Event{At: s.at, Kind: Broken, Text: text, Fix: f.Fix}
		if !there {
			e.Kind, e.Fix = Repaired, ""
		}
		events = append(events, e)
	}
	return events
}

// forget drops what is old.
func (d *Domain) forget(now time.Time, repeat time.Duration) {
	d.Changes = slices.DeleteFunc(d.Changes, func(c Change) bool { return now.Sub(c.At) > keepFor })
	if n := len(d.Changes) - maxChanges; n > 0 {
		d.Changes = slices.Delete(d.Changes, 0, n)
	}
	for id, r := range d.Records {
		if len(r.Texts) == 0 && len(r.Told) == 0 && !within(now, r.ToldAt, repeat) {
			delete(d.Records, id)
		}
	}
	for text, f := range d.Faults {
		if !f.Gone.IsZero() && !f.Told && !within(now, f.ToldAt, repeat) {
			delete(d.Faults, text)
		}
	}
}
