package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/domainhistory"
	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/sqlite"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// keptSource is a source with a real journal, a real store of reports and a DNS server.
type keptSource struct {
	source
	dir      string
	reader   *sqlite.Reader
	reports  *reportstore.Store
	resolver *dnscache.Resolver
	flushed  []string
}

func (k *keptSource) Facts(context.Context) Facts {
	return Facts{Journal: control.Journal{Directory: k.dir}, OwnDomains: k.facts.OwnDomains}
}

func (k *keptSource) Ask(ctx context.Context, _ access.User, q control.Request) (any, error) {
	switch q.Do {
	case control.DoTop:
		var query counts.Query
		if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
			return nil, err
		}
		return k.reader.Top(ctx, query)
	case control.DoHistory:
		var query rows.Query
		if err := json.Unmarshal([]byte(q.Query), &query); err != nil {
			return nil, err
		}
		if err := query.Check(); err != nil {
			return nil, err
		}
		return k.reader.Find(ctx, query)
	case control.DoCacheShow:
		return control.Contents{Answers: []control.Answer{{Name: q.Name, Type: hostile, Outcome: hostile, Records: []string{hostile, strings.Repeat("x", 5000)}, ExpiresSeconds: -3}}, Total: 2000}, nil
	case control.DoCacheFlush:
		k.flushed = append(k.flushed, q.Name)
		return control.Flushed{Answers: 3}, nil
	}
	return nil, errors.New("not asked for")
}

func (k *keptSource) Series(ctx context.Context, _ access.User, q counts.SeriesQuery) (counts.Series, error) {
	if k.dir == "" {
		return counts.Series{}, ErrNoJournal
	}
	return k.reader.Series(ctx, q)
}

func (k *keptSource) DomainRecords(ctx context.Context, domain string) ([]rows.Published, error) {
	return k.reader.RecordsOf(ctx, domain)
}

func (k *keptSource) DomainChanges(ctx context.Context, domain string, since time.Time) (*domainhistory.Changes, error) {
	c := domainhistory.NewChanges(domain, since, time.UTC)
	return c, c.ReadJournal(ctx, k.dir)
}

func (k *keptSource) DomainPatterns(context.Context, string) (*domainhistory.Patterns, error) {
	return &domainhistory.Patterns{Name: hostile, Networks: []domainhistory.PatternName{{Name: hostile, Days: 3, Last: hostile}}, Signers: []domainhistory.PatternName{}, Forwarders: []domainhistory.PatternName{}}, nil
}

func (k *keptSource) InspectDomain(ctx context.Context, domain string) (*inspect.Report, error) {
	return inspect.Inspect(ctx, k.resolver, domain, inspect.Options{Plan: true}), nil
}

func (k *keptSource) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	return k.resolver.Lookup(ctx, name, t)
}

func (k *keptSource) Reports(context.Context) (ReportReader, error) {
	if k.reports == nil {
		return nil, ErrNoReports
	}
	return k.reports, nil
}

// KnownSenders implements ReportSource.
func (k *keptSource) KnownSenders(ctx context.Context, domain string) (Senders, error) {
	return k.Senders(ctx, domain, 0)
}

// Senders implements ReportSource.
func (k *keptSource) Senders(ctx context.Context, domain string, _ time.Duration) (Senders, error) {
	if k.reports == nil {
		return Senders{}, ErrNoReports
	}
	sink := sources.NewSink(domain, func(*received.Report) {})
	err := k.reports.Received(ctx, reports.ReceivedFilter{Domain: domain, Documents: true}, func(r *reports.Received) error { return received.Replay(r, sink) })
	return Senders{Summary: sink.Analysis.Summary(nil), Complete: true}, err
}

