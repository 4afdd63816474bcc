//go:build linux

package realmta_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
)

const opendkimBin = "/usr/sbin/opendkim"

// tablesOfBoth are the SigningTable and the KeyTable that opendkim and Postvet read.
func tablesOfBoth(keyFile string) (signing, keys string) {
	return "csl:" + realmta.Good + "=good,." + realmta.Good + "=good",
		"csl:good=" + realmta.Good + ":" + realmta.Selector + ":" + keyFile
}

// startOpenDKIM starts opendkim as a signer, and returns its socket in Postfix's notation.
func startOpenDKIM(t *testing.T, signing, keys string) string {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "opendkim.conf")
	text := "Mode s\nSyslog no\nSocket inet:" + port + "@127.0.0.1\nInternalHosts csl:127.0.0.0/8\nRequireSafeKeys no\n" +
		"Canonicalization relaxed/relaxed\nOversignHeaders From\nSigningTable " + signing + "\nKeyTable " + keys + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command := exec.Command(opendkimBin, "-f", "-x", config)
	command.Stdout, command.Stderr = &out, &out
	p, err := child.Start(command, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
			return "inet:127.0.0.1:" + port
		}
		if ended := p.Alive(); ended != nil || time.Now().After(end) {
			p.Kill()
			t.Fatalf("opendkim: %v, %v\n%s", err, ended, out.String())
		}
	}
}

// signedMessage is what a signer made of a message.
type signedMessage struct {
	domain, selector string
	covered          []string
	problem          string // "" if the signature verifies
}

