package journal

import (
	"encoding/binary"
	"hash/maphash"
	"time"

	"go.uber.org/zap"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
)

// Bounds of the DNS records that are kept. Senders invent names and records as they like.
const (
	// recordsPerHour and recordOctetsPerHour bound what is written in an hour. Accepted
	// mail may use three quarters of it.
	recordsPerHour      = 10_000
	recordOctetsPerHour = 4 << 20
	// maxRecordName and maxRecordText bound a record. A longer text is cut.
	maxRecordName = 255
	maxRecordText = rows.MaxRecordText
	// recordsWaiting bounds the octets that wait to be written.
	recordsWaiting = 256 << 10
	// recordSlots is how many names are remembered as written.
	recordSlots = 1 << 16
)

// records holds the DNS records that wait to be written, and remembers which were written
// in the last hour: their messages cost only a few hashes.
type records struct {
	seed    maphash.Seed
	slots   []recordSlot
	waiting []byte // standard, name, text and time of each
	spare   []byte // what the writer gave back
	hour    int64  // of the counts below
	count   int
	octets  int
	dropped int64
}

// recordSlot is a record that was written. Two names may share a slot and displace one
// another, which costs a line that is written again.
type recordSlot struct {
	name uint64
	text uint32
	at   uint32 // Unix seconds
}

func newRecords() records {
	return records{
		seed: maphash.MakeSeed(), slots: make([]recordSlot, recordSlots),
		waiting: make([]byte, 0, recordsWaiting), spare: make([]byte, 0, recordsWaiting),
	}
}

// add has the records of a row written, unless they were lately. It allocates nothing.
// Nobody asks why mail was accepted that DMARC passes, and most mail is such.
func (m *records) add(row *rows.Row, c rows.Class) {
	if c == rows.Accepted && row.Results.DMARC.Status == dmarc.Pass {
		return
	}
	at := row.Ref.Time().Unix()
	rows.EachPlace(row.Results, func(p rows.Place, text string) {
		if text != "" {
			m.addOne(p, text, at, c)
		}
	})
}

func (m *records) addOne(p rows.Place, text string, at int64, c rows.Class) {
	name := maphash.String(m.seed, p.Domain) ^ uint64(p.Standard[1])<<56
	if p.Selector != "" {
		name = name*31 + maphash.String(m.seed, p.Selector)
	}
	hash := uint32(maphash.String(m.seed, text))
	slot := &m.slots[name%recordSlots]
	if slot.name == name && slot.text == hash && at-int64(slot.at) < int64(rows.RefreshRecords/time.Second) && at >= int64(slot.at) {
		return
	}
	length := len(p.Selector) + len("._domainkey.") + len(p.Domain)
	text = text[:min(len(text), maxRecordText)]
	if !m.allow(c, at, length+len(text)) {
		m.dropped++
		return
	}
	*slot = recordSlot{name: name, text: hash, at: uint32(at)}
	for _, s := range [...]string{string(p.Standard), p.Selector, p.Domain, text} {
		m.waiting = binary.AppendUvarint(m.waiting, uint64(len(s)))
		m.waiting = append(m.waiting, s...)
	}
	m.waiting = binary.AppendVarint(m.waiting, at)
}

// allow reports whether a record of n octets may still be written in this hour, and counts
// it.
func (m *records) allow(c rows.Class, at int64, n int) bool {
	if hour := at / 3600; hour != m.hour {
		m.hour, m.count, m.octets = hour, 0, 0
	}
	share := 4
	if c == rows.Accepted {
		share = 3
	}
	if n > maxRecordName+maxRecordText || m.count >= recordsPerHour/4*share || m.octets+n > recordOctetsPerHour/4*share ||
		len(m.waiting)+n+64 > cap(m.waiting) {
		return false
	}
	m.count++
	m.octets += n
	return true
}

// take returns the records that wait, to be given back.
func (m *records) take() []byte {
	if len(m.waiting) == 0 {
		return nil
	}
	taken := m.waiting
	m.waiting, m.spare = m.spare[:0], nil
	return taken
}

// giveBack takes records back that were written, or could not be written. These are written
// when a message has them again.
func (m *records) giveBack(taken []byte, written bool) {
	m.spare = taken[:0]
	if !written {
		clear(m.slots)
	}
}

// readRecords returns the records that wait.
func readRecords(b []byte) []rows.Published {
	var all []rows.Published
	text := func() string {
		n, size := binary.Uvarint(b)
		s := string(b[size : size+int(n)])
		b = b[size+int(n):]
		return s
	}
	for len(b) > 0 {
		p := rows.Place{Standard: rows.Standard(text()), Selector: text(), Domain: text()}
		r := rows.Published{Standard: p.Standard, Name: foreign.Terminal(p.Name(), maxRecordName), Text: rows.RecordText(text())}
		at, size := binary.Varint(b)
		b = b[size:]
		r.First = time.Unix(at, 0).UTC()
		r.Last = r.First
		all = append(all, r)
	}
	return all
}

// writeRecords writes the records that wait. A failure is told once. It costs records
// alone, since the rows come first.
func (r *Recorder) writeRecords() {
	r.mu.Lock()
	taken := r.records.take()
	r.mu.Unlock()
	if taken == nil {
		return
	}
	err := r.keepRecords(readRecords(taken))
	r.mu.Lock()
	r.records.giveBack(taken, err == nil)
	r.mu.Unlock()
	if failed := err != nil; failed != r.recordsFail {
		if r.recordsFail = failed; failed {
			r.opt.Logger.Error("the DNS records beside the journal cannot be written; rows are not affected", zap.Error(err))
			return
		}
		r.opt.Logger.Info("the DNS records beside the journal can be written again")
	}
}

func (r *Recorder) keepRecords(all []rows.Published) (err error) {
	defer r.recovered(&err)
	return r.opt.Store.WriteRecords(all)
}
