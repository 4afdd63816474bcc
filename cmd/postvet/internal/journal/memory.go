package journal

import "github.com/postvet/postvet/cmd/postvet/internal/journal/rows"

// chunkSize is the size of a part of the memory for rows that wait.
const chunkSize = 64 << 10

// chunk holds whole rows of one class.
type chunk struct {
	b    []byte
	rows int
	// counted are the octets of those that were counted, and countedRows their number.
	counted, countedRows int
}

// reset empties a chunk.
func (k *chunk) reset() { *k = chunk{b: k.b[:0]} }

// memory holds the rows that wait to be written, in at most most chunks. Rest takes
// chunks from accepted mail, so that no row of it is lost while one of accepted mail is
// kept. Each class keeps its newest rows.
type memory struct {
	most    int
	made    int // chunks, in use or free
	free    []*chunk
	waiting [rows.Classes][]*chunk // the last one is being filled
	count   [rows.Classes]int      // of rows that wait
	dropped [rows.Classes]int64
	missed  int64 // rows that were dropped before they were counted
}

// room returns the chunk for the next row of a class; nil if there is none.
func (m *memory) room(c rows.Class) *chunk {
	if all := m.waiting[c]; len(all) > 0 {
		if last := all[len(all)-1]; cap(last.b)-len(last.b) >= rows.MaxRow {
			return last
		}
	}
	k := m.take(c)
	if k == nil {
		m.dropped[c]++
		m.missed++
		return nil
	}
	m.waiting[c] = append(m.waiting[c], k)
	return k
}

// take returns an empty chunk for a class: a free one, or else the oldest one of accepted
// mail, or of the class itself.
func (m *memory) take(c rows.Class) *chunk {
	switch {
	case len(m.free) > 0:
		k := m.free[len(m.free)-1]
		m.free = m.free[:len(m.free)-1]
		return k
	case m.made < m.most:
		m.made++
		return &chunk{b: make([]byte, 0, chunkSize)}
	case len(m.waiting[rows.Accepted]) > 0:
		return m.drop(rows.Accepted)
	case len(m.waiting[c]) > 0:
		return m.drop(c)
	}
	return nil
}

// drop empties the oldest chunk of a class, and counts its rows as lost.
func (m *memory) drop(c rows.Class) *chunk {
	k := m.waiting[c][0]
	m.waiting[c] = append(m.waiting[c][:0], m.waiting[c][1:]...)
	m.count[c] -= k.rows
	m.dropped[c] += int64(k.rows)
	m.missed += int64(k.rows - k.countedRows)
	k.reset()
	return k
}

// uncounted appends the rows of the first chunk that has any which are not counted, and notes
// that they are.
func (m *memory) uncounted(b []byte) []byte {
	for _, all := range m.waiting {
		for _, k := range all {
			if k.countedRows < k.rows {
				b = append(b, k.b[k.counted:]...)
				k.counted, k.countedRows = len(k.b), k.rows
				return b
			}
		}
	}
	return b
}

// takeAll returns all chunks of a class that wait, to be written.
func (m *memory) takeAll(c rows.Class, into []*chunk) []*chunk {
	into = append(into, m.waiting[c]...)
	m.waiting[c] = m.waiting[c][:0]
	m.count[c] = 0
	return into
}

// giveBack frees chunks that were written.
func (m *memory) giveBack(chunks []*chunk) {
	for _, k := range chunks {
		k.reset()
		m.free = append(m.free, k)
	}
}

// putBack has chunks wait again, in front of those that came meanwhile.
func (m *memory) putBack(c rows.Class, chunks []*chunk) {
	for _, k := range chunks {
		m.count[c] += k.rows
	}
	m.waiting[c] = append(append([]*chunk(nil), chunks...), m.waiting[c]...)
}

// octets returns the size of the rows that wait.
func (m *memory) octets() (n int) {
	for _, all := range m.waiting {
		for _, k := range all {
			n += len(k.b)
		}
	}
	return n
}
