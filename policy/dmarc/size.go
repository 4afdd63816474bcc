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

// publishedSize is the approximate size of Record.Published: a map of at most
// three texts, which the answer holds.
const publishedSize = 336

// wrappedSize is the size of an error of fmt.Errorf without its text.
const wrappedSize = 48

// Size returns the memory of s without the DNS answer, whose text the values of
// the record share.
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
