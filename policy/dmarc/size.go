package dmarc

import "reflect"

var (
	recordSetSize = int(reflect.TypeFor[recordSet]().Size())
	recordSize    = int(reflect.TypeFor[Record]().Size())
	stringSize    = int(reflect.TypeFor[string]().Size())
)

// publishedSize is the approximate size of Record.Published: a map of at most
// three texts, which the answer holds.
const publishedSize = 336

// Size returns the memory of s without the DNS answer, whose text the values of
// the record share.
func (s *recordSet) Size() int {
	n := recordSetSize
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
