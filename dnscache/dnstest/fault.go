package dnstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Fault is a way to answer wrongly, or several ways joined by commas.
type Fault string

// The faults, in the words that a $FAULT line uses.
const (
	ServFail Fault = "SERVFAIL"
	Refuse   Fault = "REFUSED"
	Silent   Fault = "TIMEOUT"  // no answer at all
	Truncate Fault = "TRUNCATE" // over UDP an empty answer with TC
	NoEDNS   Fault = "NOEDNS"   // FORMERR to queries with EDNS
	Lame     Fault = "LAME"     // a referral instead of an answer
	Garbage  Fault = "GARBAGE"  // a header, then nonsense
	// Before the answer comes one with another id, or to another question.
	WrongID       Fault = "WRONGID"
	WrongQuestion Fault = "WRONGQUESTION"
	// ForgedCase is WrongQuestion with the right one in lower case, over UDP.
	ForgedCase Fault = "FORGEDCASE"
	// Partial gives only the first link of a CNAME chain.
	Partial Fault = "PARTIAL"
	// Stray adds records of a name that was not asked for.
	Stray Fault = "STRAY"
	// LowerCase repeats the question in lower case.
	LowerCase Fault = "LOWERCASE"
	// Authentic sets the AD bit.
	Authentic Fault = "AD"
)

// Delay returns the fault of answering late, in zone text "DELAY:20ms".
func Delay(d time.Duration) Fault { return Fault("DELAY:" + d.String()) }

// Loss returns the fault of not answering so many percent of the queries, in zone
// text "LOSS:30". They are the same in every run.
func Loss(percent int) Fault { return Fault("LOSS:" + strconv.Itoa(percent)) }

// Failures returns the fault of answering SERVFAIL to so many percent of the queries,
// in zone text "FAIL:20". They are the same in every run.
func Failures(percent int) Fault { return Fault("FAIL:" + strconv.Itoa(percent)) }

// faults are those that apply to one question.
type faults map[Fault]int64 // DELAY in ns, LOSS and FAIL in percent

func (fs faults) has(f Fault) bool { _, ok := fs[f]; return ok }

const (
	delay Fault = "DELAY"
	loss  Fault = "LOSS"
	fail  Fault = "FAIL"
)

func (f Fault) parse() (faults, error) {
	if f == "" {
		return nil, nil
	}
	fs := faults{}
	for _, word := range strings.Split(string(f), ",") {
		kind, value, _ := strings.Cut(word, ":")
		switch k := Fault(kind); k {
		case ServFail, Refuse, Silent, Truncate, NoEDNS, Lame, Garbage, WrongID, WrongQuestion, ForgedCase, Partial, Stray, LowerCase, Authentic:
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
		default:
			return nil, fmt.Errorf("dnstest: no fault is called %q", word)
		}
	}
	return fs, nil
}

// drawLocked decides whether a query is one of those to which loss or fail applies.
func (s *Server) drawLocked(fs faults, f Fault) bool {
	percent := fs[f]
	if percent == 0 {
		return false
	}
	s.chance = s.chance*1664525 + 1013904223
	return int64(s.chance>>16)*100>>16 < percent
}

// apply puts the faults into an answer. raw, if any, is sent before the answer, or
// instead of it if the fault is Garbage.
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
	if fs.has(Authentic) {
		m.AuthenticatedData = true
	}
	if fs.has(LowerCase) {
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
	}
	empty := func(rcode int) { m.Answer, m.Ns, m.Rcode = nil, nil, rcode }
	switch {
	case fs.has(ServFail):
		empty(dns.RcodeServerFailure)
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
		m.RecursionAvailable = false
		m.Ns = []dns.RR{&dns.NS{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: 60}, Ns: "ns.invalid."}}
	case fs.has(Garbage):
		// The header announces as many answers as it can, and the name points to
		// itself.
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
