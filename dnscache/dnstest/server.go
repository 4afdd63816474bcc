// Package dnstest is a DNS server on loopback for the tests and the demonstration of
// the project.
//
// A real server shows more than a map of answers: it distinguishes NODATA from
// NXDOMAIN, follows CNAMEs, matches wildcards and truncates. [NewServer] serves the
// text of one zone over UDP and TCP, and [Server.ListenTLS] adds TLS. A zone or
// [Server.SetFault] can make it fail in many ways, see [Fault], and [Server.SetQuota] has
// it fail under load. [Server.Queries] returns the queries that arrived, at most about a
// million. Those for the name servers of the root, by which a resolver finds out whether
// the server works, are left out, and a query that was sent again by itself counts once.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/postvet/postvet/dnscache"
)

// maxQueries bounds the list of queries. Later ones are served but not recorded.
const maxQueries = 1 << 20

// Query is one question that arrived.
type Query struct {
	Name string // in lower case, without the final dot, unusual octets as \DDD or \X
	Type string // "TXT"
	Net  string // "udp", "tcp" or "tls"
}

// Server serves one zone. Create it with NewServer or Start.
type Server struct {
	addr  string
	udp   *dns.Server
	tcp   *dns.Server
	ended chan struct{}
	once  sync.Once

	mu        sync.Mutex
	zone      *zone
	signer    *signer // nil if nothing is signed
	chance    uint32  // state of the generator behind LOSS and FAIL
	queries   []Query
	sent      map[sent]bool
	quota     quota
	resolvers []*dnscache.Resolver
	secure    []*dns.Server
}

// NewServer starts a server on a free loopback port. The zone is a master file (RFC
// 1035 section 5) with origin "." and a default TTL of 60 s. Wildcards and empty
// non-terminals work as in RFC 4592. A negative answer has the SOA record of the
// closest enclosing name, or else one of the root with a TTL of 60 s.
//
// A line "$FAULT name TYPE FAULT" sets a fault as SetFault does.
func NewServer(zone string) (*Server, error) { return NewServerAt("127.0.0.1:0", zone) }

// NewServerAt is NewServer at an address, as after a restart.
func NewServerAt(addr, zone string) (*Server, error) {
	s := &Server{ended: make(chan struct{}), chance: 1}
	if err := s.SetZone(zone); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		pc, err := net.ListenPacket("udp", addr)
		if err != nil {
			return nil, err
		}
		s.addr = pc.LocalAddr().String()
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			pc.Close()
			if try < 10 {
				continue // the port is taken on TCP only
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

// Start starts a server, and a resolver that sends its queries there. The end of the
// test stops both. SetZone and SetFault flush the resolver's cache.
//
// The resolver waits 20 s for an answer, so that no answer is late on a busy machine.
// It waits one second if a name in the zone has the fault Silent, or all fail.
func Start(tb testing.TB, zone string) (*Server, *dnscache.Resolver) {
	tb.Helper()
	return StartAt(tb, zone, nil)
}

// StartAt is Start with a clock of the resolver, so that what is left of a TTL is certain.
func StartAt(tb testing.TB, zone string, now func() time.Time) (*Server, *dnscache.Resolver) {
	tb.Helper()
	s, err := NewServer(zone)
	if err != nil {
		tb.Fatal(err)
	}
	timeout := 20 * time.Second
	if strings.Contains(zone, string(Silent)) || strings.Contains(zone, "$FAULT * * SERVFAIL") {
		timeout = time.Second
	}
	r, err := s.Resolver(dnscache.Options{Timeout: timeout, Now: now})
	if err != nil {
		s.Close()
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close(); s.Close() })
	return s, r
}

// Resolver returns a resolver that sends its queries to this server. SetZone and
// SetFault flush its cache. The caller closes it.
func (s *Server) Resolver(o dnscache.Options) (*dnscache.Resolver, error) {
	o.Upstreams = []string{s.addr}
	r, err := dnscache.New(o)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolvers = append(s.resolvers, r)
	return r, nil
}

// Addr returns the server's address as host:port.
func (s *Server) Addr() string { return s.addr }

// sent is a query as it was sent.
type sent struct {
	from string
	id   uint16
	name string
	typ  string
}

// maxSent bounds the queries that are remembered.
const maxSent = 1 << 14

// againLocked reports whether a query was sent again, from the same port with the same id.
// On a busy machine that happens although no response is lost.
func (s *Server) againLocked(q sent) bool {
	if s.sent == nil || len(s.sent) == maxSent {
		s.sent = map[sent]bool{}
	}
	again := s.sent[q]
	s.sent[q] = true
	return again
}

// Close stops the server.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		close(s.ended)
		err = s.udp.Shutdown()
		s.mu.Lock()
		others := append([]*dns.Server{s.tcp}, s.secure...)
		s.mu.Unlock()
		for _, o := range others {
			if e := o.Shutdown(); err == nil {
				err = e
			}
		}
	})
	return err
}

