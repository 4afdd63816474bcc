package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// warmZone has all that the message of warmMessage needs, and nothing of it is negative.
const warmZone = `
warm.example. 600 IN SOA ns.warm.example. hm.warm.example. 1 2 3 4 5
warm.example. 600 MX 10 mx.warm.example.
warm.example. 600 TXT "v=spf1 ip4:192.0.2.7 -all"
mx.warm.example. 600 TXT "v=spf1 ip4:192.0.2.7 -all"
mx.warm.example. 600 A 192.0.2.7
7.2.0.192.in-addr.arpa. 600 PTR mx.warm.example.
_dmarc.warm.example. 600 TXT "v=DMARC1; p=reject; psd=n"
`

const warmMessage = "From: ann@warm.example\r\nSubject: warm\r\nDate: Sun, 29 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@warm.example>\r\n\r\nHello\r\n"

// pair are two services, each with a cache of its own and the same server of DNS.
type pair struct {
	t      *testing.T
	dns    *dnstest.Server
	dir    string
	first  *serveProcess
	second *serveProcess
}

// startFirst starts the service whose cache is warm.
func startFirst(t *testing.T, more string) *pair {
	t.Helper()
	dns, err := dnstest.NewServer(warmZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	dir, err := os.MkdirTemp("", "pv") // a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &pair{t: t, dns: dns, dir: dir}
	p.first = p.start("1", more)
	p.mail("1")
	return p
}

// start starts a service with the sockets DIR/sNAME and DIR/cNAME. more is what follows
// in the section dns.
func (p *pair) start(name, more string) *serveProcess {
	p.t.Helper()
	file := filepath.Join(p.dir, name+".toml")
	writeConfig(p.t, file, fmt.Sprintf("listen = [\"unix:%s\"]\nauthserv_id = \"mx.test.example\"\n[control]\nsocket = %q\n[dns]\nresolvers = [%q]\nmin_ttl = \"0s\"\n%s",
		p.milter(name), p.control(name), p.dns.Addr(), more))
	s := startService(p.t, nil, "--config", file)
	s.waitLog(`"msg":"serving"`, 1)
	return s
}

func (p *pair) milter(name string) string  { return filepath.Join(p.dir, "s"+name) }
func (p *pair) control(name string) string { return filepath.Join(p.dir, "c"+name) }

// mail sends the message to a service, which lets it pass.
func (p *pair) mail(name string) {
	p.t.Helper()
	m := dialMTA(p.t, "unix", p.milter(name))
	m.connect("192.0.2.7", "mx.warm.example")
	if _, verdict := m.end(m.begin("ann@warm.example", warmMessage)); verdict != "c" {
		p.t.Errorf("service %s says %q", name, verdict)
	}
	_ = m.conn.Close()
}

// queries returns the queries that reached the DNS server, except for one. DMARC looks up
// _dmarc.example in parallel with the record that says psd=n, which cancels that lookup. It
// depends on time whether the query leaves first, and peers do not take its negative answer.
func (p *pair) queries() (all []dnstest.Query) {
	for _, q := range p.dns.Queries() {
		if q.Name != "_dmarc.example" {
			all = append(all, q)
		}
	}
	return all
}

// shown returns what a cache has.
func (p *pair) shown(name string) map[string]control.Answer {
	p.t.Helper()
	c, err := asked[control.Contents](p.t, p.control(name), control.Request{Do: control.DoCacheShow, All: true})
	if err != nil {
		p.t.Fatal(err)
	}
	all := map[string]control.Answer{}
	for _, a := range c.Answers {
		all[a.Name+" "+a.Type] = a
	}
	return all
}

// command runs the command in a process of its own.
func command(t *testing.T, stdin []byte, args ...string) (out []byte, errOut string, code int) {
	t.Helper()
	cmd := exec.Command("postvet", args...)
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.Bytes(), e.String(), cmd.ProcessState.ExitCode()
}

// TestCacheThroughPipe brings the cache of one service to another by the commands, as over
// ssh. The second answers the same mail without a question to the DNS, and its answers end
// when those of the first do.
func TestCacheThroughPipe(t *testing.T) {
	t.Parallel()
	p := startFirst(t, "")
	p.second = p.start("2", "")
	snapshot, errOut, code := command(t, nil, "cache", "export", "--socket", p.control("1"))
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	time.Sleep(1100 * time.Millisecond) // on its way
	p.dns.Forget()
	out, errOut, code := command(t, snapshot, "cache", "fetch", "--from", "-", "--socket", p.control("2"))
	if code != exitDone || !strings.HasSuffix(string(out), " answers loaded from standard input\n") {
		t.Fatalf("exit code %d: %s%s", code, out, errOut)
	}
	p.mail("2")
	if q := p.queries(); len(q) != 0 {
		t.Errorf("asked %v", q)
	}
	began := time.Now()
	theirs, ours := p.shown("1"), p.shown("2")
	most := 1 + time.Since(began).Seconds()
	if len(ours) < 5 {
		t.Errorf("only %d answers", len(ours))
	}
	for name, a := range ours {
		// The first was asked before, so it has a little more left.
		if d := theirs[name].ExpiresSeconds - a.ExpiresSeconds; !a.FromPeer || a.ExpiresSeconds < 300 || d < 0 || d > most {
			t.Errorf("%s: %+v, there %+v", name, a, theirs[name])
		}
	}

	// Again, from a file and as JSON: all is known.
	file := filepath.Join(p.dir, "snapshot")
	if err := os.WriteFile(file, snapshot, 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut, code = command(t, nil, "cache", "fetch", "--from", file, "--json", "--socket", p.control("2"))
	var f control.Fetched
	if err := json.Unmarshal(out, &f); err != nil || code != exitDone || f.Loaded != 0 || f.Known != len(ours) || f.Source != file {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	p.second.waitLog(`"msg":"dns answers loaded from a peer","source":"the control socket","answers":0`, 1)
	p.first.waitLog(`"msg":"dns answers sent to a peer"`, 1)

	for name, tc := range map[string]struct {
		stdin []byte
		from  string
		says  string
	}{
		"cut off":    {snapshot[:len(snapshot)-1], "-", "not a usable snapshot: cut off; "},
		"damaged":    {append(bytes.Clone(snapshot[:len(snapshot)-1]), 'x'^snapshot[len(snapshot)-1]), "-", "checksum is wrong; "},
		"a web page": {[]byte("<html>" + strings.Repeat(" ", 1000)), "-", "not a usable snapshot: it begins like something else; none of its answers were loaded, fetch it again"},
		"empty":      {nil, "-", "standard input is empty; "},
		"no file":    {nil, filepath.Join(p.dir, "absent"), "no such file"},
	} {
		_, errOut, code := command(t, tc.stdin, "cache", "fetch", "--from", tc.from, "--socket", p.control("2"))
		if code != exitFailed || !strings.Contains(errOut, tc.says) || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, "; ") {
			t.Errorf("%s: exit code %d: %s", name, code, errOut)
		}
	}
}

// TestCacheEndsOnTime: the TTL of an answer that came from another cache goes on, and does
// not begin anew.
func TestCacheEndsOnTime(t *testing.T) {
	t.Parallel()
	p := startFirst(t, "")
	p.dns.SetZone(strings.ReplaceAll(warmZone, " 600 ", " 4 "))
	if _, err := asked[control.Flushed](t, p.control("1"), control.Request{Do: control.DoCacheFlush, All: true}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	p.mail("1")
	known := time.Now()
	p.start("2", "")
	time.Sleep(time.Until(began.Add(2 * time.Second)))
	snapshot, _, _ := command(t, nil, "cache", "export", "--socket", p.control("1"))
	p.dns.Forget()
	if out, errOut, code := command(t, snapshot, "cache", "fetch", "--from", "-", "--socket", p.control("2")); code != exitDone {
		t.Fatalf("exit code %d: %s%s", code, out, errOut)
	}
	p.mail("2")
	if time.Since(began) > 3500*time.Millisecond {
		t.Skip("too slow to tell")
	}
	if q := p.queries(); len(q) != 0 {
		t.Errorf("asked before the end: %v", q)
	}
	time.Sleep(time.Until(known.Add(4200 * time.Millisecond)))
	p.mail("2")
	if q := p.queries(); len(q) < 5 {
		t.Errorf("asked only %v after the end", q)
	}
}

// certificates makes an authority and certificates for 127.0.0.1 in a directory, and returns
// the keys of [peers] for each of two machines.
func certificates(t *testing.T, dir string) (keys [2]string) {
	t.Helper()
	made := func(c, parent *x509.Certificate, signer *ecdsa.PrivateKey, name string) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			signer = key
		}
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return key
	}
	authority := &x509.Certificate{Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	signer := made(authority, authority, nil, "ca")
	for i, name := range []string{"mx1.test", "mx2.test"} {
		made(&x509.Certificate{
			DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}, authority, signer, name)
		keys[i] = fmt.Sprintf("[peers]\ncertificate = \"%s/%s.pem\"\nkey = \"%[1]s/%[2]s.key\"\nca_file = \"%[1]s/ca.pem\"\n", dir, name)
	}
	return keys
}

// served returns the address at which a service serves its answers to peers.
func (s *serveProcess) served() string {
	s.t.Helper()
	var line struct{ Listen string }
	if err := json.Unmarshal([]byte(s.waitLog("dns answers are served to peers", 1)), &line); err != nil {
		s.t.Fatal(err)
	}
	return "https://" + line.Listen
}

// TestWarmStart starts services beside one whose cache is warm: by its control socket and by
// HTTPS. The first source is away, and is named. A start without any begins as usual.
func TestWarmStart(t *testing.T) {
	t.Parallel()
	keys := certificates(t, t.TempDir())
	p := startFirst(t, keys[0]+"listen = \"inet:127.0.0.1:0\"\nnames = [\"mx2.test\"]\n")
	away := "unix:" + filepath.Join(p.dir, "away")
	for name, source := range map[string]string{"socket": "unix:" + p.control("1"), "https": p.first.served()} {
		p.dns.Forget()
		metricsSocket := filepath.Join(p.dir, "m"+name)
		s := p.start(name, fmt.Sprintf("warm_from = [%q, %q]\n%s[metrics]\nlisten = %q\n", away, source, keys[1], "unix:"+metricsSocket))
		line := s.waitLog(`"msg":"dns answers loaded from a peer","source":"`+source+`"`, 1)
		if !strings.Contains(line, `"failed":["`+away+`: no service at `) {
			t.Error(line)
		}
		p.mail(name)
		if q := p.queries(); len(q) != 0 {
			t.Errorf("%s: asked %v", name, q)
		}
		if _, body := scrape(t, metricsSocket, "/metrics"); !strings.Contains(body, `postvet_dns_peer_fetches_total{result="done"} 1`) ||
			!strings.Contains(body, `postvet_dns_peer_fetches_total{result="failed"} 1`) || !strings.Contains(body, "postvet_dns_peer_answers_total 5") {
			t.Errorf("%s: metrics %s", name, body)
		}
		out, errOut, code := command(t, nil, "cache", "fetch", "--socket", p.control(name))
		if code != exitDone || !strings.Contains(string(out), "0 answers loaded from "+source+", 5 known already\n") {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, errOut)
		}
		out, errOut, code = command(t, nil, "cache", "fetch", "--from", source, "--json", "--socket", p.control(name))
		if code != exitDone || !strings.Contains(string(out), `"known": 5`) {
			t.Errorf("%s: exit code %d: %s%s", name, code, out, errOut)
		}
	}
	p.first.waitLog(`"msg":"dns answers sent to a peer","peer":"mx2.test"`, 1)

	alone := p.start("alone", fmt.Sprintf("warm_from = [%q]\n", away))
	alone.waitLog(`"msg":"no peer gave dns answers; they are looked up as mail needs them","failed":["`+away, 1)
	p.mail("alone")
	for from, says := range map[string]string{
		"":                       "no service at ",
		"http://127.0.0.1:1":     "is no source of answers; ",
		"https://127.0.0.1:1":    "peers.certificate, peers.key and peers.ca_file are needed; ",
		"unix:" + p.milter("1"):  "; ",
		"unix:relative":          "has no absolute path of a socket; ",
		"https://127.0.0.1:1/x/": "has more than a host and a port; ",
	} {
		args := []string{"cache", "fetch", "--socket", p.control("alone")}
		if from != "" {
			args = append(args, "--from", from)
		}
		_, errOut, code := command(t, nil, args...)
		if code == exitDone || !strings.Contains(errOut, says) || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: exit code %d: %s", from, code, errOut)
		}
	}
}

// TestWarmStartWaitsForNothing: a peer that never answers delays neither the start, nor the
// mail, nor the end.
func TestWarmStartWaitsForNothing(t *testing.T) {
	t.Parallel()
	p := startFirst(t, "")
	path := filepath.Join(p.dir, "silent")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := p.start("2", fmt.Sprintf("warm_from = [\"unix:%s\"]\n", path))
	c, err := l.Accept() // it has asked
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p.mail("2")
	s.signal(syscall.SIGTERM)
	if code := s.waitExit(); code != exitDone {
		t.Errorf("exit code %d", code)
	}
	for _, line := range s.log.All() {
		if strings.Contains(line, "no peer gave") || strings.Contains(line, "panic") {
			t.Error(line)
		}
	}
}
