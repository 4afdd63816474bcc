//go:build linux

package realmta_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/realmta"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// keyLoad are users of one domain who send all the time.
type keyLoad struct {
	domain string
	// unsigned is the reason why nothing is signed in the end; "" if all is signed.
	unsigned string
	sent     int
}

// TestKeysChangeUnderLoad has users of three domains send while the configuration is loaded
// again and again, and the file of each domain's key is swapped for that of a key that the
// DNS does not have, deleted, or made unreadable. Each message is accepted, and each
// signature verifies.
func TestKeysChangeUnderLoad(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	to, port := startSinks(t)
	o := signingOptions("Postfix", relaying("Postfix", port)...)
	s := ownSite(t, o)
	loads := []*keyLoad{{domain: realmta.Good, unsigned: "key-mismatch"}, {domain: realmta.Umlaut, unsigned: "no-key"}, {domain: realmta.Branch}}
	for _, l := range loads {
		l.send(t, s, to)
		if d := decisionFrom(t, s, l.sender(0)); !strings.HasPrefix(d.Signed, l.domain+"/"+realmta.Selector) {
			t.Fatalf("%s: decision %s", l.domain, d.Line)
		}
	}

	swapKey(t, s.KeyFileOf(realmta.Good))
	if err := errors.Join(os.RemoveAll(filepath.Dir(s.KeyFileOf(realmta.Umlaut))), os.Chmod(s.KeyFileOf(realmta.Branch), 0)); err != nil {
		t.Fatal(err)
	}
	// What is known of files is used for ten seconds.
	end := time.Now().Add(patience)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(300 * time.Millisecond):
				if err := s.Postvet.Signal(syscall.SIGHUP); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	var senders sync.WaitGroup
	began := time.Now()
	for _, l := range loads {
		senders.Go(func() {
			for !t.Failed() && time.Now().Before(end) {
				l.send(t, s, to)
				d := decisionFrom(t, s, l.sender(l.sent-1))
				switch {
				case d.Unsigned != "" && d.Unsigned == l.unsigned:
					return
				case d.Unsigned != "" || d.Action != "accept":
					t.Errorf("%s: decision %s", l.domain, d.Line)
				case l.unsigned == "" && time.Since(began) > 12*time.Second:
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Errorf("%s: no message was %s", l.domain, l.unsigned)
		})
	}
	senders.Wait()
	close(stop)
	wg.Wait()
	var messages [][]byte
	signed := 0
	for _, l := range loads {
		for n := range l.sent {
			got := to.await(t, l.rcpt(n)).Message
			if strings.Contains(string(got), "DKIM-Signature:") {
				messages = append(messages, got)
				signed++
			}
		}
		t.Logf("%s: %d messages", l.domain, l.sent)
	}
	for i, v := range verifyWith(t, "go-msgauth", keysOf(s.Zone), messages) {
		if v.passed == 0 || v.failed > 0 {
			t.Errorf("%d signatures pass, %d fail %q:\n%s", v.passed, v.failed, v.why, messages[i])
		}
	}
	if reloads := strings.Count(s.Postvet.Log(), `"msg":"configuration reloaded"`); reloads < 10 || signed < 20 {
		t.Errorf("%d reloads, %d signatures: the load shows nothing", reloads, signed)
	}
}

func (l *keyLoad) sender(n int) string { return fmt.Sprintf("load%d@%s", n, l.domain) }
func (l *keyLoad) rcpt(n int) string {
	return fmt.Sprintf("%s-%d@%s", strings.ReplaceAll(l.domain, ".", "-"), n, eight)
}

// send sends the next message.
func (l *keyLoad) send(t *testing.T, s *realmta.Site, to sinks) {
	t.Helper()
	from, rcpt := l.sender(l.sent), l.rcpt(l.sent)
	l.sent++
	c, err := s.SMTP(t.Context(), realmta.Lister)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if r, err := c.Send(from, []string{rcpt}, mail(from, rcpt)); err != nil || r.Code != 250 {
		t.Errorf("%s: %v %v", from, r, err)
	}
}

// swapKey puts another key of the same owner in the place of a file.
func swapKey(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("no owner")
	}
	fresh := file + ".new"
	if err := errors.Join(
		os.WriteFile(fresh, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600),
		os.Chown(fresh, int(owner.Uid), -1),
		os.Rename(fresh, file),
	); err != nil {
		t.Fatal(err)
	}
}

// TestSigningWithoutDNS takes the whole DNS away, and restarts Postvet, so that no answer
// from before is left, as after a day. What signed before goes on, by the file of states; a
// key that the DNS has never shown does not begin.
func TestSigningWithoutDNS(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	to, port := startSinks(t)
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o777)); err != nil {
		t.Fatal(err)
	}
	o := signingOptions("Postfix", relaying("Postfix", port)...)
	o.Sign = append(o.Sign, fmt.Sprintf("state = %q", filepath.Join(dir, "keys.json")))
	o.DNSTimeout = silence
	s := ownSite(t, o)
	before := row{name: "before", body: "Hello.\r\n"}
	before.hand(t, s)
	to.await(t, before.rcpt())
	if err := s.Postvet.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []dnstest.Fault{dnstest.ServFail, dnstest.Silent} {
		s.DNS.SetFault("*", "*", fault)
		if err := s.Postvet.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		play(t, s, to, []row{{name: "without-dns-" + strings.ToLower(string(fault)), body: "Hello.\r\n"}})
		from := "never-" + strings.ToLower(string(fault)) + "@" + realmta.Umlaut
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, "never@"+eight, mail(from, "never@"+eight)), 250)
		if d := decisionFrom(t, s, from); d.Unsigned != "key-unpublished" || d.Action != "accept" {
			t.Errorf("decision %s", d.Line)
		}
		if err := s.Postvet.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Postvet.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}
