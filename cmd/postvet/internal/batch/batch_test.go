package batch

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/cmd/postvet/internal/inspect"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

var update = flag.Bool("update", false, "rewrite the wanted output in testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet is a zone with domains of a provider, n of them, and their names.
func fleet(n int) (zone string, names []string) {
	var b strings.Builder
	b.WriteString(`mx1.provider.example. A 185.0.2.1
1.2.0.185.in-addr.arpa. PTR mx1.provider.example.
spf.provider.example. TXT "v=spf1 ip4:185.0.2.0/28 -all"
key._domainkey.provider.example. TXT "v=DKIM1; p="
`)
	for i := range n {
		name := fmt.Sprintf("d%d.example", i)
		fmt.Fprintf(&b, "%s. MX 10 mx1.provider.example.\n%[1]s. TXT \"v=spf1 include:spf.provider.example -all\"\n_dmarc.%[1]s. TXT \"v=DMARC1; p=reject\"\n", name)
		names = append(names, name)
	}
	return b.String(), names
}

// TestThousandDomains inspects a fleet against a server on loopback. What the
// domains have in common is asked once for all of them.
func TestThousandDomains(t *testing.T) {
	t.Parallel()
	n := 1000
	if testing.Short() {
		n = 100
	}
	zone, names := fleet(n)
	server, resolver := dnstest.Start(t, zone)
	began := time.Now()
	var sum Summary
	err := Run(t.Context(), resolver, names, Options{Timeout: time.Minute}, func(r *inspect.Report) error {
		if want := names[len(sum.rows)]; r.Name != want {
			t.Fatalf("%s came in place of %s", r.Name, want)
		}
		sum.Add(r)
		return nil
	})
	if err != nil || len(sum.rows) != n || sum.Failed > 0 {
		t.Fatalf("%d domains, %d lookups failed, %v", len(sum.rows), sum.Failed, err)
	}
	asked := map[dnstest.Query]int{}
	for _, q := range server.Queries() {
		q.Net = ""
		asked[q]++
		// A busy machine may lose a packet, which is sent again.
		if strings.HasSuffix(q.Name, "provider.example") && asked[q] > 5 {
			t.Fatalf("%v was asked %d times", q, asked[q])
		}
	}
	t.Logf("%d domains in %v: %d lookups, %d questions", n, time.Since(began).Round(time.Millisecond), sum.Lookups, len(asked))
	if sum.Lookups > 80*n || len(asked) > 70*n {
		t.Errorf("%d lookups and %d questions for %d domains", sum.Lookups, len(asked), n)
	}
}

// TestSummary compares the table of domains in all states with testdata.
func TestSummary(t *testing.T) {
	t.Parallel()
	zone, names := fleet(2)
	long := strings.Repeat("a-long-label-of-a-name.", 8) + "example"
	_, resolver := dnstest.Start(t, zone+`
open.example. TXT "v=spf1 +all"
open.example. MX 0 .
$FAULT dead.example * SERVFAIL
$FAULT _dmarc.dead.example * SERVFAIL
`)
	var sum Summary
	names = append(names, "open.example", "dead.example", long, "no such\x1b[2J name", "gone.example")
	err := Run(t.Context(), resolver, names, Options{Timeout: time.Minute}, func(r *inspect.Report) error {
		sum.Add(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, screen := range []layout.Screen{{Width: 80}, {}} {
		if err := sum.Print(&got, screen); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(got.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); screen.Width > 0 && n > screen.Width {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
	compare(t, "testdata/summary.txt", got.String())
	got.Reset()
	if err := sum.Markdown(&got); err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/summary.md", got.String())
}

// compare compares an output with a file.
func compare(t *testing.T, file, got string) {
	t.Helper()
	got = regexp.MustCompile(`\d+ lookups`).ReplaceAllString(got, "N lookups") // not of this package
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}

// stuck is a resolver that answers for top-level domains alone, and counts who waits.
type stuck struct {
	mu      sync.Mutex
	waiting map[string]bool // names of domains
}

func (s *stuck) Lookup(ctx context.Context, name string, _ dnscache.Type) *dnscache.Answer {
	switch strings.Count(name, ".") {
	case 0:
		return &dnscache.Answer{Outcome: dnscache.NoData}
	case 1:
		if name == "_dmarc.example" { // all of them ask for it
			break
		}
		s.mu.Lock()
		s.waiting[name] = true
		s.mu.Unlock()
	}
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

// TestBounds: a bounded number of domains is inspected at a time, each for a bounded time,
// and the end of the context ends all.
func TestBounds(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("d%d.example", i))
	}
	synctest.Test(t, func(t *testing.T) {
		s := &stuck{waiting: map[string]bool{}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		reports := 0
		go func() {
			ended <- Run(ctx, s, names, Options{Timeout: time.Minute}, func(r *inspect.Report) error {
				if r.Exists != inspect.Unknown || r.Errors > 0 {
					t.Errorf("%s exists: %s, %d errors", r.Name, r.Exists, r.Errors)
				}
				reports++
				return nil
			})
		}()
		synctest.Wait()
		s.mu.Lock()
		if n := len(s.waiting); n > atOnce || n == 0 {
			t.Errorf("%d domains at a time", n)
		}
		s.mu.Unlock()
		time.Sleep(time.Minute + time.Second)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || reports != atOnce {
			t.Errorf("%d reports, %v", reports, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left")
		err := Run(t.Context(), &stuck{waiting: map[string]bool{}}, names, Options{Timeout: time.Second}, func(*inspect.Report) error { return full })
		if !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
	})
}

func TestReadNames(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range MaxNames + 1 {
		fmt.Fprintf(&many, "d%d.example\n", i)
	}
	label := strings.Repeat("a", 63) + "."
	longest := label + label + label + strings.Repeat("b", 61) // 253 octets
	for _, tt := range []struct {
		name, text string
		want       []string
		err        error
	}{
		{"the longest name, with its dot and without, and a longer one", longest + ".\r\n" + longest + "\r\nb" + longest + "\r\n", []string{longest, "b" + longest}, nil},
		{"NUL, and the mark of UTF-8 within", "a\x00.example\n\x00\n\ufeff\ufeffb.example\n", []string{"a\x00.example", "\x00", "b.example"}, nil},
		{"names of other letters, as users and the DNS write them", "B\u00dcCHER.example\nxn--bcher-kva.example\nxn--a.example\n", []string{"xn--bcher-kva.example", "xn--a.example"}, nil},
		{"comments, blanks, repetitions", "\ufeffA.example # ours\r\n\n# all\n  b.example.\na.EXAMPLE\nb\u00fccher.example", []string{"a.example", "b.example", "xn--bcher-kva.example"}, nil},
		{"no names stay, once", "a b\n\x1b[2J\na b\n\xff", []string{"a b", "\x1b[2J", "\xff"}, nil},
		{"nothing", "# none\n\n", nil, ErrEmpty},
		{"too many", many.String(), nil, ErrTooLong},
		{"too large", strings.Repeat("#", maxOctets+1), nil, ErrTooLong},
	} {
		got, err := ReadNames(strings.NewReader(tt.text))
		if d := cmp.Diff(tt.want, got); d != "" || !errors.Is(err, tt.err) {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, d)
		}
	}
	if got, err := ReadNames(bytes.NewReader(bytes.Repeat([]byte("a"), 1<<20))); err != nil || len(got) != 1 || len(got[0]) > 300 {
		t.Errorf("%d names, %v", len(got), err)
	}
}