// SetZone replaces the zone and the faults.
func (s *Server) SetZone(text string) error {
	z, err := parseZone(text)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.zone = z
	s.mu.Unlock()
	s.flush()
	return nil
}

// SetFault sets the fault for a name and a type, either of which may be "*" for all.
// The name may also be a wildcard such as "*.a.test".
// The fault "" removes it. Faults joined by commas apply together, as in
// "DELAY:20ms,SERVFAIL". SetFault panics if f is not a fault.
func (s *Server) SetFault(name, typ string, f Fault) {
	fs, err := f.parse()
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	if len(fs) == 0 {
		delete(s.zone.faults, faultKey(name, typ))
	} else {
		s.zone.faults[faultKey(name, typ)] = fs
	}
	s.mu.Unlock()
	s.flush()
}

// SetDelay makes the server wait before every answer. It replaces another fault for
// all names and types. A delay of 0 removes it.
func (s *Server) SetDelay(d time.Duration) {
	if d == 0 {
		s.SetFault("*", "*", "")
		return
	}
	s.SetFault("*", "*", Delay(d))
}

// Queries returns the queries since the start or since the last call of Forget.
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

func (s *Server) flush() {
	s.mu.Lock()
	rs := append([]*dnscache.Resolver(nil), s.resolvers...)
	s.mu.Unlock()
	for _, r := range rs {
		r.Flush(".")
	}
}

func (s *Server) serve(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	m.Authoritative = !q.RecursionDesired // asked as the server of the zone
	if len(q.Question) != 1 {
		m.Rcode = dns.RcodeFormatError
		w.WriteMsg(m)
		return
	}
	network := networkOf(w)
	typ := dns.TypeToString[q.Question[0].Qtype]
	name := canonical(q.Question[0].Name)
	s.mu.Lock()
	if len(s.queries) < maxQueries && !(name == "." && typ == "NS") && !s.againLocked(sent{w.RemoteAddr().String(), q.Id, name, typ}) {
		s.queries = append(s.queries, Query{Name: bare(name), Type: typ, Net: network})
	}
	z, g := s.zone, s.signer
	faults := z.faultsFor(name, typ)
	over, leave := s.admitLocked(name, typ, q.CheckingDisabled)
	defer leave()
	if over != nil {
		faults = over
	}
	lost, failing := s.drawLocked(faults, loss), s.drawLocked(faults, fail)
	s.mu.Unlock()
	if lost {
		return
	}
	z.answer(m, name, q.Question[0].Qtype, faults.has(Partial))
	e := q.IsEdns0()
	if e != nil {
		if m.SetEdns0(1232, e.Do()); e.Do() && g != nil {
			g.sign(m, z, name, q.Question[0].Qtype)
		}
	}
	raw := s.apply(m, faults, network == "udp", e != nil)
	if faults.has(Silent) || faults.has(SilentUnchecked) && q.CheckingDisabled || faults.has(SilentUDP) && network == "udp" {
		return
	}
	if failing {
		m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeServerFailure
	}
	if raw != nil {
		w.Write(raw)
	}
	if faults.has(Garbage) || raw != nil && network != "udp" {
		return
	}
	if network == "udp" {
		size := 512
		if e != nil {
			size = int(e.UDPSize())
		}
		m.Truncate(size)
	}
	w.WriteMsg(m)
}
