package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
	signing "github.com/postvet/postvet/policy/sign"
)

// observedJournal writes a journal with mail of a.example, and returns its directory.
func observedJournal(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	store, err := sqlite.Open(sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	recorder := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: store, Every: time.Hour})
	var refs result.References
	add := func(author, ip string, spf bool, signature dkim.Result, ours *result.Signing, exempt string) {
		res := &result.Results{MailFrom: "ann@" + author, Recipients: []string{"bob@two.example"}, DKIM: []dkim.Result{signature}, Signing: ours, Exempt: exempt}
		res.Author.Domain, res.Client.IP, res.Client.Helo, res.Client.TLS = author, ip, "mx."+author, "TLSv1.3"
		res.DMARC.OrganizationalDomain, res.DMARC.AuthorDomain = "a.example", author
		res.DMARC.SPFAligned, res.DMARC.DKIMAligned = spf, signature.Status == dkim.Pass
		res.DMARC.Status = dmarc.Fail
		if spf || signature.Status == dkim.Pass {
			res.DMARC.Status = dmarc.Pass
		}
		v := result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: "dmarc-pass"}
		recorder.Add(&rows.Row{Ref: refs.Next(time.Now().Add(-time.Hour)), Recipients: 1, Results: res, Verdict: &v})
	}
	pass := func(domain, selector string) dkim.Result {
		return dkim.Result{Domain: domain, Selector: selector, Algorithm: "rsa-sha256", Status: dkim.Pass, BodyLength: -1}
	}
	failing := dkim.Result{Domain: "a.example", Selector: "invented", Algorithm: "rsa-sha256", Status: dkim.Fail, BodyLength: -1}
	add("a.example", "185.0.2.1", true, pass("a.example", "one"), nil, "")
	add("a.example", "185.0.2.2", true, failing, nil, "")
	add("a.example", "185.0.2.3", false, pass("a.example", "two"), nil, "")
	add("a.example", "185.0.2.4", false, failing, nil, "")
	add("sub.a.example", "185.0.2.5", true, pass("sub.a.example", "three"), nil, "")
	add("a.example", "185.0.2.6", false, failing, &result.Signing{Decision: signing.Decision{Domain: "a.example"}, Selector: "ours"}, "authenticated")
	recorder.Close(context.Background())
	return dir
}

// TestObserveJournal: keys that signed and hosts that sent are found in the journal; what
// forged mail invents is not.
func TestObserveJournal(t *testing.T) {
	t.Parallel()
	dir := observedJournal(t)
	o := &inspect.Observed{}
	now := time.Now()
	if err := domainhistory.Observe(t.Context(), o, sqlite.NewReader(dir), "a.example", now); err != nil {
		t.Fatal(err)
	}
	want := inspect.ObservedMail{Genuine: 3, SPF: 2, DKIM: 2, Both: 1, Failed: 1, TLS: 3, Signed: 1}
	if d := cmp.Diff(want, o.Mail); d != "" {
		t.Error(d)
	}
	if len(o.Sources) != 1 || !o.Sources[0].Complete {
		t.Errorf("%+v", o.Sources)
	}
	_, resolver := dnstest.Start(t, "a.example. MX 1 mx.a.example.\nmx.a.example. A 185.0.2.1\n$FAULT * PTR NXDOMAIN\n")
	r := inspect.Inspect(t.Context(), resolver, "a.example", inspect.Options{Observed: o})
	var hosts []string
	for _, h := range r.Hosts.List {
		hosts = append(hosts, h.IP.String()+" "+h.Helo)
	}
	if d := cmp.Diff([]string{"185.0.2.1 mx.a.example", "185.0.2.2 mx.a.example"}, hosts); d != "" {
		t.Error(d)
	}
	var texts strings.Builder
	for _, f := range r.DKIM.Findings {
		texts.WriteString(f.Text + "\n")
	}
	for _, selector := range []string{"one", "two", "ours"} {
		if !strings.Contains(texts.String(), "mail was signed by the selector "+selector+" on ") {
			t.Errorf("no selector %s in %s", selector, texts.String())
		}
	}
	for _, selector := range []string{"three", "invented"} {
		if strings.Contains(texts.String(), selector) {
			t.Errorf("selector %s in %s", selector, texts.String())
		}
	}
}

// TestDomainJournal reads a journal by --journal.
func TestDomainJournal(t *testing.T) {
	t.Parallel()
	dir := observedJournal(t)
	server, _ := dnstest.Start(t, "a.example. MX 1 mx.a.example.\nmx.a.example. A 185.0.2.1\n")
	code, out, errOut := runIn(t, "domain", "--resolver", server.Addr(), "--journal", dir, "a.example")
	if code != exitNo || !strings.Contains(out, "HELO mx.a.example") || errOut != "" {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
	code, out, errOut = runIn(t, "domain", "--resolver", server.Addr(), "--sender", "--journal", dir, "a.example")
	if code != exitNo || !strings.Contains(out, "note     Alignment: 1 of 4 messages that were seen failed DMARC") || errOut != "" {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
	code, out, errOut = runIn(t, "domain", "--resolver", server.Addr(), "--sender", "--json", "a.example")
	if code != exitNo || !strings.Contains(out, `"state": "not-seen"`) || errOut != "" {
		t.Errorf("%d: %s%s", code, out, errOut)
	}
	for args, want := range map[string]string{
		"--ip mx.a.example a.example":                "--ip: \"mx.a.example\" is no address; write one such as 192.0.2.1",
		"--journal " + dir + "/absent a.example":     "name the directory of the journal with --journal",
		"--journal " + dir + " --file -":             "--sender, --fetch, --ip or --journal beside --file; they are for one domain",
		"--config " + dir + "/absent.toml a.example": "name a readable file",
	} {
		code, out, errOut := runIn(t, append([]string{"domain", "--resolver", server.Addr()}, strings.Split(args, " ")...)...)
		if code == exitDone || code == exitNo || out != "" || !strings.Contains(errOut, want) || !errorLine.MatchString(errOut) {
			t.Errorf("%s: %d: %s%s", args, code, out, errOut)
		}
	}
}
