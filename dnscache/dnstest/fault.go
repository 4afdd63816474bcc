package dnstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Fault is a way in which the server answers wrongly, or several ways joined by
// commas.
type Fault string

// The faults, in the words of a $FAULT line.
const (
	ServFail Fault = "SERVFAIL"
	Refuse   Fault = "REFUSED"
	Silent   Fault = "TIMEOUT"  // no answer at all
	Deny     Fault = "NXDOMAIN" // no such name, whatever is asked for
	Truncate Fault = "TRUNCATE" // an empty answer with TC, over UDP only
	NoEDNS   Fault = "NOEDNS"   // FORMERR to queries with EDNS
	Lame     Fault = "LAME"     // a referral instead of an answer
	Garbage  Fault = "GARBAGE"  // a header that octets without meaning follow
	// WrongID and WrongQuestion send a forged answer before the right one, with
	// another ID or another question.
	WrongID       Fault = "WRONGID"
	WrongQuestion Fault = "WRONGQUESTION"
	// ForgedCase sends a forged answer before the right one, with the question in
	// lower case. It applies to UDP only.
	ForgedCase Fault = "FORGEDCASE"
	// Partial returns only the first record of a CNAME chain.
	Partial Fault = "PARTIAL"
	// Stray adds a record of another name.
	Stray Fault = "STRAY"
	// LowerCase returns the question in lower case.
	LowerCase Fault = "LOWERCASE"
	// Authentic sets the AD bit.
	Authentic Fault = "AD"
	// Bogus answers SERVFAIL unless the query has the CD bit, as a resolver does for
	// records that do not pass DNSSEC validation.
	Bogus Fault = "BOGUS"
	// SilentUnchecked gives no answer to a query with the CD bit.
	SilentUnchecked Fault = "CDTIMEOUT"
	// SilentUDP gives no answer over UDP, as a rate limit does that TCP is free of.
	SilentUDP Fault = "UDPTIMEOUT"
)

// Delay returns the fault of a late answer, "DELAY:20ms" in zone text.
func Delay(d time.Duration) Fault { return Fault("DELAY:" + d.String()) }

// Loss returns the fault of no answer to a percentage of the queries, "LOSS:30" in
// zone text. They are the same queries in every run.
func Loss(percent int) Fault { return Fault("LOSS:" + strconv.Itoa(percent)) }

// Failures returns the fault of SERVFAIL for a percentage of the queries, "FAIL:20" in
// zone text. They are the same queries in every run.
func Failures(percent int) Fault { return Fault("FAIL:" + strconv.Itoa(percent)) }

// ExtendedError returns the fault of an extended error (RFC 8914) in every response to a
// query with EDNS, "EDE:6" in zone text. Its text has octets that nobody should print.
func ExtendedError(code uint16) Fault { return Fault("EDE:" + strconv.Itoa(int(code))) }

// extraText is the text of extended errors.
const extraText = "as the test\r\n\x1b wants"

// faults are the faults for one question. The value is the nanoseconds of DELAY, the
// percentage of LOSS and FAIL, the code of EDE, and 0 for others.
type faults map[Fault]int64

func (fs faults) has(f Fault) bool { _, ok := fs[f]; return ok }

const (
	delay Fault = "DELAY"
	loss  Fault = "LOSS"
	fail  Fault = "FAIL"
	ede   Fault = "EDE"
)

// parse returns the single faults in f.
func (f Fault) parse() (faults, error) {
	if f == "" {
		return nil, nil
	}
	fs := faults{}
	for _, word := range strings.Split(string(f), ",") {
		kind, value, _ := strings.Cut(word, ":")
		switch k := Fault(kind); k {
		case ServFail, Refuse, Silent, Deny, Truncate, NoEDNS, Lame, Garbage, WrongID, WrongQuestion, ForgedCase, Partial, Stray, LowerCase, Authentic, Bogus, SilentUnchecked, SilentUDP:
			fs[k] = 0
		case delay:
			d, err := time.ParseDuration(value)
			if err != nil || d < 0 {
				return nil, fmt.Errorf("dnstest: fault %q: no such duration", word)
			}
			fs[k] = int64(d)
		case loss, fail:
			n, err := strconv.Atoi(value)
			if err != nil || n < 0 || n > 100 {
				return nil, fmt.Errorf("dnstest: fault %q: not a percentage", word)
			}
			fs[k] = int64(n)
		case ede:
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("dnstest: fault %q: not a code", word)
			}
			fs[k] = int64(n)
		default:
			return nil, fmt.Errorf("dnstest: no fault is called %q", word)
		}
	}
	return fs, nil
}

