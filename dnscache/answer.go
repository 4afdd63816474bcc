package dnscache

import (
	"net/netip"
	"time"
)

// Outcome is how a question ended. The zero value is not an outcome.
type Outcome uint8

// The outcomes. Found, NoData and NXDomain are statements of the DNS about the name.
// The others are failures, which say nothing about the name.
const (
	// Found: the name has at least one record of the type.
	Found Outcome = iota + 1
	// NoData: the name exists, without a record of this type (RFC 2308 section 2.2).
	NoData
	// NXDomain: the name does not exist, nor anything below it (RFC 8020).
	NXDomain
	// ServFail: all servers that were queried returned a failure or an invalid
	// response.
	ServFail
	// Refused: the servers refuse to answer this host.
	Refused
	// Timeout: no usable answer arrived in time, or the caller's context ended.
	Timeout
)

// Known reports whether the outcome is a statement of the DNS about the name.
func (o Outcome) Known() bool { return o == Found || o == NoData || o == NXDomain }

// Void reports whether the DNS says that there is no such record (the "void
// lookup" of RFC 7208 section 4.6.4).
func (o Outcome) Void() bool { return o == NoData || o == NXDomain }

// Temporary reports whether a later lookup may succeed.
func (o Outcome) Temporary() bool { return !o.Known() }

// String returns the name that logs, traces and JSON use.
func (o Outcome) String() string {
	switch o {
	case Found:
		return "found"
	case NoData:
		return "no data"
	case NXDomain:
		return "nxdomain"
	case ServFail:
		return "servfail"
	case Refused:
		return "refused"
	case Timeout:
		return "timeout"
	}
	return "unset"
}

// Type is the type of record that is asked for, with the numbers of the DNS.
type Type uint16

// The types that can be asked for.
const (
	A    Type = 1
	NS   Type = 2
	PTR  Type = 12
	MX   Type = 15
	TXT  Type = 16
	AAAA Type = 28
	TLSA Type = 52
	CAA  Type = 257
)

// String returns the type's usual mnemonic.
func (t Type) String() string {
	switch t {
	case A:
		return "A"
	case NS:
		return "NS"
	case PTR:
		return "PTR"
	case MX:
		return "MX"
	case TXT:
		return "TXT"
	case AAAA:
		return "AAAA"
	case TLSA:
		return "TLSA"
	case CAA:
		return "CAA"
	}
	return "TYPE?"
}

// Exchange is one MX record. Host has no trailing dot; it is empty for the
// null MX of RFC 7505.
type Exchange struct {
	Preference uint16
	Host       string
}

// Answer is the answer to one question. Callers share it and must not modify it.
//
// Only the field for the type of the question is set among TXT, Addrs, MX, Names and
// Data, and only if Outcome is Found. It has each record once, even if a server sends it twice
// (RFC 2181 section 5). Canonical is set with every outcome. Names are in lower case,
// without the final dot. A name with unusual octets in its labels is in the presentation
// form of RFC 1035 section 5.1, with backslashes, and cannot be looked up in that form.
type Answer struct {
	Outcome Outcome
	// Err is the reason of a failure. It is nil if Outcome is Known, except for
	// [ErrName].
	Err error
	// Cause is whose failure it is. It is 0 if Outcome is Known, and for a caller that
	// gave up.
	Cause Cause

	TXT   []string     // one per record, its strings joined without a space, as raw bytes
	Addrs []netip.Addr // A or AAAA, never IPv4-mapped
	MX    []Exchange   // by preference, then by host
	Names []string     // PTR or NS, in the order received
	Data  []string     // TLSA or CAA: the octets of each record's RDATA, in the order received

	// Canonical is the end of the CNAME chain, empty if there was none.
	Canonical string
	// Authentic is the AD bit, as far as the upstreams are trusted.
	Authentic bool
	// Stale is true if the TTL has ended, and the answer is served because the
	// servers fail (RFC 8767).
	Stale bool
	// Cached is true if the answer was in the cache. It is false for a call that
	// waited for a query, whether its own or that of another call.
	Cached bool
	// Expires is when the TTL ends.
	Expires time.Time

	entry *entry // in the cache; nil if there is none
}

// Copy returns an answer whose records the caller may replace by others. Evaluators keep what
// they parsed with an answer; the copy has nothing of that, as it is made of the old records.
func (a *Answer) Copy() *Answer {
	b := *a
	b.entry = nil
	return &b
}
