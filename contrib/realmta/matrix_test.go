//go:build linux

package realmta_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
)

// Mail for these domains is relayed to servers of which one announces 8BITMIME and
// SMTPUTF8, and the other nothing.
const (
	eight = "eight.example"
	seven = "seven.example"

	eightHost = "127.0.0.82"
	sevenHost = "127.0.0.81"
)

// row is a message of the matrix and what becomes of it.
type row struct {
	name string
	// to is the domain of the recipient; default eight.
	to string
	// header are fields, besides those that mail has or, with bare, alone.
	header []string
	bare   bool
	body   string
	// parameters are those of MAIL FROM.
	parameters string
	// send hands the message in, if it does not simply come from a client in our network.
	send func(t *testing.T, s *realmta.Site, rcpt string, text []byte)
	// breaks are the words of the finding that says why no verifier accepts the message, by
	// MTA. An empty text means an MTA on which it is accepted.
	breaks map[string]string
	// unsigned is the MTA that relays it without a signature, for the reason in breaks.
	unsigned string
	// check looks at what arrived.
	check func(t *testing.T, got realmta.Relayed)
	// signatures is how many there are; default 2, of an RSA key and an Ed25519 key.
	signatures int
	// only is the one MTA that can do it; the other says why not.
	only, unless string
}

func (r row) rcpt() string {
	to := r.to
	if to == "" {
		to = eight
	}
	return "row-" + r.name + "@" + to
}

// text returns the message. {rcpt} in it stands for the recipient.
func (r row) text(rcpt string) []byte {
	lines := r.header
	if !r.bare {
		own := func(name string) bool {
			return slices.ContainsFunc(r.header, func(f string) bool { return strings.HasPrefix(strings.ToLower(f), name+":") })
		}
		for _, f := range []string{"From: Ann <" + author + ">", "To: <" + rcpt + ">", "Subject: " + r.name, "Date: Sun, 29 Nov 2026 06:00:00 +0000", "Message-ID: <" + r.name + "@client.example>"} {
			name, _, _ := strings.Cut(f, ":")
			if !own(strings.ToLower(name)) {
				lines = append(lines[:len(lines):len(lines)], f)
			}
		}
	}
	return []byte(strings.ReplaceAll(strings.Join(lines, "\r\n"), "{rcpt}", rcpt) + "\r\n\r\n" + r.body)
}

// hand hands in the message of a row.
func (r row) hand(t *testing.T, s *realmta.Site) {
	t.Helper()
	rcpt := r.rcpt()
	text := r.text(rcpt)
	if r.send != nil {
		r.send(t, s, rcpt, text)
		return
	}
	c := connect(t, s, realmta.Lister)
	cmd(t, c, 2, "MAIL FROM:<"+author+">"+r.parameters)
	cmd(t, c, 2, "RCPT TO:<"+rcpt+">")
	if reply, err := c.Data(text); err != nil || reply.Code != 250 {
		t.Fatalf("%s: %v %v", r.name, reply, err)
	}
	c.Close()
}

// sinks are the servers that the matrix is relayed to.
type sinks map[string]*realmta.Sink

