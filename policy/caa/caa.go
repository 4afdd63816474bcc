// Package caa reads CAA records, which say who may issue certificates for a name (RFC
// 8659).
//
// The records of the name itself count or, without any, those of the closest name above
// that has some. [Find] goes up that way, and [Set] says what the records mean for TLS
// certificates.
package caa

import (
	"context"
	"errors"
	"strings"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/message"
)

// Record is one CAA record (RFC 8659 section 4.1).
type Record struct {
	Critical bool
	Tag      string // in lower case
	Value    string // octets
}

// ErrRecord is the error of RDATA that is no CAA record.
var ErrRecord = errors.New("caa: no CAA record")

// Parse reads the RDATA of a CAA record.
func Parse(rdata string) (Record, error) {
	if len(rdata) < 2 {
		return Record{}, ErrRecord
	}
	n := int(rdata[1])
	if n == 0 || len(rdata) < 2+n {
		return Record{}, ErrRecord
	}
	tag := dnscache.LowerASCII(rdata[2 : 2+n])
	for i := range len(tag) {
		if c := tag[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return Record{}, ErrRecord
		}
	}
	return Record{Critical: rdata[0]&0x80 != 0, Tag: tag, Value: rdata[2+n:]}, nil
}

// issuer returns the domain of the authority in an issue value, "" for nobody. A value
// that is no domain means nobody too (RFC 8659 section 4.2).
func (r Record) issuer() string {
	domain, _, _ := strings.Cut(r.Value, ";")
	name, ok := message.NormalizeASCII(strings.Trim(domain, " \t"))
	if !ok || strings.Contains(name, "_") {
		return ""
	}
	return name
}

// Set is the records that count for a name.
type Set struct {
	// Name is where they stand; "" if no name has any.
	Name string
	// Issuers are the authorities that may certify the name.
	Issuers []string
	// Open reports that anybody may, as there is no issue record.
	Open bool
	// Critical are critical tags that authorities do not know, so that none may issue.
	Critical []string
	// Bad is the number of records that cannot be read.
	Bad int
}

// Nobody reports whether no authority may issue a certificate.
func (s Set) Nobody() bool { return len(s.Critical) > 0 || !s.Open && len(s.Issuers) == 0 }

// known are the tags that authorities know (RFC 8659 section 4, RFC 8657, RFC 9495).
var known = map[string]bool{"issue": true, "issuewild": true, "iodef": true, "contactemail": true, "contactphone": true, "issuemail": true, "issuevmc": true}

// Read returns what records mean.
func Read(name string, data []string) Set {
	s := Set{Name: name, Open: true}
	for _, d := range data {
		r, err := Parse(d)
		switch {
		case err != nil:
			s.Bad++
		case r.Tag == "issue":
			s.Open = false
			if i := r.issuer(); i != "" {
				s.Issuers = append(s.Issuers, i)
			}
		case r.Critical && !known[r.Tag]:
			s.Critical = append(s.Critical, r.Tag)
		}
	}
	return s
}

// Resolver is the part of a DNS resolver that Find uses.
type Resolver interface {
	// Lookup returns an answer, at the latest when ctx ends.
	Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer
}

// maxClimb bounds the names that are looked up.
const maxClimb = 10

// Find returns the records that count for a name in lower case (RFC 8659 section 3). If a
// lookup fails, it returns its answer too: authorities then issue nothing.
func Find(ctx context.Context, r Resolver, name string) (Set, *dnscache.Answer) {
	for at, n := name, 0; at != "" && n < maxClimb; n++ {
		a := r.Lookup(ctx, at, dnscache.CAA)
		switch {
		case a.Outcome == dnscache.Found:
			return Read(at, a.Data), nil
		case !a.Outcome.Known():
			return Set{Open: true}, a
		}
		_, at, _ = strings.Cut(at, ".")
	}
	return Set{Open: true}, nil
}