// TestAsOpenDKIM plays the same messages through opendkim and through Postvet, which read
// the same tables. Both sign the same messages as the same domain by the same selector,
// Postvet covers what opendkim does, and each signature verifies where it is delivered.
func TestAsOpenDKIM(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	if _, err := os.Stat(opendkimBin); err != nil {
		t.Skip("skipped: the package opendkim is missing; run contrib/bench/install.sh as root")
	}
	signing, keys := tablesOfBoth("KEYS/" + realmta.Good + "/" + realmta.Selector + ".pem")
	ours := ownSite(t, realmta.SiteOptions{MTA: "Postfix", Sections: fmt.Sprintf(
		"[sign]\nnetworks = [\"127.0.0.0/8\"]\nsubdomains = false\n[sign.opendkim]\nsigning_table = %q\nkey_table = %q\n", signing, keys,
	)})
	socket := startOpenDKIM(t, signing, strings.ReplaceAll(keys, "KEYS/"+realmta.Good+"/"+realmta.Selector+".pem", ours.KeyFile()))
	theirs, err := realmta.StartPostfix(t.Context(), realmta.Options{Config: []string{"smtpd_milters = " + socket, "milter_default_action = tempfail"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := theirs.Stop(); err != nil {
			t.Error(err)
		}
	})
	const limit = 90 * time.Second
	most := messagesForBoth(t)
	rcpt := recipient(t, "all")
	a, err := ours.SMTP(t.Context(), realmta.Lister)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := realmta.Dial(t.Context(), realmta.Lister, theirs.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	cmd(t, b, 2, "EHLO client.example")
	random, began, n := rand.New(rand.NewPCG(1, 2)), time.Now(), 0
	for ; n < most && time.Since(began) < limit; n++ {
		from, text := randomMail(random, n, rcpt)
		wantReply(t, sendOn(t, a, from, rcpt, text), 250)
		wantReply(t, sendOn(t, b, from, rcpt, text), 250)
	}
	byPostvet, byOpenDKIM := collect(t, ours, ours.Zone, rcpt, n), collect(t, theirs, ours.Zone, rcpt, n)
	signed, onlyTheirs := 0, map[string]int{}
	for id, want := range byOpenDKIM {
		got := byPostvet[id]
		if want.domain != "" {
			signed++
		}
		if got.domain != want.domain || got.selector != want.selector || got.problem != "" || want.problem != "" {
			t.Errorf("%s: Postvet %q/%q %s, opendkim %q/%q %s", id, got.domain, got.selector, got.problem, want.domain, want.selector, want.problem)
		}
		for _, name := range want.covered {
			if !slices.Contains(got.covered, name) {
				onlyTheirs[name]++
			}
		}
	}
	t.Logf("%d messages in %s, %d signed; opendkim alone covers %v", n, time.Since(began).Round(time.Second), signed, onlyTheirs)
	if signed < n/3 || signed > n*9/10 {
		t.Errorf("%d of %d messages are signed: the mail shows nothing", signed, n)
	}
	if len(onlyTheirs) > 0 {
		t.Errorf("opendkim covers what Postvet does not: %v", onlyTheirs)
	}
}

// messagesForBoth returns how many messages are compared: 200, or as many as
// POSTVET_OPENDKIM_MESSAGES says.
func messagesForBoth(t *testing.T) int {
	t.Helper()
	text := os.Getenv("POSTVET_OPENDKIM_MESSAGES")
	if text == "" {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// randomMail returns a message and its sender.
func randomMail(r *rand.Rand, n int, rcpt string) (from string, text []byte) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	author := pick("ann", "Bob", "o'neill", "a.b+c") + "@" + pick(realmta.Good, realmta.Good, "sub."+realmta.Good, "a.b."+realmta.Good, realmta.Watch, "example.com")
	var b bytes.Buffer
	line := func(chance int, format string, args ...any) {
		if r.IntN(chance) == 0 {
			fmt.Fprintf(&b, format+"\r\n", args...)
		}
	}
	line(4, "Sender: <list@%s>", realmta.Good)
	line(1, "From: %s<%s>", pick("", "Ann ", "\"Ann, of old\" ", "=?utf-8?q?J=C3=B6rg?=\r\n "), author)
	line(1, "To: <%s>%s", rcpt, pick("", ",\r\n\tother@example.com", " (a comment)"))
	line(3, "Cc: <%s>", rcpt)
	line(3, "Reply-To: <%s>", author)
	line(1, "Subject: %s", pick("hello", "", " two  blanks ", "folded\r\n here", "=?utf-8?b?w7Y=?=", strings.Repeat("long ", 100)))
	line(1, "Date: %s", time.Now().Format(time.RFC1123Z))
	line(1, "Message-ID: <%d@as-opendkim.example>", n)
	line(3, "In-Reply-To: <x@example.com>")
	line(3, "References: <x@example.com>\r\n <y@example.com>")
	line(2, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s", pick("7bit", "8bit"))
	line(9, "Content-Description: a text")
	line(5, "List-Unsubscribe: <https://%s/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click", realmta.Good)
	line(5, "List-Id: <l.%s>\r\nList-Post: <mailto:l@%s>", realmta.Good, realmta.Good)
	line(4, "X-Mailer: test\r\nX-Empty:")
	line(6, "Received: from pc.%s ([127.0.0.3]) by mail.%s with ESMTPSA id 4F1; Wed, 25 Nov 2026 10:00:00 +0000", realmta.Good, realmta.Good)
	b.WriteString("\r\n")
	for range r.IntN(20) {
		b.WriteString(pick("a line", "", "a blank at the end ", ".a dot", "\ttab", "grüße", strings.Repeat("x", 900)) + "\r\n")
	}
	return author, b.Bytes()
}

// collect returns the signatures of what was delivered, by the number in Message-ID.
func collect(t *testing.T, m realmta.MTA, zone *realmta.Zone, rcpt string, n int) map[string]signedMessage {
	t.Helper()
	found, err := realmta.Await(t.Context(), m, rcpt, n)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]signedMessage{}
	for _, d := range found {
		whole := bytes.ReplaceAll(d.Message, []byte("\n"), []byte("\r\n"))
		_, id, ok := bytes.Cut(whole, []byte("Message-ID: <"))
		if !ok {
			t.Fatalf("no Message-ID:\n%s", whole)
		}
		id, _, _ = bytes.Cut(id, []byte("@"))
		all[string(id)] = signatureOf(t, zone, whole)
	}
	if len(all) != n {
		t.Fatalf("%d messages of %d were delivered", len(all), n)
	}
	return all
}

// signatureOf returns the one signature of a message, and has go-msgauth verify it.
func signatureOf(t *testing.T, zone *realmta.Zone, whole []byte) signedMessage {
	t.Helper()
	var s signedMessage
	record := func(name string) ([]string, error) {
		_, text, ok := strings.Cut(zone.Text(), name+". TXT ")
		if !ok {
			return nil, fmt.Errorf("the zone has nothing at %s", name)
		}
		text, _, _ = strings.Cut(text, "\n")
		s.selector, _, _ = strings.Cut(name, "._domainkey.")
		return []string{strings.NewReplacer(`" "`, "", `"`, "").Replace(text)}, nil
	}
	got, err := msgauth.VerifyWithOptions(bytes.NewReader(whole), &msgauth.VerifyOptions{LookupTXT: record})
	switch {
	case err != nil:
		s.problem = err.Error()
	case len(got) > 1:
		s.problem = fmt.Sprintf("%d signatures", len(got))
	case len(got) == 1:
		s.domain = got[0].Domain
		for _, name := range got[0].HeaderKeys {
			s.covered = append(s.covered, strings.ToLower(strings.TrimSpace(name)))
		}
		if got[0].Err != nil {
			s.problem = got[0].Err.Error()
		}
	}
	return s
}
