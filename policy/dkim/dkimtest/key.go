// Package dkimtest has keys for benchmarks of what signs. Only tests use it.
package dkimtest

import (
	"crypto"
	"crypto/rsa"
	"io"
)

// UnsignedKey has the public half of a key and signs nothing, so that the work around the
// signature is left.
type UnsignedKey struct{ *rsa.PublicKey }

// Public implements [crypto.Signer].
func (k UnsignedKey) Public() crypto.PublicKey { return k.PublicKey }

// Sign implements [crypto.Signer]. It returns as many octets as a signature has.
func (k UnsignedKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return make([]byte, k.Size()), nil
}
