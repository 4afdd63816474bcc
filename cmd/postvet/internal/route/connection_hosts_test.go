package route

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/route/connect/connecttest"
	"github.com/postvet/postvet/policy/dane"
)

// TestConnectProposal: a TLSA record that is proposed is right: published, it ends the
// finding, and nothing gets worse.
func TestConnectProposal(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	s := &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{a.Issue(t, 90, "mx.example.org")}}}
	internet := connecttest.Internet{"185.0.2.1:25": s.Start(t)}
	wrong := "_25._tcp.mx.example.org. TLSA 3 1 1 " + strings.Repeat("ab", 31) + "00\n"
	before, text := run(t, signedZone+wrong, "ann@example.org", internet, a)
	m := regexp.MustCompile(`-> publish: (_25\._tcp\.mx\.example\.org\. TLSA 3 1 1 [0-9a-f]{64})\n`).FindStringSubmatch(text)
	if before.Errors != 1 || m == nil {
		t.Fatalf("%d errors in %s", before.Errors, text)
	}
	after, text := run(t, signedZone+m[1]+"\n", "ann@example.org", internet, a)
	if after.Verdict() != finding.Sound || after.Errors != 0 || after.Warnings > before.Warnings || after.Transport.DANE.State != Works || after.Connections[0].DANE != Passed {
		t.Error(text)
	}
	// While the old record is still there, the new one begins a rollover.
	both, _ := run(t, signedZone+wrong+m[1]+"\n", "ann@example.org", internet, a)
	if both.Verdict() != finding.Sound || both.Connections[0].DANE != Passed {
		t.Errorf("%s, %s", both.Verdict(), both.Connections[0].DANE)
	}
}

// TestConnectAlias is RFC 7672 sections 2.2.2 and 8.1: the records and the server name of
// an alias are those of its target.
func TestConnectAlias(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	certificate := a.Issue(t, 90, "host.example.org")
	s := &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	zone := strings.Replace(signedZone, "mx.example.org. A ", "mx.example.org. CNAME host.example.org.\nhost.example.org. A ", 1) +
		"_25._tcp.host.example.org. TLSA " + dane.Of(a.Certificate, dane.DANETA, dane.Cert, dane.SHA256).String() + "\n"
	r, text := run(t, zone, "ann@example.org", connecttest.Internet{"185.0.2.1:25": s.Start(t)}, a)
	if r.Connections[0].DANE != Passed || len(s.Names()) != 1 || s.Names()[0] != "host.example.org" {
		t.Errorf("names %q\n%s", s.Names(), text)
	}
}

// TestConnectSilence: hosts that never answer leave it open whether mail is delivered.
func TestConnectSilence(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	r, text := run(t, signedZone+mtastsZone, "ann@example.org", connecttest.Internet{"185.0.2.1:25": connecttest.Silence, "185.0.2.2:443": connecttest.Silence}, a)
	if r.Verdict() != finding.Faulty || r.Result != Unknown || r.Transport.MTASTS.State != Broken {
		t.Errorf("%s, %s\n%s", r.Verdict(), r.Result, text)
	}
	r, text = run(t, signedZone, "ann@example.org", connecttest.Internet{"185.0.2.1:25": connecttest.Silence}, a)
	if r.Verdict() != finding.Undetermined || r.Result != Unknown || !strings.Contains(text, "lets no connection to port 25 out") {
		t.Errorf("%s, %s\n%s", r.Verdict(), r.Result, text)
	}
}

// TestConnectBounds: connections are as few as the help says, whatever is published.
func TestConnectBounds(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	s := &connecttest.Server{}
	addr := s.Start(t)
	internet := connecttest.Internet{}
	var zone strings.Builder
	for i := range 30 {
		fmt.Fprintf(&zone, "example.org. MX %d mx%d.example.org.\n", i/2, i)
		for j := range 3 {
			ip := fmt.Sprintf("185.%d.%d.1", i, j)
			fmt.Fprintf(&zone, "mx%d.example.org. A %s\n", i, ip)
			internet[ip+":25"] = addr
		}
	}
	r, _ := run(t, zone.String(), "ann@example.org", internet, a)
	if len(r.Connections) != maxAttempts || len(r.Attempts) != maxAttempts {
		t.Errorf("%d connections", len(r.Connections))
	}
	greetings := 0
	for _, c := range s.Commands() {
		if strings.HasPrefix(c, "EHLO") {
			greetings++
		}
	}
	if greetings != maxAttempts {
		t.Errorf("%d greetings", greetings)
	}
	_, text := run(t, zone.String()+"$FAULT *.example.org A NXDOMAIN\n$FAULT *.example.org AAAA NXDOMAIN\n", "ann@example.org", internet, a)
	if !strings.Contains(text, "cannot be delivered") {
		t.Error(text)
	}
}

// TestMoreHosts: hosts beyond those that are checked, or connected to, are not good.
func TestMoreHosts(t *testing.T) {
	t.Parallel()
	a := connecttest.NewAuthority(t, clock())
	certificate := a.Issue(t, 90, "*.example.org")
	s := &connecttest.Server{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	addr := s.Start(t)
	web := connecttest.Web(t, a.Issue(t, 90, "mta-sts.example.org"), func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, policy("enforce", "*.example.org"))
	})
	for _, tt := range []struct {
		hosts        int
		dane, mtasts State
	}{
		{maxAttemptHosts, Works, Works},
		{maxAttemptHosts + 1, Works, Unchecked},
		{MaxHosts, Works, Unchecked},
		{MaxHosts + 1, Unchecked, Unchecked},
	} {
		internet := connecttest.Internet{"185.0.2.2:443": web}
		var zone strings.Builder
		zone.WriteString("org. NS ns.org.\n$FAULT org NS AD\n$FAULT example.org * AD\n$FAULT *.example.org * AD\n" + mtastsZone)
		for i := range tt.hosts {
			fmt.Fprintf(&zone, "example.org. MX %d mx%d.example.org.\nmx%d.example.org. A 185.%d.3.1\n", i, i, i, i)
			fmt.Fprintf(&zone, "_25._tcp.mx%d.example.org. TLSA %s\n", i, dane.Of(certificate.Leaf, dane.DANEEE, dane.SPKI, dane.SHA256))
			internet[fmt.Sprintf("185.%d.3.1:25", i)] = addr
		}
		r, text := run(t, zone.String(), "ann@example.org", internet, a)
		if r.Transport.DANE.State != tt.dane || r.Transport.MTASTS.State != tt.mtasts {
			t.Errorf("%d hosts: DANE %s, MTA-STS %s\n%s", tt.hosts, r.Transport.DANE.State, r.Transport.MTASTS.State, text)
		}
		if got := strings.Contains(text, "Nobody can read"); got != (tt.dane == Works || tt.mtasts == Works) {
			t.Errorf("%d hosts: %s", tt.hosts, r.Summary)
		}
	}
}