// startSinks starts both, at the same port.
func startSinks(t *testing.T) (sinks, string) {
	t.Helper()
	port, err := child.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	all := sinks{}
	for domain, extensions := range map[string][]string{eight: {"8BITMIME", "SMTPUTF8"}, seven: nil} {
		host := eightHost
		if domain == seven {
			host = sevenHost
		}
		s, err := realmta.StartSink(net.JoinHostPort(host, port), extensions...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		all[domain] = s
	}
	return all, port
}

// await returns the message that arrived for an address.
func (s sinks) await(t *testing.T, rcpt string) realmta.Relayed {
	t.Helper()
	to := s[eight]
	if strings.HasSuffix(rcpt, "@"+seven) {
		to = s[seven]
	}
	got, err := to.Await(t.Context(), rcpt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// relaying are lines for an MTA that relays to the sinks.
func relaying(mta, port string) []string {
	if mta == "Postfix" {
		at := "[" + eightHost + "]:" + port + "}"
		return []string{
			"mynetworks = 127.0.0.0/8",
			"myorigin = " + realmta.Good,
			"relay_domains = " + eight + ", " + seven,
			"transport_maps = inline:{{" + eight + "=smtp:" + at + ",{" + seven + "=smtp:[" + sevenHost + "]:" + port + "}," +
				// By services of master.cf of these names, which not every site has.
				"{generic.example=generic:" + at + ",{checks.example=checks:" + at + ",{short.example=short:" + at + ",{long.example=long:" + at + "}",
			"internal_mail_filter_classes = bounce",
			"smtputf8_enable = yes",
		}
	}
	// A program's address has no dot at the end of its domain.
	return []string{
		"RELAY_DOMAIN(`" + eight + " " + seven + "')dnl",
		"define(`ESMTP_MAILER_ARGS', `TCP $h " + port + "')dnl",
		"LOCAL_RULE_0",
		"R$+ < @ " + eight + " $* >\t$#esmtp $@ [" + eightHost + "] $: $1 < @ " + eight + " . >",
		"R$+ < @ " + seven + " $* >\t$#esmtp $@ [" + sevenHost + "] $: $1 < @ " + seven + " . >",
		"divert(0)dnl",
	}
}

// findings returns what "config check --mta" prints about a site in one line. Services are
// at other ports here, so that words of the MTA's configuration are replaced, in pairs.
func findings(t *testing.T, s *realmta.Site, words ...string) string {
	t.Helper()
	config := s.MTAConfig()
	if len(words) > 0 {
		dir := t.TempDir()
		for _, file := range []string{"main.cf", "master.cf"} {
			text, err := os.ReadFile(filepath.Join(config, file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.NewReplacer(words...).Replace(string(text))), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		config = dir
	}
	binary, err := shared.binary()
	if err != nil {
		t.Fatal(err)
	}
	// The exit status says whether one of them is an error.
	out, _ := exec.CommandContext(t.Context(), binary, "config", "check", "--mta", strings.ToLower(s.Name()), "--mta-config", config, s.Postvet.Config()).CombinedOutput()
	return strings.Join(strings.Fields(string(out)), " ")
}

// play hands in the rows, and has each verifier judge what arrives. words are those of
// findings.
func play(t *testing.T, s *realmta.Site, to sinks, rows []row, words ...string) {
	t.Helper()
	found := findings(t, s, words...)
	messages := make([][]byte, 0, len(rows))
	var played []row
	for _, r := range rows {
		if r.only != "" && r.only != s.Name() {
			t.Logf("%s: not with %s: %s", r.name, s.Name(), r.unless)
			continue
		}
		r.hand(t, s)
		if finding := r.breaks[s.Name()]; finding != "" && !strings.Contains(found, finding) {
			t.Errorf("%s: config check does not say %q:\n%s", r.name, finding, found)
		}
		played = append(played, r)
	}
	for _, r := range played {
		got := to.await(t, r.rcpt())
		if r.check != nil {
			r.check(t, got)
		}
		messages = append(messages, got.Message)
	}
	keys := keysOf(s.Zone)
	for _, verifier := range verifiers {
		t.Run(verifier, func(t *testing.T) {
			for i, v := range verifyWith(t, verifier, keys, messages) {
				r := played[i]
				want := r.signatures
				if want == 0 {
					want = 2
				}
				verdict := fmt.Sprintf("%s: %d signatures pass, %d fail %q", r.name, v.passed, v.failed, v.why)
				switch {
				case r.unsigned == s.Name() && v.passed+v.unknown+v.failed == 0:
				case r.breaks[s.Name()] != "" && r.unsigned != s.Name() && v.passed == 0 && v.failed > 0:
				case r.breaks[s.Name()] != "":
					t.Errorf("%s; none should pass\n%q", verdict, messages[i])
				case v.passed == 0 || v.passed+v.unknown != want || v.failed > 0:
					t.Errorf("%s; want %d that pass\n%q", verdict, want, messages[i])
				}
			}
		})
	}
}

// TestMatrix has users of the site send mail of all sorts, which the MTA relays to other
// servers. Each message verifies there, or "config check --mta" has said why not.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			to, port := startSinks(t)
			o := realmta.SiteOptions{MTA: mta, MTAConfig: append(relaying(mta, port), forwarding(mta)...), Sign: []string{`networks = ["` + realmta.Lister + `", "` + realmta.Exempted + `"]`, "ed25519 = true"}}
			play(t, ownSite(t, o), to, append(matrix, ways...))
		})
	}
}