// startKept returns a source whose journal and store have mail of an honest domain, and hostile
// texts in every field.
func startKept(t *testing.T) *keptSource {
	t.Helper()
	k := &keptSource{dir: t.TempDir(), source: source{facts: Facts{OwnDomains: []string{"example.org"}}}}
	store, err := sqlite.Open(sqlite.Options{Dir: k.dir})
	if err != nil {
		t.Fatal(err)
	}
	var counter counts.Counter
	encoder := rows.Encoder{}
	refs := result.References{}
	for i := range 60 {
		row := mailRow(i, "example.org")
		row.Ref = refs.Next(testNow.Add(time.Duration(i-60) * time.Hour))
		row.Results.DMARC.OrganizationalDomain = "example.org"
		row.Results.Client.IP = "192.0.2.1"
		row.Verdict.Hints = []result.Hint{{Word: result.HintList}}
		switch i % 9 { // of those that fail
		case 0:
			row.Results.List.ID = "discuss.lists.example.net"
			row.Results.ARC = arc.Result{Status: arc.Pass, Sealers: []arc.Sealer{{Instance: 1, Domain: "first.example.net"}, {Instance: 2, Domain: "lists.example.net"}, {Instance: 3, Domain: "lists.example.net"}}}
		case 3:
			row.Results.List.ID = hostile
			row.Results.ARC = arc.Result{Status: arc.Pass, Sealers: []arc.Sealer{{Instance: 1, Domain: hostile}}}
		case 6:
			row.Results.ARC = arc.Result{Status: arc.Fail, Sealers: []arc.Sealer{{Instance: 1, Domain: "forged.example.net"}}}
		}
		switch i % 3 {
		case 1:
			row.Results.DMARC.Status, row.Verdict.Action, row.Verdict.Hints = dmarc.Pass, result.Accept, nil
		case 2:
			text := row.Ref
			row = mailRow(i, hostile)
			row.Ref, row.Results.DMARC.OrganizationalDomain = text, hostile
			row.Results.Author.Domain = "sub.example.org" // so that the page of the domain has it
			row.Verdict.Hints = []result.Hint{{Word: hostile, Text: hostile}}
		}
		b := encoder.Append(nil, row, rows.Addresses)
		if err := errors.Join(counter.Count(b), store.Write(row.Class(), &rows.Batch{Level: rows.Addresses, Parts: [][]byte{b}, Key: store.Key})); err != nil {
			t.Fatal(err)
		}
		w := counter.Take(row.Ref.Time())
		err := store.WriteCounts(w)
		if counter.Done(w, err == nil); err != nil {
			t.Fatal(err)
		}
	}
	published := []rows.Published{
		{Standard: rows.SPF, Name: "example.org", Text: hostile, First: testNow.Add(-90 * time.Hour), Last: testNow.Add(-50 * time.Hour)},
		{Standard: rows.SPF, Name: "example.org", Text: "v=spf1 -all" + hostile, First: testNow.Add(-49 * time.Hour), Last: testNow},
	}
	for i := range 60 { // of which the newest are shown
		name := fmt.Sprintf("s%d._domainkey.example.org", i)
		for j, text := range []string{strings.Repeat("<", 1900), strings.Repeat("&", 1900)} {
			published = append(published, rows.Published{Standard: rows.DKIM, Name: name, Text: text, First: testNow.Add(time.Duration(j*40-90) * time.Hour), Last: testNow.Add(time.Duration(j*40-60) * time.Hour)})
		}
	}
	if err := errors.Join(store.WriteRecords(published), store.Close()); err != nil {
		t.Fatal(err)
	}
	k.reader = sqlite.NewReader(k.dir)
	k.startReports(t)
	_, k.resolver = dnstest.Start(t, `$ORIGIN example.org.
@ MX 10 mx
@ TXT "v=spf1 <script>alert(1)</script> ?all"
@ TXT "\"'><evil onload=alert(1)>\027[31m\000\226\128\174"
_dmarc TXT "v=DMARC1; p=none; rua=mailto:<evil>@example.org"
mx A 192.0.2.1
`+manyTexts())
	return k
}

// manyTexts returns more texts of a name than a page shows, of letters that take much room.
func manyTexts() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "many TXT \"%d\" \"%s\" \"%s\"\n", i, strings.Repeat("<", 250), strings.Repeat("&", 250))
	}
	return b.String()
}