// drawLocked reports whether LOSS or FAIL applies to the next query. The numbers of
// its generator are the same in every run. The caller holds s.mu.
func (s *Server) drawLocked(fs faults, f Fault) bool {
	percent := fs[f]
	if percent == 0 {
		return false
	}
	s.chance = s.chance*1664525 + 1013904223
	return int64(s.chance>>16)*100>>16 < percent
}

// apply changes an answer according to the faults. The server sends raw before the
// answer, or instead of it for Garbage, unless raw is nil.
func (s *Server) apply(m *dns.Msg, fs faults, udp, edns bool) (raw []byte) {
	if d := fs[delay]; d > 0 {
		t := time.NewTimer(time.Duration(d))
		select {
		case <-t.C:
		case <-s.ended:
			t.Stop()
		}
	}
	if fs.has(Stray) {
		rr, err := dns.NewRR("stray.invalid. 60 IN " + dns.TypeToString[m.Question[0].Qtype] + strayData[m.Question[0].Qtype])
		if err == nil && rr != nil {
			m.Answer = append([]dns.RR{rr}, m.Answer...)
			m.Extra = append(m.Extra, rr)
		}
	}
	if fs.has(WrongID) || fs.has(WrongQuestion) || fs.has(ForgedCase) && udp {
		forged := m.Copy()
		forged.Answer, forged.Ns, forged.Rcode = nil, nil, dns.RcodeNameError
		if fs.has(WrongID) {
			forged.Id++
		}
		if fs.has(WrongQuestion) {
			forged.Question[0].Name = "forged.invalid."
		}
		if fs.has(ForgedCase) {
			forged.Question[0].Name = strings.ToLower(forged.Question[0].Name)
		}
		raw, _ = forged.Pack()
	}
	m.AuthenticatedData = fs.has(Authentic) && !m.CheckingDisabled
	if opt := m.IsEdns0(); opt != nil && fs.has(ede) {
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: uint16(fs[ede]), ExtraText: extraText})
	}
	if fs.has(LowerCase) {
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
	}
	empty := func(rcode int) { m.Answer, m.Ns, m.Rcode = nil, nil, rcode }
	switch {
	case fs.has(ServFail), fs.has(Bogus) && !m.CheckingDisabled:
		empty(dns.RcodeServerFailure)
	case fs.has(Deny):
		empty(dns.RcodeNameError)
	case fs.has(Refuse):
		empty(dns.RcodeRefused)
	case fs.has(NoEDNS) && edns:
		empty(dns.RcodeFormatError)
		m.Extra = nil
	case fs.has(Truncate) && udp:
		empty(dns.RcodeSuccess)
		m.Truncated = true
	case fs.has(Lame):
		empty(dns.RcodeSuccess)
		m.RecursionAvailable, m.Authoritative = false, false
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60}, Ns: "ns.invalid."}}
	case fs.has(Garbage):
		// The header announces the largest number of answers. The name after it is
		// a compression pointer to itself.
		raw, _ = m.Pack()
		raw = append(raw[:min(len(raw), 12)], 0xc0, 0x0c, 0xff, 0xff)
		raw[6], raw[7] = 0xff, 0xff
	}
	return raw
}

// strayData is the data of the records that Stray adds, by type.
var strayData = map[uint16]string{
	dns.TypeA:    " 203.0.113.66",
	dns.TypeAAAA: " 2001:db8::66",
	dns.TypeTXT:  ` "v=spf1 +all"`,
	dns.TypeMX:   " 0 stray.invalid.",
	dns.TypePTR:  " stray.invalid.",
	dns.TypeNS:   " stray.invalid.",
}
