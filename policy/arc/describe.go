package arc

import (
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// describe returns Result.Sets. It also verifies the signatures on which the result
// does not depend.
func (v *Verifier) describe() []Set {
	var list []Set
	var digests [][]byte
	if v.broken == nil && len(v.sets) > 0 {
		digests, _ = sealDigests(v.sets)
	}
	for i, s := range v.sets {
		// NewVerifier registers no body hashes below an invalid message signature.
		hashed := len(s.message) > 0 && s.message[0].body != nil
		d := Set{Instance: s.instance, Results: foreign.Cut(unfolded(s.field[results]), 303)}
		if s.seal != nil {
			d.Sealer = s.seal.Domain
		}
		if digests == nil {
			d.Seal, d.Message = "not verified", "not verified"
		} else {
			if err := v.verifyDigest(s.seal, digests[i]); err != nil {
				d.Seal = unprefixed(err).Error()
			}
			if err := v.verifyMessage(s); s.messageErr == nil && !hashed {
				d.Message = "not verified"
			} else if err != nil {
				d.Message = unprefixed(err).Error()
			}
		}
		list = append(list, d)
	}
	return list
}

// unfolded returns the value of a field on one line.
func unfolded(f message.Field) string { return strings.Join(strings.Fields(f.Value()), " ") }