// startReports fills the store of reports.
func (k *keptSource) startReports(t *testing.T) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(t.TempDir(), "reports.db"), Now: func() time.Time { return testNow }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k.reports = s
	record, _ := json.Marshal(map[string]any{
		"source_ip": "192.0.2.9", "source_text": hostile, "count": 900, "disposition": hostile, "header_from": "example.org", "envelope_from": hostile,
		"dkim": []any{map[string]any{"domain": hostile, "selector": hostile, "result": "pass"}}, "spf": []any{map[string]any{"domain": hostile, "result": hostile}},
	})
	for i, kind := range []reports.ReceivedKind{reports.ReceivedAggregate, reports.ReceivedFailure, reports.ReceivedTLS, reports.ReceivedAggregate} {
		var document bytes.Buffer
		zip := gzip.NewWriter(&document)
		if kind == reports.ReceivedAggregate {
			_, _ = zip.Write(bytes.Repeat(append(record, '\n'), 300))
		} else {
			text, _ := json.Marshal(map[string]any{"organization-name": hostile, "user_agent": hostile, "feedback_type": hostile})
			_, _ = zip.Write(text)
		}
		_ = zip.Close()
		r := &reports.Received{
			Kind: kind, Reporter: hostile, Email: hostile, Domain: "example.org", ReportID: hostile, Begin: testNow.Add(-48 * time.Hour), End: testNow.Add(-24 * time.Hour),
			Messages: 900, Passed: 30, Records: 300, Head: []byte(`{"begin": "2026-11-27T16:00:00Z", "end": "2026-11-28T16:00:00Z", "policy_published": {"domain": "example.org", "p": "none"}}`), Document: document.Bytes(),
			Findings: deviation.List{{Name: hostile, Text: hostile, Count: 1}}, Arrived: testNow.Add(-time.Hour), Copies: 1, Place: hostile, From: hostile, Subject: hostile, MessageID: hostile,
			Author: hostile, Result: []string{"pass", "pass", "pass", "fail"}[i],
		}
		r.Key[0], r.Content[0] = byte(i), byte(i)
		if _, err := s.AddReceived(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	sent := &reports.Report{
		ID: "abc123", Kind: reports.Aggregate, Domain: hostile, Begin: testNow.Add(-48 * time.Hour), End: testNow.Add(-24 * time.Hour), Submitter: hostile, Created: testNow,
		Records: 2, Messages: 7, Document: []byte("x"),
	}
	_, err = s.Enqueue(t.Context(), sent, testNow, "ann@example.org", "<evil>@example.org", hostile+"@example.org")
	if err = errors.Join(err, s.Suppress(t.Context(), reports.Suppression{Address: "x@example.org", Reason: hostile, By: "bounce"})); err != nil {
		t.Fatal(err)
	}
}

// senderPages are the pages about senders and reports, with what each must say.
var senderPages = map[string][]string{
	"/domains?range=week&wait=long":                  {"Who fails most?", "40 of 60 messages failed DMARC in the last 7 days", `href="/domains/example.org?range=week"`, "50.0 %", `role="img"`},
	"/domains?range=nonsense&sort=share&wait=long":   {"in the last 7 days", "Share"},
	"/domains?range=day&sort=change&wait=long":       {"in the last 24 hours"},
	"/domains?range=quarter&sort=messages&wait=long": {"in the last 90 days"},
	"/domains/example.org?range=month&wait=long":     {"20 of 40 messages in the name of example.org (50.0 %) failed DMARC", "192.0.2.0/24", "61 records in the DNS changed in that time", "Of 61 records that changed, 12 are shown", "Messages"},
	"/domains/example.org?range=week&dns=yes":        {"What the DNS says now", "error"},
	"/domains/nothing.example?wait=long":             {"No mail came in the name of nothing.example"},
	"/forwarders?range=month&wait=long":              {"Who breaks mail?", `the list <bdi class="name">discuss.lists.example.net</bdi> <span class="quiet small">7</span>`, `sealed by <bdi class="name">lists.example.net</bdi> <span class="quiet small">7</span>`, "All 20 messages of the time", "forwarders = [&#34;192.0.2.0/24&#34;]", `href="/policy?add=192.0.2.0%2F24"`},
	"/own?wait=long":                                 {"Are my domains ready", "example.org", "not ready for p=quarantine", "Who sends in its name without proof"},
	"/reports/in":                                    {"What do others say of us?", "not proven", "4 reports"},
	"/reports/in?kind=tls&domain=example.org":        {"TLS"},
	"/reports/in/1":                                  {"Who sent in your name", "192.0.2.9", "200 records more"},
	"/reports/in/2":                                  {"one message in the name of example.org"},
	"/reports/in/3":                                  {"900 sessions"},
	"/reports/in/4":                                  {"Nobody vouches for it"},
	"/reports/sent":                                  {"What did we send", "3 deliveries", "1 address gets no reports"},
	"/reports/sent/abc123":                           {"goes to 3 addresses", "postvet report show abc123"},
	"/lookup":                                        {"What does the DNS say?"},
	"/lookup/example.org":                            {"has records of 2 types", "10 mx.example.org", "What the cache had", `name="token"`},
	"/lookup/" + url.PathEscape("192.0.2.1"):         {"192.0.2.1"},
	"/lookup/many.example.org":                       {"and 20 more"},
	"/lookup/nowhere.example.org":                    {"does not exist in the DNS"},
	"/domains?range=" + url.QueryEscape(hostile):     {"Who fails most?"},
}

// isNull finds a key whose value is null; a list never is.
var isNull = regexp.MustCompile(`"\w+": null`)

// TestSenders: each page shows what a real journal, store and DNS have, and nothing of it
// becomes markup.
func TestSenders(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	h := newTest(k)
	for path, want := range senderPages {
		w := get(t, h, path)
		page := w.Body.String()
		if w.Code != http.StatusOK || len(page) > 100<<10 {
			t.Errorf("%s: %d, %d octets", path, w.Code, len(page))
		}
		holds(t, path, page, want...)
		t.Run(path, func(t *testing.T) { checkHarmless(t, page) })
		place, query, _ := strings.Cut(path, "?")
		j := get(t, h, place+".json?"+query)
		if j.Code != http.StatusOK || !json.Valid(j.Body.Bytes()) || isNull.Match(j.Body.Bytes()) {
			t.Errorf("%s as JSON: %d, %q", path, j.Code, isNull.FindAll(j.Body.Bytes(), 5))
		}
	}
}

// TestSendersAbsent: names and reports that are not there, and names that are none.
func TestSendersAbsent(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	h := newTest(k)
	for path, status := range map[string]int{
		"/domains/" + url.PathEscape(hostile): 404, "/domains/a..b": 404, "/reports/in/99": 404, "/reports/in/x": 404, "/reports/in/-1": 404, "/reports/sent/abc": 404,
		"/reports/sent/" + url.PathEscape(hostile): 404, "/reports/in?domain=a..b": 400, "/lookup/" + url.PathEscape("a b"): 400, "/lookup/" + strings.Repeat("x", 300): 400,
		"/lookup?name=example.org": 303,
	} {
		w := get(t, h, path)
		if w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
		checkHarmless(t, w.Body.String())
	}
}

// TestSendersWithout: a journal that is off, empty or damaged, and a store that is off or
// damaged: each page says so, with what to write.
func TestSendersWithout(t *testing.T) {
	t.Parallel()
	empty, damaged := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "state.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	closed, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(t.TempDir(), "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	_, resolver := dnstest.Start(t, "example.org. MX 0 .\n")
	facts := source{facts: Facts{OwnDomains: []string{"example.org"}}}
	for name, x := range map[string]struct {
		source *keptSource
		paths  []string
		status int
		want   []string
	}{
		"journal off":     {&keptSource{source: facts, resolver: resolver}, []string{"/domains", "/domains/example.org", "/forwarders"}, 200, []string{"No journal is kept", "directory = &#34;/var/lib/postvet/journal&#34;"}},
		"journal empty":   {&keptSource{source: facts, dir: empty, reader: sqlite.NewReader(empty), resolver: resolver}, []string{"/domains", "/domains/example.org", "/forwarders"}, 200, []string{"Nothing is counted yet"}},
		"journal damaged": {&keptSource{source: facts, dir: damaged, reader: sqlite.NewReader(damaged), resolver: resolver}, []string{"/domains", "/domains/example.org", "/forwarders"}, 503, []string{"The journal cannot be read", "postvet journal verify"}},
		"reports off":     {&keptSource{source: facts, resolver: resolver}, []string{"/reports/in", "/reports/in/1", "/reports/sent", "/reports/sent/x"}, 200, []string{"No reports are kept", "[report]\ndirectory = &#34;/var/lib/postvet/reports&#34;\n", "inbox = ["}},
		"with journal":    {&keptSource{source: facts, dir: empty, reader: sqlite.NewReader(empty), resolver: resolver}, []string{"/reports/in"}, 200, []string{"No reports are kept", "[report]\n# the address of rua="}},
		"without, JSON":   {&keptSource{source: facts, resolver: resolver}, []string{"/domains.json", "/forwarders.json", "/reports/in.json", "/reports/in/1.json", "/reports/sent.json"}, 404, []string{`"error": "No `, `"paste": "[`}},
		"reports damaged": {&keptSource{source: facts, reports: closed, resolver: resolver}, []string{"/reports/in", "/reports/in/1", "/reports/sent", "/reports/sent/x"}, 503, []string{"The store of reports cannot be read", "postvet report received"}},
		"own, all off":    {&keptSource{source: facts, resolver: resolver}, []string{"/own"}, 200, []string{"No journal is kept. The page Messages has the lines", "No reports are kept. The page Received has the lines"}},
		"no own domains":  {&keptSource{resolver: resolver}, []string{"/own"}, 200, []string{"own_domains = ["}},
	} {
		for _, path := range x.paths {
			w := get(t, newTest(x.source), path)
			if w.Code != x.status {
				t.Errorf("%s, %s: %d, want %d", name, path, w.Code, x.status)
			}
			holds(t, name+", "+path, w.Body.String(), x.want...)
			checkHarmless(t, w.Body.String())
		}
	}
}

// TestFlush: an admin has the cache forget a name, by a form with a token alone.
func TestFlush(t *testing.T) {
	t.Parallel()
	k := startKept(t)
	h := newTest(k)
	post := func(token string) *httptest.ResponseRecorder {
		return postAs(h, "/lookup/192.0.2.1", url.Values{tokenField: {token}}, nil)
	}
	if w := post("wrong"); w.Code != http.StatusForbidden || len(k.flushed) != 0 {
		t.Errorf("without a token: %d, %q", w.Code, k.flushed)
	}
	w := post(h.forms.token(access.User{Role: access.Admin}))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "3 answers of 192.0.2.1 forgotten") || len(k.flushed) != 1 || k.flushed[0] != "1.2.0.192.in-addr.arpa" {
		t.Errorf("%d, %q\n%s", w.Code, k.flushed, w.Body)
	}
	checkHarmless(t, w.Body.String())
}
