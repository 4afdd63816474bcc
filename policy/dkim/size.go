package dkim

import (
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"reflect"
)

var (
	parsedAnswerSize = int(reflect.TypeFor[parsedAnswer]().Size())
	keySize          = int(reflect.TypeFor[Key]().Size())
	rsaSize          = int(reflect.TypeFor[rsa.PublicKey]().Size() + reflect.TypeFor[big.Int]().Size())
	wordSize         = int(reflect.TypeFor[big.Word]().Size())
	sliceSize        = int(reflect.TypeFor[[]byte]().Size())
	stringSize       = int(reflect.TypeFor[string]().Size())
)

// Size returns the octets of memory that p takes. It leaves out the text of the DNS
// answer, which the strings of the key share.
func (p *parsedAnswer) Size() int {
	n := parsedAnswerSize + len(p.err)
	if p.key == nil {
		return n
	}
	n += keySize + (cap(p.key.Hashes)+cap(p.key.Services)+cap(p.key.Oddities))*stringSize
	for _, odd := range p.key.Oddities {
		n += len(odd)
	}
	switch public := p.key.Public.(type) {
	case *rsa.PublicKey:
		n += rsaSize + cap(public.N.Bits())*wordSize
	case ed25519.PublicKey:
		n += sliceSize + cap(public)
	}
	return n
}
