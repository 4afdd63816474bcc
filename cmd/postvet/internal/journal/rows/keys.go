package rows

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
)

// Key is the secret of a month, by which addresses are hashed.
type Key [32]byte

// KeyLength is the number of octets of a hash.
const KeyLength = 6

// Hash returns the hash of an address, or of a Message-ID; never 0. It has 48 bits: with
// ten million rows, one in 28 million searches finds a row of another address.
func (k *Key) Hash(s string) int64 {
	var room [512]byte
	b := append(room[:0], k[:]...)
	b = append(b, s...)
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:8])>>16 | 1)
}

// AppendKey appends a hash to those of other recipients.
func AppendKey(b []byte, hash int64) []byte {
	var all [8]byte
	binary.BigEndian.PutUint64(all[:], uint64(hash))
	return append(b, all[len(all)-KeyLength:]...)
}

// Address returns the form of an address in which it is hashed: without its case, which
// hardly any server heeds, and without a route.
func Address(path string) string {
	local, domain := message.SplitPath(path)
	if name, ok := message.NormalizeDomain(domain); ok {
		domain = name
	}
	return strings.ToLower(local) + "@" + domain
}

// MessageID returns the form of a Message-ID in which it is kept and hashed: without its
// angle brackets.
func MessageID(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || s[0] != '<' || s[len(s)-1] != '>' {
		return foreign.Terminal(s, maxText)
	}
	return foreign.Terminal(s[1:len(s)-1], maxText)
}

// keyer sets the keys of records and shortens addresses as a level has it.
type keyer struct {
	level Level
	key   *Key
	room  []byte // for the recipients' keys of one record
	facts []byte // for its facts
}

// apply changes a record with whole addresses to one that is kept, until the next call.
func (k *keyer) apply(rec *Record) {
	k.facts = appendPacked(k.facts[:0], rec[ColFacts].Octets)
	rec[ColFacts].Octets = k.facts
	if k.level == Domains || k.key == nil {
		return
	}
	k.room = k.room[:0]
	if id := rec[ColMessageID].Octets; len(id) > 0 {
		rec[ColMessageKey].Int = k.key.Hash(string(id))
	}
	if from := string(rec[ColMailFrom].Octets); from != "<>" {
		rec[ColMailFromKey].Int = k.key.Hash(Address(from))
	}
	k.recipients(rec)
	if k.level == Addresses {
		return
	}
	rec[ColMessageID].Octets = nil
	if from := string(rec[ColMailFrom].Octets); from != "<>" {
		rec[ColMailFrom].Octets = []byte(foreign.Terminal(domainOf(from), 255))
	}
}

// recipients sets the keys of the recipients, and has each domain once if addresses are
// not kept.
func (k *keyer) recipients(rec *Record) {
	domains := make([]byte, 0, 64)
	for to := range strings.FieldsSeq(string(rec[ColRcpt].Octets)) {
		k.room = AppendKey(k.room, k.key.Hash(Address(to)))
		if domain := domainOf(to); domain != "" && !hasWord(domains, domain) {
			if len(domains) > 0 {
				domains = append(domains, ' ')
			}
			domains = append(domains, domain...)
		}
	}
	rec[ColRcptKeys].Octets = k.room
	if k.level != Addresses {
		rec[ColRcpt].Octets = domains
	}
}

// hasWord reports whether a text has a word between blanks.
func hasWord(text []byte, word string) bool {
	for w := range strings.FieldsSeq(string(text)) {
		if w == word {
			return true
		}
	}
	return false
}
