// Package dnstest is a real DNS server on loopback, over UDP and TCP, for the
// project's tests and demonstration: it serves zone text, tells no data from
// NXDOMAIN, makes faults to order, and records what it was asked.
package dnstest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache"
)

// Fault is a way to answer wrongly.
type Fault string

// The faults, in the words that a $FAULT line uses.
const (
	ServFail Fault = "SERVFAIL"
	Refuse   Fault = "REFUSED"
	Silent   Fault = "TIMEOUT" // no answer at all
	Truncate Fault = "TRUNCATE"
)

// Query is one question that arrived.
type Query struct {
	Name string // lower case, without trailing dot
	Type string // "TXT"
	Net  string // "udp" or "tcp"
}

// Server serves one zone. Create it with NewServer or Start.
type Server struct {
	addr string
	udp  *dns.Server
	tcp  *dns.Server

	mu      sync.Mutex
	rrs     map[string]map[uint16][]dns.RR
	names   map[string]bool
	faults  map[string]Fault // "name/TYPE" or "name/*"
	queries []Query
}

// NewServer starts a server on a free loopback port. The zone is master-file
// text (RFC 1035 section 5) with origin "." and a default TTL of 60 s; a line
// "$FAULT name TYPE SERVFAIL|REFUSED|TIMEOUT|TRUNCATE" orders a fault (TYPE *
// for all types). Names with something below them exist.
func NewServer(zone string) (*Server, error) {
	s := &Server{faults: map[string]Fault{}}
	if err := s.SetZone(zone); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.addr = pc.LocalAddr().String()
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			pc.Close()
			if try < 10 {
				continue
			}
			return nil, err
		}
		var up sync.WaitGroup
		up.Add(2)
		s.udp = &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(s.serve), NotifyStartedFunc: up.Done}
		s.tcp = &dns.Server{Listener: l, Handler: dns.HandlerFunc(s.serve), NotifyStartedFunc: up.Done}
		go s.udp.ActivateAndServe()
		go s.tcp.ActivateAndServe()
		up.Wait()
		return s, nil
	}
}

// Start starts a server that the test's end stops, and a resolver that asks it
// with short timeouts (Timeout 400 ms).
func Start(tb testing.TB, zone string) (*Server, *dnscache.Resolver) {
	tb.Helper()
	s, err := NewServer(zone)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := dnscache.New(dnscache.Options{Upstreams: []string{s.Addr()}, Timeout: 400 * time.Millisecond})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close(); s.Close() })
	return s, r
}

// Addr returns the server's address as host:port.
func (s *Server) Addr() string { return s.addr }

// Close stops the server.
func (s *Server) Close() error {
	s.udp.Shutdown()
	return s.tcp.Shutdown()
}

// SetZone replaces the zone and the faults that its text orders.
func (s *Server) SetZone(zone string) error {
	var text strings.Builder
	text.WriteString("$ORIGIN .\n$TTL 60\n")
	faults := map[string]Fault{}
	sc := bufio.NewScanner(strings.NewReader(zone))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) == 4 && f[0] == "$FAULT" {
			faults[faultKey(f[1], f[2])] = Fault(f[3])
			continue
		}
		text.WriteString(sc.Text() + "\n")
	}
	rrs, names := map[string]map[uint16][]dns.RR{}, map[string]bool{}
	zp := dns.NewZoneParser(strings.NewReader(text.String()), ".", "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		n := strings.ToLower(rr.Header().Name)
		if rrs[n] == nil {
			rrs[n] = map[uint16][]dns.RR{}
		}
		rrs[n][rr.Header().Rrtype] = append(rrs[n][rr.Header().Rrtype], rr)
		for n != "." && n != "" {
			names[n] = true
			i, end := dns.NextLabel(n, 0)
			if end {
				break
			}
			n = n[i:]
		}
	}
	if err := zp.Err(); err != nil {
		return fmt.Errorf("dnstest: %w", err)
	}
	for k := range faults {
		n, _, _ := strings.Cut(k, "/")
		names[n+"."] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rrs, s.names, s.faults = rrs, names, faults
	return nil
}

// SetFault orders a fault for a name and type ("*" for all); "" ends it. The
// name "*" stands for every name.
func (s *Server) SetFault(name, typ string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == "" {
		delete(s.faults, faultKey(name, typ))
		return
	}
	s.faults[faultKey(name, typ)] = f
}

// Queries returns what was asked since the start or the last Forget.
func (s *Server) Queries() []Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Query(nil), s.queries...)
}

// Forget empties the list of queries.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries = nil
}

func faultKey(name, typ string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".") + "/" + strings.ToUpper(typ)
}

func (s *Server) serve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		w.WriteMsg(m)
		return
	}
	name, typ := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	network := w.RemoteAddr().Network()
	bare := strings.TrimSuffix(name, ".")
	s.mu.Lock()
	s.queries = append(s.queries, Query{Name: bare, Type: dns.TypeToString[typ], Net: network})
	var fault Fault
	for _, k := range []string{faultKey(bare, dns.TypeToString[typ]), faultKey(bare, "*"), faultKey("*", dns.TypeToString[typ]), faultKey("*", "*")} {
		if fault = s.faults[k]; fault != "" {
			break
		}
	}
	n := name
	for range 8 {
		if rrs := s.rrs[n][typ]; len(rrs) > 0 {
			m.Answer = append(m.Answer, rrs...)
			break
		}
		c := s.rrs[n][dns.TypeCNAME]
		if len(c) == 0 {
			break
		}
		m.Answer = append(m.Answer, c...)
		n = strings.ToLower(c[0].(*dns.CNAME).Target)
	}
	if !s.names[n] {
		m.Rcode = dns.RcodeNameError
	}
	s.mu.Unlock()
	switch fault {
	case Silent:
		return
	case ServFail:
		m.Answer, m.Rcode = nil, dns.RcodeServerFailure
	case Refuse:
		m.Answer, m.Rcode = nil, dns.RcodeRefused
	case Truncate:
		if network == "udp" {
			m.Answer, m.Truncated = nil, true
		}
	}
	if network == "udp" {
		size := 512
		if e := q.IsEdns0(); e != nil {
			size = int(e.UDPSize())
			m.SetEdns0(1232, false)
		}
		m.Truncate(size)
	}
	w.WriteMsg(m)
}
