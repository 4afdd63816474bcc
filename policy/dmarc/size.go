package dmarc

import (
	"errors"
	"reflect"
)

var (
	recordSetSize = int(reflect.TypeFor[recordSet]().Size())
	recordSize    = int(reflect.TypeFor[Record]().Size())
	stringSize    = int(reflect.TypeFor[string]().Size())
)

// publishedSize is about what Record.Published takes: a map of at most three
// texts, which are the answer's.
const publishedSize = 336

// wrappedSize is what an error of fmt.Errorf takes beside its text.
const wrappedSize = 48

// Size returns the memory that s takes beside the DNS answer, whose text the
// values of the record share.
func (s *recordSet) Size() int {
	n := recordSetSize
	if s.dropped != nil && !errors.Is(s.dropped, ErrSeveral) {
		n += wrappedSize + len(s.dropped.Error())
	}
	r := s.record
	if r == nil {
		return n
	}
	n += recordSize + publishedSize + (cap(r.RUA)+cap(r.RUF)+cap(r.Problems))*stringSize
	for _, problem := range r.Problems {
		n += len(problem)
	}
	return n
}
