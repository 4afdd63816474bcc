package browser

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postvet/postvet/policy/foreign"
)

// harmful returns what of foreign text became more than text in a page, and the words of the
// fields that it shows.
const harmful = `(() => {
	const harms = [];
	for (const e of document.querySelectorAll("evil, img, iframe, object, embed, base, script:not([src]), style, [style]")) harms.push("element " + e.outerHTML.slice(0, 100));
	for (const e of document.querySelectorAll("*")) {
		for (const a of e.attributes) {
			if (a.name.startsWith("on")) harms.push("attribute " + a.name);
			if (["href", "src", "action", "formaction"].includes(a.name) && URL.parse(a.value, location.href)?.origin !== location.origin) harms.push(a.name + " " + a.value.slice(0, 100));
		}
	}
	if (window.hit !== undefined) harms.push("a script ran");
	const html = document.documentElement.outerHTML;
	const unseen = html.match(/.{0,30}[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]/u);
	if (unseen) harms.push("character in " + JSON.stringify(unseen[0]));
	return { harms, fields: html.match(/zz-[a-z]+-zz/g) ?? [] };
})()`

// seen is what there is in a page.
type seen struct{ Harms, Fields []string }

// maxHostile bounds the pages that TestHostile opens.
const maxHostile = 75

// hostilePaths returns pages to begin with, in addition to those of TestPages: some to which
// links of strangers lead.
func hostilePaths() []string {
	asked := marked("asked") + markup + unseen
	query, segment := url.QueryEscape(asked), url.PathEscape(asked)
	return []string{
		"/messages?wait=long&since=30d", "/domains/evil.example?dns=yes", "/domains/exp.example?dns=yes", "/lookup/evil.example", "/lookup/exp.example",
		"/messages?wait=long&q=" + query, "/messages?as=" + query, "/messages?action=" + query + "&since=" + query, "/messages?domain=" + query, "/messages/" + segment,
		"/domains/" + segment, "/domains?range=" + query + "&sort=" + query, "/lookup/" + segment, "/reports/in?kind=" + query, "/reports/sent?state=" + query, "/reports/sent/" + segment,
		"/no-such/" + segment + "?x=" + query, "/login?to=" + query, "/messages?q=" + strings.Repeat("W", 3000),
	}
}

// hostileShown are the fields that pages must show.
var hostileShown = strings.Fields(`
	agent algorithm alignment arrivalauthor asked authfailure author bounce disposition dkimdomain dkimreason dmarcreason dmarcrecord dmarctag email
	faildkim failid failip fault file fo headerfrom headers headersubject helo iprev keyfile keyfolder keynote letterfrom letterhelo letterqueue listid
	local mailfrom mechanism messageid nokey oddity organization orgname originalfrom override overridetext policydomain ptr queue reasontype recorddomain
	redirect refused refusedtext relayhelo replytext reported reportid resultfault rua rule rulefault sealer selector sentaddress sentdomain sentid
	shadowrule sourceip spfdomain spfreason spfterm suppressed tls tlscode tlscontact tlsdomain tlshost tlsid tlsip tlsmore tlsmx tlsorg tlspolicy
	tlsresult user xmlsp`)

// TestHostile: whatever strangers write is only text, on each page, in its JSON and in what comes
// to the live page, from the journal, the reports, the DNS, files and messages. In Chromium
// nothing of it runs, and the Content-Security-Policy has nothing to stop.
func TestHostile(t *testing.T) {
	b := startBrowser(t)
	s := startHostileSite(t)
	x := b.open(t)
	x.run(chromedp.Navigate(s.url + "/live"))
	s.playHostile(t)
	await(x, `document.querySelectorAll("#live > li").length >= `+strconv.Itoa(len(hostileLetters)), true)
	x.isHarmless("/live, as they came")
	harmlessStream(t, s.url+"/live/events")

	next := hostilePaths()
	for _, p := range shown {
		next = append(next, p.path)
	}
	begun, paths, shapes, fields := len(next), map[string]bool{}, map[string]bool{}, map[string]bool{}
	for len(next) > 0 && len(paths) < maxHostile {
		path, _, _ := strings.Cut(next[0], "#")
		next = next[1:]
		shape := shapeOf(base + path)
		if begun--; paths[path] || begun < 0 && shapes[shape] && !isSingle(path) {
			continue
		}
		paths[path], shapes[shape] = true, true
		x.run(chromedp.Navigate(s.url + path))
		for _, f := range x.isHarmless(path) {
			fields[strings.Trim(f, "z-")] = true
		}
		harmlessJSON(t, s.url, path)
		for _, link := range evaluate[[]string](x, `[...document.querySelectorAll("main a[href]")].map((a) => a.getAttribute("href"))`) {
			if rest, ok := strings.CutPrefix(link, base); ok && isSingle(rest) {
				next, begun = slices.Insert(next, 0, rest), begun+1
			} else if ok {
				next = append(next, rest)
			}
		}
	}
	for _, f := range hostileShown {
		if !fields[f] {
			t.Errorf("no page shows the field %s", f)
		}
	}
	t.Logf("%d pages show %d fields: %s", len(paths), len(fields), strings.Join(slices.Sorted(maps.Keys(fields)), " "))
	b.seesHarm(t, s.url)
}

