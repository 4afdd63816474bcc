package spf

import (
	"errors"
	"reflect"
)

var (
	publicationSize = int(reflect.TypeFor[publication]().Size())
	syntaxErrorSize = int(reflect.TypeFor[SyntaxError]().Size())
	recordSize      = int(reflect.TypeFor[Record]().Size())
	termSize        = int(reflect.TypeFor[Term]().Size())
	partSize        = int(reflect.TypeFor[part]().Size())
)

// Size returns the memory of p without the DNS answer, whose text the terms
// share.
func (p *publication) Size() int {
	n := publicationSize
	if wrong := (*SyntaxError)(nil); errors.As(p.err, &wrong) {
		n += syntaxErrorSize + len(wrong.Problem)
	}
	if p.record != nil {
		n += recordSize + cap(p.record.Terms)*termSize
		for i := range p.record.Terms {
			n += cap(p.record.Terms[i].spec.parts) * partSize
		}
	}
	return n
}
