package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pagesRows is the number of messages in the journal of TestWebOfManyRows, such as 10000000, which
// need 5 GB and a quarter of an hour. pagesDir is where they are kept for the next time; by default
// they are removed. They are read here, as TestMain takes such variables away.
var (
	pagesRows, _ = strconv.Atoi(os.Getenv("POSTVET_WEB_ROWS"))
	pagesDir     = os.Getenv("POSTVET_WEB_DIR")
)

const (
	// pageMedian and pageOctets bound a page that does not say how far back it searched.
	pageMedian = 300 * time.Millisecond
	pageOctets = 100 << 10
	// pageTimes is how often each page is asked for.
	pageTimes = 5
)

// rowsPages are the pages, as people ask for them. REF, QUEUE and ID are those of a message half
// as old as the oldest, REFUSED is the reference of one that was refused.
var rowsPages = []string{
	"/", "/live", "/fleet", "/status", "/policy", "/keys", "/audit", "/about", "/forget",
	"/domains?range=day", "/domains", "/domains?range=month", "/domains?range=quarter", "/domains?sort=messages&range=month", "/domains?sort=messages&range=quarter", "/domains?sort=share&range=month", "/domains?sort=would&range=month",
	"/domains/company0.example", "/domains/company0.example?range=day", "/domains/company0.example?range=month", "/domains/company0.example?range=quarter",
	"/domains/company3.example?range=month", "/domains/company170.example?range=month", "/domains/company90001.example", "/domains/company90001.example?range=quarter", "/domains/nothing.example?range=quarter", "/domains/news.company7.example?range=quarter",
	"/forwarders?range=day", "/forwarders", "/forwarders?range=month", "/forwarders?range=quarter", "/own",
	"/held", "/held?since=30d", "/held?domain=company0.example&since=30d", "/held?domain=company90001.example&since=30d",
	"/reports/in", "/reports/in?domain=company3.example", "/reports/in/1", "/reports/sent", "/reports/sent?state=problems", "/reports/sent?state=done",
	"/messages", "/messages?since=30d", "/messages?action=reject", "/messages?action=quarantine&since=30d", "/messages?action=tempfail&since=30d", "/messages?action=discard&since=30d", "/messages?dmarc=fail&since=30d", "/messages?hint=forwarded", "/messages?hint=spf_broken&since=30d", "/messages?rule=no-such-rule&since=30d",
	"/messages?q=company0.example", "/messages?q=company170.example&since=30d", "/messages?q=company90001.example&since=30d", "/messages?q=company90001.example&since=30d&as=sender", "/messages?q=example.com&as=recipient", "/messages?q=nothing.example&since=90d", "/messages?q=example",
	"/messages?q=user17%40example.com", "/messages?q=user17%40example.com&as=recipient&since=30d", "/messages?q=nobody%40nothing.example&since=90d", "/messages?q=nobody%40nothing.example&as=sender&since=90d", "/messages?q=%3C%3E",
	"/messages?q=10.0.0.1", "/messages?q=10.0.0.0%2F24", "/messages?q=10.0.0.0%2F8&since=30d", "/messages?q=192.0.2.1&since=90d",
	"/messages?q=QUEUE", "/messages?q=4Xffffffffffff", "/messages?q=REF", "/messages?q=01J9ZZZZZZZZZ", "/messages?q=ID", "/messages?q=%3Cnobody%40nothing.example%3E", "/messages?q=no+such+words",
	"/messages?since=90d&until=60d", "/messages?since=90d&until=45d&action=reject", "/messages?since=59d&until=58d&q=company90001.example", "/messages?since=59d&until=58d&q=user17%40example.com", "/messages?action=reject&q=company90001.example&since=90d",
	"/messages/REF?dns=no", "/messages/REF", "/messages/REFUSED?dns=no", "/check", "/lookup", "/lookup/company0.example",
}

