package main

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// needs waits until the first page has a finding. The page that the finding leads to must have
// the texts, and the first page must not say that all is well.
func (w *webClient) needs(name string, wants ...string) {
	w.t.Helper()
	var home struct {
		Well     bool
		Sentence string
		Findings []struct{ Name, Path string }
	}
	at := -1
	for end := time.Now().Add(patience); at < 0; time.Sleep(100 * time.Millisecond) {
		if err := json.Unmarshal([]byte(w.get("/index.json")), &home); err != nil {
			w.t.Fatal(err)
		}
		at = slices.IndexFunc(home.Findings, func(f struct{ Name, Path string }) bool { return f.Name == name })
		if at < 0 && time.Now().After(end) {
			w.t.Fatalf("%s is not found: %+v", name, home)
		}
	}
	if home.Well || strings.Contains(home.Sentence, "All is well") {
		w.t.Errorf("%s: %q", name, home.Sentence)
	}
	path, fragment, _ := strings.Cut(home.Findings[at].Path, "#")
	page := w.get(path)
	w.has(path, page, wants...)
	if fragment != "" && !strings.Contains(page, ` id="`+fragment+`"`) {
		w.t.Errorf("%s has no part %s", path, fragment)
	}
}

// TestWebAttentionOwnDomain: mail claims to be from our own domain, which nobody did yesterday.
func TestWebAttentionOwnDomain(t *testing.T) {
	t.Parallel()
	w, sockets, _ := startIdleWeb(t, testResolver(t), "[journal]\ndirectory = \"DIR/j\"\nmin_free = 0\n[policy]\nown_domains = [\"good.example\"]\n")
	m := dialMTA(t, "unix", sockets+"/s")
	m.connect("192.0.2.66", "evil.example")
	for range 5 {
		m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	}
	w.needs("own-domain-unproven", "good.example", "Who sends it", "192.0.2.0/24")
}

