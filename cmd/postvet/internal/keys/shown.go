package keys

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
)

// Sight is what one name server shows at the name of a key.
type Sight uint8

// What a server shows.
const (
	SeesNothing Sight = iota // it could not be asked
	SeesKey                  // the key, fit to sign
	SeesNoRecord
	SeesRevoked // a record without a key: p= is empty
	SeesOther   // another record, or several
)

// Shown is what all name servers show of a key.
type Shown struct {
	Sights []Sight
	// Words say of each server what it shows, in the order of Sights.
	Words []string
	// TTL is the greatest of the records, NegativeTTL how long others may remember that
	// there was none.
	TTL, NegativeTTL time.Duration
}

// All reports whether every server could be asked and shows the same.
func (s Shown) All(w Sight) bool {
	return len(s.Sights) > 0 && !slices.ContainsFunc(s.Sights, func(x Sight) bool { return x != w })
}

// Any reports whether a server shows it.
func (s Shown) Any(w Sight) bool { return slices.Contains(s.Sights, w) }

// Lacks reports whether a server could be asked and does not show the key.
func (s Shown) Lacks() bool { return s.Any(SeesNoRecord) || s.Any(SeesRevoked) || s.Any(SeesOther) }

// Differs reports whether servers contradict one another.
func (s Shown) Differs() bool {
	var first Sight
	for _, x := range s.Sights {
		switch {
		case x == SeesNothing:
		case first == SeesNothing:
			first = x
		case x != first:
			return true
		}
	}
	return false
}

// Problem returns sentences about the servers that do not show the wanted thing.
func (s Shown) Problem(want Sight) string {
	var list []string
	for i, x := range s.Sights {
		if x != want {
			list = append(list, s.Words[i])
		}
	}
	const most = 3
	if n := len(list); n > most {
		list = append(list[:most], fmt.Sprintf("and %d more", n-most))
	}
	return strings.Join(list, "; ")
}

// Compare compares what name servers show with the key that has a fingerprint.
func Compare(v *servers.View, fingerprint string) Shown {
	s := Shown{NegativeTTL: v.NegativeTTL}
	for _, a := range v.Answers {
		sight, words := SeesOther, ""
		switch {
		case a.Err != nil:
			sight, words = SeesNothing, "could not be asked: "+foreign.Line(a.Err.Error(), 200)
		case a.Alias != "":
			words = "has an alias to " + foreign.Word(a.Alias, 255)
		case len(a.Records) == 0:
			sight, words = SeesNoRecord, "has no record"
		case len(a.Records) > 1:
			words = fmt.Sprintf("has %d records", len(a.Records))
		default:
			s.TTL = max(s.TTL, a.Records[0].TTL)
			sight, words = compareRecord(a.Records[0].Text, fingerprint)
		}
		s.Sights = append(s.Sights, sight)
		s.Words = append(s.Words, foreign.Line(a.Server, 300)+" "+words)
	}
	return s
}

func compareRecord(text, fingerprint string) (Sight, string) {
	record, err := dkim.ParseKey(text)
	switch {
	case err != nil:
		return SeesOther, "has a record that is no key"
	case record.Revoked:
		return SeesRevoked, "shows that the key is revoked"
	case FingerprintOf(record.Public) != fingerprint:
		return SeesOther, "shows another key"
	}
	if err := record.Serves(&dkim.Signature{Algorithm: record.Type + "-sha256"}, dkim.Options{}); err != nil {
		return SeesOther, "keeps the key from signing: " + strings.TrimPrefix(err.Error(), "dkim: ")
	}
	return SeesKey, "shows the key"
}

// FingerprintOf returns [Key.Fingerprint] for a public key, "" if it is none.
func FingerprintOf(public crypto.PublicKey) string {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}

// RevokedRecord returns the record that revokes a key of a type (RFC 6376 section 3.6.1).
func RevokedRecord(kind string) string { return "v=DKIM1; k=" + kind + "; p=" }

// IsRecordOf reports whether a record shows the key with a fingerprint, or revokes one.
func IsRecordOf(text, fingerprint string) bool {
	record, err := dkim.ParseKey(text)
	return err == nil && (record.Revoked || FingerprintOf(record.Public) == fingerprint)
}
