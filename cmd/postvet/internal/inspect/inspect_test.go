package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/lookups"
	"github.com/postvet/postvet/cmd/postvet/internal/page/pagetest"
	"github.com/postvet/postvet/cmd/postvet/internal/route"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

// clock is the clock of tests whose reports tell for how long records hold.
func clock() time.Time { return time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestReports compares reports with testdata: each file has a zone, the name to
// inspect with selectors after it, the verdict, and the report as text and perhaps as
// JSON.
func TestReports(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in := map[string]string{}
			for _, f := range a.Files {
				in[f.Name] = string(f.Data)
			}
			_, resolver := dnstest.StartAt(t, in["zone"], clock)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			args := strings.Fields(in["name"])
			r := Inspect(ctx, resolver, args[0], Options{Selectors: args[1:], Now: clock, Plan: strings.TrimSpace(in["options"]) == "plan"})
			pagetest.Golden(t, file, a, r, *update)
			if n := r.Lookups; n > lookups.Max {
				t.Errorf("%d lookups", n)
			}
		})
	}
}

// TestHostileText: a report has nothing but printable text, whatever the DNS holds.
func TestHostileText(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, `
evil.example. MX 10 a\027[31m.evil.example.
evil.example. TXT "v=spf1 include:\027]0;pwned\007 a:\226\128\174x.example ?all"
_dmarc.evil.example. TXT "v=DMARC1; p=\027[2J; rua=mailto:x@\027.example"
sel._domainkey.evil.example. TXT "v=DKIM1; k=\027[2J; p=AAAA"
default._domainkey.evil.example. TXT "v=DKIM1\000\n\013"
s1._domainkey.evil.example. TXT "v=DKIM1; k=\096\096\096 | @all <b>[x](http://x.example) | \096; p=\096\096\096\096"
`)
	r := Inspect(t.Context(), resolver, "evil.example", Options{Selectors: []string{"sel", "a\x1bb"}})
	pagetest.Ticket(t, r)
	var text bytes.Buffer
	if err := r.Print(&text, layout.Screen{}); err != nil {
		t.Fatal(err)
	}
	if want := `"a\x1bb" cannot be a selector`; !strings.Contains(text.String(), want) {
		t.Errorf("no %s in %s", want, text.String())
	}
	for _, box := range []string{"├", "─", "│", "└"} {
		text = *bytes.NewBuffer(bytes.ReplaceAll(text.Bytes(), []byte(box), nil))
	}
	for _, c := range text.Bytes() {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("byte %#x in %q", c, text.String())
		}
	}
	var js bytes.Buffer
	enc := json.NewEncoder(&js)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		t.Fatal(err)
	}
	if s := strings.TrimSpace(js.String()); strings.Contains(strings.ReplaceAll(s, `\\`, ""), `\u`) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
		t.Errorf("control characters in %s", s)
	}
}

func TestPrintColor(t *testing.T) {
	t.Parallel()
	r := Inspect(t.Context(), nil, "not a name", Options{})
	var plain, colored bytes.Buffer
	if err := r.Print(&plain, layout.Screen{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Print(&colored, layout.Screen{Color: true}); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(plain.Bytes(), []byte("\x1b")) || !bytes.Contains(colored.Bytes(), []byte("\x1b[31merror\x1b[0m")) {
		t.Errorf("plain %q, coloured %q", plain.String(), colored.String())
	}
}

// TestDeadline: an inspection ends with its context if the resolver never answers.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		r := Inspect(ctx, silent{}, "example.org", Options{})
		if d := time.Since(began); d != 50*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if r.Verdict() != finding.Undetermined || r.Exists != Unknown || r.Errors != 0 {
			t.Errorf("%s, exists %s, %d errors", r.Verdict(), r.Exists, r.Errors)
		}
	})
}

type silent struct{}

func (silent) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Example.ORG.":                       "example.org",
		" example.org\n":                     "example.org",
		"bücher.example":                     "xn--bcher-kva.example",
		"_x.example.org":                     "_x.example.org",
		"":                                   "",
		".":                                  "",
		"a..b":                               "",
		"a b.example":                        "",
		"x@example.org":                      "",
		"\x1b.example":                       "",
		"\xff.example":                       "",
		"http://example.org":                 "",
		strings.Repeat("a", 64) + ".example": "",
		strings.Repeat("abcdefg.", 32) + "example": "",
	} {
		got, ok := normalize(in)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q %v, want %q", in, got, ok, want)
		}
	}
}

// TestBounds is about a domain that publishes as much as the DNS can carry: lookups
// and report are bounded.
func TestBounds(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	for i := range 60 {
		fmt.Fprintf(&zone, "big.example. MX %d mx%d.big.example.\n", i, i)
		for j := range 20 {
			fmt.Fprintf(&zone, "mx%d.big.example. A 198.51.%d.%d\n", i, i, j)
		}
		fmt.Fprintf(&zone, "i%d.big.example. TXT \"v=spf1 %s\"\n", i, strings.Repeat(fmt.Sprintf("include:i%d.big.example ", i+1), 5)+"-all")
		fmt.Fprintf(&zone, "r%d.example. A 185.0.2.1\n", i)
	}
	zone.WriteString("big.example. TXT \"v=spf1 include:i0.big.example -all\"\n")
	zone.WriteString(`_dmarc.big.example. TXT "v=DMARC1; p=none; rua=`)
	for i := range 9 {
		fmt.Fprintf(&zone, "mailto:d@r%d.example,", i)
	}
	zone.WriteString(`mailto:d@r10.example"` + "\n")
	_, resolver := dnstest.Start(t, zone.String())
	var selectors []string
	for i := range 500 {
		selectors = append(selectors, fmt.Sprint("s", i))
	}
	r := Inspect(t.Context(), resolver, "big.example", Options{Selectors: selectors})
	if len(r.MX.Hosts) != route.MaxHosts || len(r.MX.Hosts[0].Addresses) != route.MaxAddresses {
		t.Errorf("%d hosts, %d addresses", len(r.MX.Hosts), len(r.MX.Hosts[0].Addresses))
	}
	if r.DKIM.Probed > maxSelectors+len(wellKnown) || !r.SPF.Truncated || r.Lookups > 600 {
		t.Errorf("%d selectors, tree truncated %v, %d lookups", r.DKIM.Probed, r.SPF.Truncated, r.Lookups)
	}
	var text bytes.Buffer
	if err := r.Print(&text, layout.Screen{Color: true}); err != nil || text.Len() > 1<<20 {
		t.Errorf("%d bytes, %v", text.Len(), err)
	}
}
