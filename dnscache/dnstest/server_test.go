package dnstest_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a query to the server itself, without a resolver.
func ask(t *testing.T, s *dnstest.Server, network, name string, typ uint16) (*dns.Msg, error) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, typ)
	m.SetEdns0(1232, false)
	r, _, err := (&dns.Client{Net: network, Timeout: time.Second}).Exchange(m, s.Addr())
	return r, err
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	s, _ := dnstest.Start(t, `
example.test. IN SOA ns.example.test. hm.example.test. 1 2 3 4 5
a.b.example.test. TXT "x"
*.wild.example.test. TXT "wild"
alias.example.test. CNAME A.B.example.test.
out.example.test. CNAME nowhere.test.
tree.example.test. DNAME b.example.test.
sp\032ace.example.test. TXT "odd"
$FAULT only.fault.test TXT SERVFAIL
`)
	for _, c := range []struct {
		name, ask string
		rcode     int
		answer    []string // owner and type
		soa       string
	}{
		{"record", "a.B.example.test.", 0, []string{"a.b.example.test. TXT"}, ""},
		{"empty non-terminal", "b.example.test.", 0, nil, "example.test."},
		{"nothing", "c.example.test.", dns.RcodeNameError, nil, "example.test."},
		{"nothing above either", "c.other.", dns.RcodeNameError, nil, "."},
		{"wildcard", "q.wild.example.test.", 0, []string{"q.wild.example.test. TXT"}, ""},
		{"CNAME", "alias.example.test.", 0, []string{"alias.example.test. CNAME", "a.b.example.test. TXT"}, ""},
		{"CNAME to nothing", "out.example.test.", dns.RcodeNameError, []string{"out.example.test. CNAME"}, "."},
		{"DNAME", "a.tree.example.test.", 0, []string{"tree.example.test. DNAME", "a.tree.example.test. CNAME", "a.b.example.test. TXT"}, ""},
		{"escaped", `sp\ ace.example.test.`, 0, []string{`sp\ ace.example.test. TXT`}, ""},
		{"a name with a fault exists", "fault.test.", 0, nil, "."},
	} {
		for _, network := range []string{"udp", "tcp"} {
			m, err := ask(t, s, network, c.ask, dns.TypeTXT)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			var got []string
			for _, rr := range m.Answer {
				got = append(got, rr.Header().Name+" "+dns.TypeToString[rr.Header().Rrtype])
			}
			soa := ""
			if len(m.Ns) > 0 {
				soa = m.Ns[0].Header().Name
			}
			if m.Rcode != c.rcode || soa != c.soa || cmp.Diff(c.answer, got) != "" {
				t.Errorf("%s: rcode %d, %q, soa %q", c.name, m.Rcode, got, soa)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s, _ := dnstest.Start(t, "a.test. TXT x\nb.sub.test. TXT x\n$FAULT a.test TXT REFUSED\n$FAULT * A SERVFAIL")
	if m, err := ask(t, s, "udp", "A.test.", dns.TypeTXT); err != nil || m.Rcode != dns.RcodeRefused {
		t.Error(m, err)
	}
	if m, err := ask(t, s, "udp", "other.test.", dns.TypeA); err != nil || m.Rcode != dns.RcodeServerFailure {
		t.Error(m, err)
	}
	s.SetFault("*.sub.test", "TXT", dnstest.Refuse)
	for name, rcode := range map[string]int{"sub.test.": dns.RcodeSuccess, "x.sub.test.": dns.RcodeRefused, "x.y.sub.test.": dns.RcodeRefused, "x.test.": dns.RcodeNameError} {
		if m, err := ask(t, s, "udp", name, dns.TypeTXT); err != nil || m.Rcode != rcode {
			t.Error(name, m, err)
		}
	}
	s.SetFault("a.test.", "txt", dnstest.Truncate)
	if m, err := ask(t, s, "udp", "a.test.", dns.TypeTXT); err != nil || !m.Truncated || len(m.Answer) != 0 {
		t.Error(m, err)
	}
	if m, err := ask(t, s, "tcp", "a.test.", dns.TypeTXT); err != nil || len(m.Answer) != 1 {
		t.Error(m, err)
	}
	s.SetFault("a.test", "TXT", "")
	if m, err := ask(t, s, "udp", "a.test.", dns.TypeTXT); err != nil || m.Truncated || len(m.Answer) != 1 {
		t.Error(m, err)
	}
	s.SetFault("*", "*", dnstest.Silent)
	for _, network := range []string{"udp", "tcp"} {
		if m, err := ask(t, s, network, "a.test.", dns.TypeTXT); err == nil {
			t.Error(m)
		}
	}
	s.SetDelay(50 * time.Millisecond)
	start := time.Now()
	if m, err := ask(t, s, "udp", "a.test.", dns.TypeTXT); err != nil || len(m.Answer) != 1 || time.Since(start) < 50*time.Millisecond {
		t.Error(m, err, time.Since(start))
	}
	s.SetDelay(0)
	s.SetFault("a.test", "*", dnstest.Loss(40))
	lost := 0
	for range 40 {
		m := new(dns.Msg)
		m.SetQuestion("a.test.", dns.TypeTXT)
		if _, _, err := (&dns.Client{Timeout: 100 * time.Millisecond}).Exchange(m, s.Addr()); err != nil {
			lost++
		}
	}
	if lost < 8 || lost > 28 {
		t.Errorf("%d of 40 lost", lost)
	}
}

func TestSomeFail(t *testing.T) {
	t.Parallel()
	s, _ := dnstest.Start(t, "a.test. TXT x\n$FAULT * * FAIL:20")
	failed := 0
	for range 100 {
		m, err := ask(t, s, "udp", "a.test.", dns.TypeTXT)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Rcode == dns.RcodeServerFailure && len(m.Answer) == 0:
			failed++
		case m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1:
			t.Error(m)
		}
	}
	if failed < 10 || failed > 32 {
		t.Errorf("%d of 100 failed", failed)
	}
}

func TestOverTLS(t *testing.T) {
	t.Parallel()
	s, _ := dnstest.Start(t, "a.test. TXT x")
	addr, roots, err := s.ListenTLS("dns.test")
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	m.SetQuestion("a.test.", dns.TypeTXT)
	c := &dns.Client{Net: "tcp-tls", TLSConfig: &tls.Config{RootCAs: roots, ServerName: "dns.test"}}
	if m, _, err := c.Exchange(m, addr); err != nil || len(m.Answer) != 1 {
		t.Error(m, err)
	}
	if d := cmp.Diff([]dnstest.Query{{Name: "a.test", Type: "TXT", Net: "tls"}}, s.Queries()); d != "" {
		t.Error(d)
	}
}

func TestBadZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, want string }{
		{"a.test. A 1.2.3", "dnstest: dns: "},
		{"$FAULT a.test TXT", "want $FAULT name TYPE FAULT"},
		{"$FAULT a.test TXT SULK", `no fault is called "SULK"`},
		{"$FAULT a.test TXT DELAY:soon", "no such duration"},
		{"$FAULT a.test TXT LOSS:101", "not a percentage"},
		{"$FAULT a.test TXT FAIL:-1", "not a percentage"},
	} {
		if _, err := dnstest.NewServer(c.zone); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.zone, err)
		}
	}
}

