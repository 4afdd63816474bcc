// Package dane reads TLSA records and compares them with certificates, as a sending
// server does that delivers mail by DANE (RFC 7672).
//
// The owner of a mail exchanger publishes in a signed zone which certificates or
// public keys its server has. A sender that finds usable records there delivers only
// to a server with one of them, so that nobody on the way can take its place.
//
// [Parse] takes the RDATA of one record. [Verify] compares a record set with the
// certificates of a server. Both only calculate: whether the records are signed is
// known to the resolver alone, and unsigned ones must not be used.
package dane

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Usage says which certificate of the chain a record is about (RFC 6698 section
// 2.1.1).
type Usage uint8

// The usages, by the names of RFC 7218.
const (
	PKIXTA Usage = 0 // a public authority; not for mail
	PKIXEE Usage = 1 // the server, certified by a public authority too; not for mail
	DANETA Usage = 2 // an authority of the chain
	DANEEE Usage = 3 // the server itself
)

// Selector says what of a certificate is compared (RFC 6698 section 2.1.2).
type Selector uint8

// The selectors, by the names of RFC 7218.
const (
	Cert Selector = 0
	SPKI Selector = 1 // the public key, which may outlive a certificate
)

// Matching says how it is compared (RFC 6698 section 2.1.3).
type Matching uint8

// The matching types, by the names of RFC 7218.
const (
	Full   Matching = 0
	SHA256 Matching = 1
	SHA512 Matching = 2
)

// Record is one TLSA record.
type Record struct {
	Usage    Usage
	Selector Selector
	Matching Matching
	// Data is a certificate, a public key, or a digest of one.
	Data string
}

// maxData bounds the data of a record: no certificate is that long.
const maxData = 32 << 10

// ErrRecord is the error of RDATA that is no TLSA record.
var ErrRecord = errors.New("dane: no TLSA record")

// Parse reads the RDATA of a TLSA record (RFC 6698 section 2.1). It does not say
// whether the record can be used, see [Record.Unusable].
func Parse(rdata string) (Record, error) {
	if len(rdata) < 3 || len(rdata) > 3+maxData {
		return Record{}, ErrRecord
	}
	return Record{Usage(rdata[0]), Selector(rdata[1]), Matching(rdata[2]), rdata[3:]}, nil
}

// String returns the record in the form of a zone file (RFC 6698 section 2.2), data
// in lower case.
func (r Record) String() string {
	return fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, hex.EncodeToString([]byte(r.Data)))
}

// ParseText reads a record in the form of a zone file.
func ParseText(text string) (Record, error) {
	var u, s, m uint8
	f := strings.Fields(text)
	if len(f) < 4 {
		return Record{}, ErrRecord
	}
	if n, err := fmt.Sscanf(strings.Join(f[:3], " "), "%d %d %d", &u, &s, &m); n != 3 || err != nil {
		return Record{}, ErrRecord
	}
	data, err := hex.DecodeString(strings.Join(f[3:], ""))
	if err != nil {
		return Record{}, ErrRecord
	}
	return Parse(string([]byte{u, s, m}) + string(data))
}

// Unusable returns why senders ignore the record (RFC 7672 section 3.1); "" if they
// use it.
func (r Record) Unusable() string {
	switch {
	case r.Usage == PKIXTA || r.Usage == PKIXEE:
		// RFC 7672 section 3.1.3.
		return fmt.Sprintf("usage %d is not for mail: only 2 (DANE-TA) and 3 (DANE-EE) are", r.Usage)
	case r.Usage > DANEEE:
		return fmt.Sprintf("usage %d has no meaning", r.Usage)
	case r.Selector > SPKI:
		return fmt.Sprintf("selector %d has no meaning", r.Selector)
	case r.Matching > SHA512:
		return fmt.Sprintf("matching type %d has no meaning", r.Matching)
	}
	return r.malformed()
}

// malformed returns what is wrong with the data; "" if it may be right.
func (r Record) malformed() string {
	want := map[Matching]int{SHA256: sha256.Size, SHA512: sha512.Size}[r.Matching]
	other := map[int]string{sha256.Size: ", which is the length of SHA-256 (matching type 1)", sha512.Size: ", which is the length of SHA-512 (matching type 2)"}[len(r.Data)]
	switch {
	case r.Matching == Full && r.Selector == Cert:
		if _, err := x509.ParseCertificate([]byte(r.Data)); err != nil {
			return "its data is no certificate" + other
		}
		return ""
	case r.Matching == Full:
		if _, err := x509.ParsePKIXPublicKey([]byte(r.Data)); err != nil {
			return "its data is no public key" + other
		}
		return ""
	case len(r.Data) != want && len(r.Data) == 2*want:
		return fmt.Sprintf("its digest has %d octets instead of %d%s, or it was written in hexadecimal twice", len(r.Data), want, other)
	case len(r.Data) == 1:
		return fmt.Sprintf("its digest has 1 octet instead of %d", want)
	case len(r.Data) != want:
		return fmt.Sprintf("its digest has %d octets instead of %d%s", len(r.Data), want, other)
	case r.Data == string(digest(r.Matching, nil)):
		return "its digest is that of nothing: the file was empty when it was made"
	case strings.Count(r.Data, r.Data[:1]) == len(r.Data):
		return "its digest is a filler, not one of a certificate"
	}
	return ""
}

// digest returns the digest of data by a matching type, and data itself for Full.
func digest(m Matching, data []byte) []byte {
	switch m {
	case SHA256:
		d := sha256.Sum256(data)
		return d[:]
	case SHA512:
		d := sha512.Sum512(data)
		return d[:]
	}
	return data
}

// Of returns the record that a certificate matches.
func Of(c *x509.Certificate, u Usage, s Selector, m Matching) Record {
	data := c.Raw
	if s == SPKI {
		data = c.RawSubjectPublicKeyInfo
	}
	return Record{u, s, m, string(digest(m, data))}
}

// Matches reports whether the certificate is the one of the record, whatever its
// usage.
func (r Record) Matches(c *x509.Certificate) bool { return r == Of(c, r.Usage, r.Selector, r.Matching) }