// TestWebOfManyRows: each page comes in 300 ms or says that it was not read to the end, and is
// smaller than 100 KB. It prints a table: the time of the first request, with nothing of the journal in
// memory, the median and the worst of the others, and the CPU time, in milliseconds.
func TestWebOfManyRows(t *testing.T) {
	if pagesRows == 0 {
		t.Skip("POSTVET_WEB_ROWS does not say how many messages the journal has")
	}
	dir := pagesDir
	if dir == "" {
		dir = t.TempDir()
	}
	own := []string{"company3.example", "company17.example", "company40000.example"}
	journal, known := filepath.Join(dir, "j"), filepath.Join(dir, "known")
	if _, err := os.Stat(known); err != nil {
		began := time.Now()
		row := fillJournal(t, journal, pagesRows)
		t.Logf("%d messages in %v", pagesRows, time.Since(began).Round(time.Second))
		fillPatterns(t, journal)
		fillReports(t, journal, own)
		if err := os.WriteFile(known, fmt.Appendf(nil, "%s %s %s", row.Ref, row.Queue, row.MessageID), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(text))
	listen := filepath.Join(t.TempDir(), "w")
	began := time.Now()
	s, _, _ := startControlled(t, fmt.Sprintf("[journal]\ndirectory = %q\nkeep = \"2160h\"\nkeep_accepted = \"2160h\"\nmin_free = 0\n[web]\nlisten = \"unix:%s\"\n[policy]\nown_domains = [%q, %q, %q]\n[report]\ncollect = true\ninbox = [\"dmarc@company3.example\"]\n",
		journal, listen, own[0], own[1], own[2]))
	t.Logf("serving after %v", time.Since(began).Round(time.Millisecond))
	p := &pageTimer{t: t, s: s, w: newWebClient(t, listen), journal: journal}
	refused := struct {
		Messages []struct{ Ref string }
	}{}
	if err := json.Unmarshal([]byte(p.w.get("/messages.json?action=reject&wait=long")), &refused); err != nil || len(refused.Messages) == 0 {
		t.Fatal(err, refused)
	}
	named := strings.NewReplacer("REFUSED", refused.Messages[0].Ref, "REF", f[0], "QUEUE", f[1], "ID", url.QueryEscape(f[2]))
	table := []string{"page | status | cold | median | worst | CPU | octets | JSON | searched"}
	for _, path := range rowsPages {
		t.Run(path, func(t *testing.T) {
			p.t, p.w.t = t, t
			table = append(table, p.measure(path, named.Replace(path)))
		})
	}
	p.t, p.w.t = t, t
	began = time.Now()
	tried := p.w.post("/policy", http.StatusOK, url.Values{"rules": {"[policy]\ndmarc = \"mark\"\n"}, "days": {"7"}})
	table = append(table, fmt.Sprintf("POST /policy | 200 | | %s | | | %d", time.Since(began).Round(time.Millisecond), len(tried)))
	_, note, _ := strings.Cut(tried, `<p class="note">`)
	note, _, _ = strings.Cut(note, "</p>")
	t.Log(note)
	if took := time.Since(began); took > 10*time.Second || !strings.Contains(note, "searched back to") && took > 7*time.Second {
		t.Errorf("a trial of a week took %v", took)
	}
	t.Log(strings.Join(table, "\n"))
}

// pageTimer measures pages.
type pageTimer struct {
	t       *testing.T
	s       *serveProcess
	w       *webClient
	journal string
}

// measure asks for a page and its JSON.
func (p *pageTimer) measure(name, path string) string {
	t := p.t
	t.Helper()
	place, query, _ := strings.Cut(path, "?")
	if place == "/" {
		place = "/index"
	}
	twin := place + ".json?" + query
	p.dropFiles()
	cold, status, _ := p.ask(path)
	_, _, _ = p.ask(twin)
	var walls, twins []time.Duration
	var page, value []byte
	before := p.cpu()
	for range pageTimes {
		var took time.Duration
		took, status, page = p.ask(path)
		walls = append(walls, took)
	}
	cpu := (p.cpu() - before) / pageTimes
	for range pageTimes {
		var took time.Duration
		took, _, value = p.ask(twin)
		twins = append(twins, took)
	}
	slices.Sort(walls)
	slices.Sort(twins)
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) }
	searched := ""
	if strings.Contains(strings.ToLower(string(page)), "searched back to") {
		searched = "back to ..."
	} else if strings.Contains(string(page), "Not all of this page could be read") {
		searched = "in part"
	}
	median := walls[pageTimes/2]
	mark := ""
	if median > pageMedian && searched == "" {
		mark = " SLOW"
	}
	if len(page) > pageOctets {
		mark += " LARGE"
	}
	if mark != "" {
		t.Errorf("it takes %v, and has %d octets", median, len(page))
	}
	return fmt.Sprintf("%s | %d | %s | %s | %s | %s | %d | %s, %d | %s%s", name, status, ms(cold), ms(median), ms(max(walls[pageTimes-1], twins[pageTimes-1])), ms(cpu), len(page), ms(twins[pageTimes/2]), len(value), searched, mark)
}

// ask returns an answer, and how long it took to the last octet. If it redirects, the time of both
// requests counts.
func (p *pageTimer) ask(path string) (time.Duration, int, []byte) {
	began := time.Now()
	r, err := p.w.client.Get("http://postvet" + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= http.StatusInternalServerError {
		p.t.Errorf("%s: %d, %v\n%s", path, r.StatusCode, err, body[:min(len(body), 3000)])
	}
	return time.Since(began), r.StatusCode, body
}

// cpu returns the CPU time of the service.
func (p *pageTimer) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.s.proc.Pid()))
	if err != nil {
		p.t.Fatal(err)
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// dropFiles has the kernel drop the journal from its cache of files.
func (p *pageTimer) dropFiles() {
	names, _ := filepath.Glob(filepath.Join(p.journal, "*.db"))
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			p.t.Fatal(err)
		}
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		_ = f.Close()
	}
}
