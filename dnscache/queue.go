package dnscache

// queue is a list of entries from the newest, at the head, to the oldest.
type queue struct {
	head, tail *entry
	bytes      int64
}

func (q *queue) push(e *entry) {
	e.newer, e.older = nil, q.head
	if q.head != nil {
		q.head.newer = e
	} else {
		q.tail = e
	}
	q.head = e
	q.bytes += e.cost
}

func (q *queue) unlink(e *entry) {
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		q.head = e.older
	}
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		q.tail = e.newer
	}
	e.newer, e.older = nil, nil
	q.bytes -= e.cost
}

// replace puts e in the place of old.
func (q *queue) replace(old, e *entry) {
	e.newer, e.older, e.inMain = old.newer, old.older, old.inMain
	if e.newer != nil {
		e.newer.older = e
	} else {
		q.head = e
	}
	if e.older != nil {
		e.older.newer = e
	} else {
		q.tail = e
	}
	old.newer, old.older = nil, nil
	q.bytes += e.cost - old.cost
}

// ghosts has the hashes of entries that the small queue evicted. Such an entry goes to the
// main queue when it is put again. A later hash replaces an earlier one in its place.
type ghosts []uint32

var ghostSize = sizeOf[uint32]()

func (g ghosts) at(hash uint64) (*uint32, uint32) {
	return &g[hash&uint64(len(g)-1)], uint32(hash>>24) | 1
}

func (g ghosts) add(hash uint64) {
	p, mark := g.at(hash)
	*p = mark
}

// take reports whether a hash is in ghosts, and removes it.
func (g ghosts) take(hash uint64) bool {
	p, mark := g.at(hash)
	if *p != mark {
		return false
	}
	*p = 0
	return true
}