// TestWebAttentionKeys: a key signed, and the DNS does not show it any more; another one was
// never shown.
func TestWebAttentionKeys(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{true, false} {
		dir := t.TempDir()
		k, err := keys.Create(filepath.Join(dir, "keys"), "good.example", "s1", "ed25519")
		if err != nil {
			t.Fatal(err)
		}
		file, name := filepath.Join(dir, "keys.json"), "s1._domainkey.good.example"
		want := "key-pending"
		if lost {
			want = "key-unpublished"
			known, err := states.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			day := time.Now().Add(-48 * time.Hour)
			err = known.Update(func(all map[string]states.Key) {
				all[states.ID(k.Fingerprint(), name)] = states.Key{Name: name, Type: "ed25519", Published: day, State: states.Pending, Since: day.Add(24 * time.Hour), Problem: "no record", Signed: day}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		w, sockets, _ := startIdleWeb(t, testResolver(t), "[sign]\nnetworks = [\"192.0.2.1\"]\nkeys = \""+filepath.Join(dir, "keys")+"\"\nstate = \""+file+"\"\n")
		m := dialMTA(t, "unix", sockets+"/s") // a key is known once a message was to be signed
		m.connect("192.0.2.1", "client.good.example")
		m.end(m.begin("ann@good.example", testMessage(t, "spoof.eml")))
		w.needs(want, name, "v=DKIM1; k=ed25519;", "does not show it")
	}
}

// TestWebAttentionDropped: the journal cannot write, and its memory is full.
func TestWebAttentionDropped(t *testing.T) {
	t.Parallel()
	w, sockets, dir := startIdleWeb(t, testResolver(t), "[journal]\ndirectory = \"DIR/j\"\nmin_free = 0\nmemory = \"1MB\"\nprivacy = \"addresses\"\n")
	w.get("/index.json") // the first message is written
	if err := os.RemoveAll(filepath.Join(dir, "j")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "j"), "no directory")
	m := dialMTA(t, "unix", sockets+"/s")
	m.connect("192.0.2.66", "evil.example")
	for range 800 {
		m.send('M', "<x@evil.example>\x00")
		m.proceed(0)
		for range 20 {
			m.send('R', "<"+strings.Repeat("u", 60)+"@"+strings.Repeat("long.", 20)+"example>\x00")
			m.proceed(0x8000)
		}
		m.end(m.content(testMessage(t, "spoof.eml")))
	}
	w.needs("journal-dropped", "Messages not written")
}

// TestWebAttentionBounced: a report is refused for good by the server that is to send it on.
func TestWebAttentionBounced(t *testing.T) {
	t.Parallel()
	o := newOutbox(t)
	o.due(t, "d@example.org")
	mta := submissiontest.Server{Recipient: func(string) error {
		return submissiontest.Refuse(550, [3]int{5, 1, 1}, "no such user here")
	}}
	listen := filepath.Join(o.dir, "w")
	o.serve(t, mta.Start(t), "[web]\nlisten = \"unix:"+listen+"\"\n")
	o.run(t, exitDone, "send", "5f2c09", "--json")
	newWebClient(t, listen).needs("reports-bouncing", "d@example.org", "bounced", "no such user here", "Addresses that get no reports")
}

// TestWebAttentionDNS: no resolver answers.
func TestWebAttentionDNS(t *testing.T) {
	t.Parallel()
	dns, err := dnstest.NewServer("$FAULT good.example TXT SERVFAIL\n")
	if err != nil {
		t.Fatal(err)
	}
	resolver := dns.Addr()
	if err := dns.Close(); err != nil {
		t.Fatal(err)
	}
	w, sockets, _ := startIdleWeb(t, resolver, "timeout = \"300ms\"\n")
	m := dialMTA(t, "unix", sockets+"/s")
	m.connect("192.0.2.66", "evil.example")
	m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml")))
	w.needs("dns-down", resolver, "fails", "Lookups of all names fail.")
	w.shows("/", "Not all is well. The DNS fails", `href="/status#dns"`)
}

// TestWebAttentionNewSender: the reports of others, which are in the store, have a sender in the
// name of our domain that was not there in the weeks before.
func TestWebAttentionNewSender(t *testing.T) {
	t.Parallel()
	w, _, dir := startIdleWeb(t, testResolver(t), "[journal]\ndirectory = \"DIR/j\"\nmin_free = 0\n[policy]\nown_domains = [\"good.example\"]\n[report]\ninbox = [\"dmarc@good.example\"]\ndirectory = \"DIR\"\n")
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for d := range 21 {
		begin := today.Add(-time.Duration(21-d) * 24 * time.Hour)
		arrival := received.Arrival{At: begin.Add(26 * time.Hour), Author: "receiver.example", Result: "pass"}
		h := &report.Head{OrgName: "receiver.example", Email: "dmarc@receiver.example", ReportID: begin.Format(time.DateOnly), Begin: begin, End: begin.Add(24*time.Hour - time.Second), Policy: report.Policy{Domain: "good.example", P: "none"}}
		all := []*report.Record{{
			Source: netip.MustParseAddr("192.0.2.1"), Count: 50, Disposition: report.DispositionNone, DKIMAligned: true, HeaderFrom: "good.example",
			DKIM: []report.DKIM{{Domain: "good.example", Selector: "s", Result: "pass"}},
		}}
		if d >= 18 {
			all = append(all, &report.Record{
				Source: netip.MustParseAddr("203.0.113.5"), Count: 40, Disposition: report.DispositionNone, HeaderFrom: "good.example",
				DKIM: []report.DKIM{{Domain: "m.service.example", Selector: "s", Result: "pass"}},
			})
		}
		var b strings.Builder
		if err := report.Write(&b, h, slices.Values(all)); err != nil {
			t.Fatal(err)
		}
		keepReport(t, s, arrival, b.String(), "4Q"+h.ReportID)
	}
	since := today.Add(-3 * 24 * time.Hour).Format("2 Jan")
	w.needs("own-domain-new-sender", "good.example", "service.example, with 120 messages since "+since, "service without your name", "give it a DKIM key for good.example")
}