// The resolver of Start sees the changes that a test makes.
func TestChangesReachTheResolver(t *testing.T) {
	t.Parallel()
	s, r := dnstest.Start(t, "a.test. TXT one")
	look := func() *dnscache.Answer { return r.Lookup(t.Context(), "a.test", dnscache.TXT) }
	look()
	if err := s.SetZone("a.test. TXT two"); err != nil {
		t.Fatal(err)
	}
	if a := look(); a.TXT[0] != "two" {
		t.Error(a.TXT)
	}
	s.SetFault("a.test", "TXT", dnstest.ServFail)
	if a := look(); a.Outcome != dnscache.ServFail || a.Stale {
		t.Error(a.Outcome, a.Stale)
	}
	s.SetFault("a.test", "TXT", "")
	if a := look(); a.Outcome != dnscache.Found {
		t.Error(a.Outcome)
	}
	if err := s.SetZone("a.test. A 1.2.3"); err == nil {
		t.Error("a bad zone is accepted")
	}
	asked := 0 // beside these, the resolver finds out whether it is to blame for the SERVFAIL
	for _, q := range s.Queries() {
		if q.Name == "a.test" {
			asked++
		}
	}
	if asked < 4 || asked > 6 {
		t.Errorf("%d queries", asked)
	}
	s.Forget()
	if n := len(s.Queries()); n != 0 {
		t.Errorf("%d queries", n)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestTXT(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"", "x", `"quoted" \ back`, "\x00\t\xff é", strings.Repeat("y", 200), strings.Repeat(`z"`, 300)} {
		_, r := dnstest.Start(t, dnstest.TXT("a.test", want))
		if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || len(a.TXT) != 1 || a.TXT[0] != want {
			t.Errorf("%q: %v %q", want, a.Outcome, a.TXT)
		}
	}
}