// isSingle reports whether a page is about one message or one report.
func isSingle(path string) bool {
	return (strings.HasPrefix(path, "/messages/") || strings.HasPrefix(path, "/reports/in/")) && !strings.Contains(path, "?")
}

// isHarmless returns the fields that the page shows.
func (x *tab) isHarmless(path string) []string {
	x.t.Helper()
	got := evaluate[seen](x, harmful)
	for _, h := range got.Harms {
		x.t.Errorf("%.300s: %s", path, h)
	}
	return got.Fields
}

// seesHarm checks that each harm is found in pages that have the Content-Security-Policy of our
// pages. Otherwise TestHostile proves nothing.
func (b *browser) seesHarm(t *testing.T, ours string) {
	r, err := http.Get(ours + "/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	policy := r.Header.Get("Content-Security-Policy")
	for _, tc := range []struct{ name, body, harm, fault string }{
		{"script", "<script>window.hit = 1</script>", "element <script>", "the policy stopped something"},
		{"style", `<p style="color: red">x</p>`, "element <p style", "the policy stopped something"},
		{"image", `<img src="http://other.example/x">`, "src http://other.example/x", "the policy stopped something"},
		{"attribute", `<p onclick="window.hit = 1">x</p>`, "attribute onclick", ""},
		{"element", "<evil>x</evil>", "element <evil>", ""},
		{"link", `<a href="javascript:alert(1)">x</a>`, "href javascript:", ""},
		{"direction", "x\u202ey", "character in", ""},
		{"no text", "x\u0085y", "character in", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Security-Policy", policy)
				_, _ = io.WriteString(w, "<!doctype html><meta charset=utf-8><link rel=icon href=/icon><title>x</title>"+tc.body)
			}))
			defer server.Close()
			x := b.open(t)
			x.run(chromedp.Navigate(server.URL))
			has := func(all []string, want string) bool {
				return slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, want) })
			}
			if got := evaluate[seen](x, harmful); !has(got.Harms, tc.harm) {
				t.Errorf("%q is not found in %q", tc.harm, got.Harms)
			}
			for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
				x.mu.Lock()
				faults := x.faults
				if has(faults, tc.fault) || tc.fault == "" {
					x.faults = nil // those were wanted
					x.mu.Unlock()
					return
				}
				x.mu.Unlock()
				if time.Now().After(end) {
					t.Fatalf("%q is not among the faults %q", tc.fault, faults)
				}
			}
		})
	}
}

// harmlessJSON reads the JSON of a page, or that which says why there is none.
func harmlessJSON(t *testing.T, pages, path string) {
	t.Helper()
	path, query, _ := strings.Cut(path, "?")
	if path == "/" {
		path = "/index"
	}
	r, err := http.Get(pages + path + ".json?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil || !json.Valid(body) || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("the JSON of %.200s: %v, %s, %.100q", path, err, r.Header.Get("Content-Type"), body)
	}
	if i := strings.IndexFunc(string(body), func(c rune) bool { return strings.ContainsRune("<>&", c) || c != '\n' && !foreign.IsReadable(c) }); i >= 0 {
		t.Errorf("the JSON of %.200s has %.80q", path, body[i:])
	}
}

// harmlessStream reads what comes to the live page.
func harmlessStream(t *testing.T, address string) {
	t.Helper()
	client := http.Client{Timeout: patience}
	r, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	rows := 0
	for rows < len(hostileLetters) && lines.Scan() {
		line := lines.Text()
		rows += strings.Count(line, "<li ")
		if strings.Contains(line, "<evil") || strings.Contains(line, "<script") || strings.Contains(line, "<img") || strings.ContainsFunc(line, func(c rune) bool { return !foreign.IsReadable(c) }) {
			t.Errorf("the stream has %.1000q", line)
		}
	}
	if rows != len(hostileLetters) {
		t.Errorf("%d messages came in the stream: %v", rows, lines.Err())
	}
}
