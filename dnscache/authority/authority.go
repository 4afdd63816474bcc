// Package authority speaks to the authoritative name servers of a zone, one by one.
//
// A resolver shows what one of these servers said some time ago. A publisher of a
// record wants to know what each of them says now, without a cache between, and without
// leaving "no such name" in the caches of resolvers. [Ask] asks one server for the TXT
// records of a name. [Update] changes them by dynamic update (RFC 2136), signed with a
// [Key] (RFC 8945).
//
// Servers are foreign: what they answer is bounded, and nothing of it is believed beyond
// the name that was asked for.
package authority

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of what one server can make us read.
const (
	maxRecords = 16
	maxText    = 16 << 10
	maxServers = 16
)

// Reply is what one server says about the TXT records of a name.
type Reply struct {
	// Records are the TXT records; none if the server says that there are none.
	Records []Record
	// Alias is the target of a CNAME that stands at the name.
	Alias string
	// Zone is the zone of the name, if the server named it. NegativeTTL is how long
	// others may remember that there is no such record (RFC 2308 section 5).
	Zone        string
	NegativeTTL time.Duration
	// Servers are the name servers of Zone, if the server refers to them instead of
	// answering.
	Servers []string
}

// Record is a TXT record, its strings joined.
type Record struct {
	Text string
	TTL  time.Duration

	rr *dns.TXT
}

// Timeout bounds one query with its retries.
const Timeout = 8 * time.Second

// transports are tried in turn.
var transports = []struct {
	net     string
	timeout time.Duration
}{{"udp", time.Second}, {"udp", 2 * time.Second}, {"tcp", 5 * time.Second}}

// Ask asks the server at an address for the TXT records of a name, over UDP and, if that
// fails or the answer is truncated, over TCP. The error says that the server gave no
// answer of its own: it is down, refuses, fails, or is not authoritative.
func Ask(ctx context.Context, addr netip.AddrPort, name string) (*Reply, error) {
	resp, err := query(ctx, addr, name, dns.TypeTXT)
	if err != nil {
		return nil, err
	}
	fqdn := strings.ToLower(dns.Fqdn(name))
	r := &Reply{}
	for _, rr := range resp.Answer {
		if strings.ToLower(rr.Header().Name) != fqdn || rr.Header().Class != dns.ClassINET {
			continue
		}
		switch rr := rr.(type) {
		case *dns.CNAME:
			r.Alias = plain(rr.Target)
		case *dns.TXT:
			if len(r.Records) == maxRecords {
				return nil, fmt.Errorf("more than %d TXT records", maxRecords)
			}
			text := unescaped(rr)
			if len(text) > maxText {
				return nil, fmt.Errorf("a TXT record of more than %d octets", maxText)
			}
			r.Records = append(r.Records, Record{text, seconds(rr.Hdr.Ttl), rr})
		}
	}
	for _, rr := range resp.Ns {
		owner := strings.ToLower(rr.Header().Name)
		if !dns.IsSubDomain(owner, fqdn) {
			continue
		}
		switch rr := rr.(type) {
		case *dns.SOA:
			r.Zone, r.NegativeTTL = plain(owner), seconds(min(rr.Hdr.Ttl, rr.Minttl))
		case *dns.NS:
			if !resp.Authoritative && len(r.Servers) < maxServers && r.Alias == "" && len(r.Records) == 0 {
				r.Zone, r.Servers = plain(owner), append(r.Servers, plain(rr.Ns))
			}
		}
	}
	if !resp.Authoritative && len(r.Servers) == 0 {
		return nil, errors.New("the server is not authoritative for the name")
	}
	if r.Alias != "" {
		r.Records = nil // the server may have followed the alias into another zone
	}
	return r, nil
}

// NegativeTTL asks the server how long others may remember that a name has no record.
func NegativeTTL(ctx context.Context, addr netip.AddrPort, name string) (time.Duration, error) {
	resp, err := query(ctx, addr, name, dns.TypeSOA)
	if err != nil {
		return 0, err
	}
	for _, rr := range slices.Concat(resp.Answer, resp.Ns) {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, strings.ToLower(dns.Fqdn(name))) {
			return seconds(min(soa.Hdr.Ttl, soa.Minttl)), nil
		}
	}
	return 0, fmt.Errorf("the server names no zone of %s", name)
}

// zoneOf asks a server which zone a name belongs to.
func zoneOf(ctx context.Context, addr netip.AddrPort, name string) (string, error) {
	resp, err := query(ctx, addr, name, dns.TypeSOA)
	if err != nil {
		return "", err
	}
	fqdn := strings.ToLower(dns.Fqdn(name))
	for _, rr := range slices.Concat(resp.Answer, resp.Ns) {
		if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, fqdn) {
			return strings.ToLower(soa.Hdr.Name), nil
		}
	}
	return "", fmt.Errorf("the server names no zone of %s", plain(fqdn))
}

// query sends one question until there is an answer. Its recursion is not desired.
func query(ctx context.Context, addr netip.AddrPort, name string, t uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, errors.New("not a domain name")
	}
	var err error
	for _, transport := range transports {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(name), t)
		m.RecursionDesired = false
		m.SetEdns0(1232, false) // the size that avoids fragments (DNS flag day 2020)
		c := dns.Client{Net: transport.net, Timeout: transport.timeout}
		var resp *dns.Msg
		resp, _, err = c.ExchangeContext(ctx, m, addr.String())
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, errors.New("no answer in time")
		case err != nil, resp.Truncated && transport.net == "udp":
			continue
		}
		return resp, judge(m, resp)
	}
	return nil, failure(err)
}

// judge returns why a response is no answer.
func judge(m, resp *dns.Msg) error {
	switch {
	case len(resp.Question) != 1 || !strings.EqualFold(resp.Question[0].Name, m.Question[0].Name) || resp.Question[0].Qtype != m.Question[0].Qtype:
		return errors.New("the answer is to another question")
	case resp.Rcode != dns.RcodeSuccess && resp.Rcode != dns.RcodeNameError:
		return errors.New(rcode(resp.Rcode))
	}
	return nil
}

// failure returns a short reason for an error of the network, without addresses.
func failure(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errors.New("no answer in time")
	case errors.As(err, &op):
		return fmt.Errorf("no answer: %w", op.Err)
	}
	return fmt.Errorf("no usable answer: %w", err)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// rcode returns a response code in words (RFC 2136 section 2.2, RFC 6895 section 2.3).
func rcode(code int) string {
	switch code {
	case dns.RcodeRefused:
		return "the server refuses (REFUSED)"
	case dns.RcodeServerFailure:
		return "the server fails (SERVFAIL)"
	case dns.RcodeNotImplemented:
		return "the server does not know how (NOTIMP)"
	case dns.RcodeFormatError:
		return "the server does not understand the message (FORMERR)"
	case dns.RcodeNotAuth:
		return "the server is not authoritative for the zone, or does not accept the key (NOTAUTH)"
	case dns.RcodeNotZone:
		return "the name is not in the zone (NOTZONE)"
	}
	if s, ok := dns.RcodeToString[code]; ok {
		return "the server answers " + s
	}
	return fmt.Sprintf("the server answers with the code %d", code)
}

// plain returns a name in lower case without the final dot.
func plain(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") }

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
