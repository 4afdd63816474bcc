package counts

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// encode returns the row of a message.
func encode(at time.Time, org, client string, change func(*rows.Row)) []byte {
	r := &rows.Row{
		Ref: result.FirstReference(at),
		Results: &result.Results{
			Client: result.ClientResult{IP: client}, Author: message.Author{Domain: org},
			DMARC: dmarc.Result{Status: "pass", OrganizationalDomain: org},
		},
		Verdict: &result.Verdict{Action: result.Accept, Intended: result.Accept, Rule: "dmarc-pass"},
	}
	if change != nil {
		change(r)
	}
	return (&rows.Encoder{}).Append(nil, r, rows.Domains)
}

func count(t testing.TB, c *Counter, all ...[]byte) {
	t.Helper()
	for _, b := range all {
		if err := c.Count(b); err != nil {
			t.Fatal(err)
		}
	}
}

// present returns the hours that a reader finds in what was written.
func present(t testing.TB, parts []Part) []Hour {
	t.Helper()
	all, err := Hours(parts)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFields(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change func(*rows.Row)
		want   []Field
		facts  bool
	}{
		"pass": {nil, []Field{All, Passed}, false},
		"reject": {func(r *rows.Row) {
			r.Results.DMARC.Status, r.Verdict.Action = "fail", result.Reject
		}, []Field{All, Failed, Rejected}, true},
		"monitored": {func(r *rows.Row) {
			r.Results.DMARC.Status, r.Verdict.Intended, r.Verdict.Monitored = "fail", result.Quarantine, true
		}, []Field{All, Failed, Would, Spared}, true},
		"held":          {func(r *rows.Row) { r.Verdict.Action = result.Quarantine }, []Field{All, Passed, Quarantined}, true},
		"deferred":      {func(r *rows.Row) { r.Results.DMARC.Status, r.Verdict.Action = "temperror", result.TempFail }, []Field{All, Undecided, Deferred}, true},
		"redirected":    {func(r *rows.Row) { r.Verdict.Action = result.Redirect }, []Field{All, Passed, Redirected}, true},
		"discarded":     {func(r *rows.Row) { r.Verdict.Action = result.Discard }, []Field{All, Passed, Discarded}, true},
		"no policy":     {func(r *rows.Row) { r.Results.DMARC.Status = "none" }, []Field{All, NoPolicy}, false},
		"not evaluated": {func(r *rows.Row) { r.Results.DMARC.Status = "" }, []Field{All}, false},
		"shadow":        {func(r *rows.Row) { r.ShadowAction, r.ShadowRule = result.Reject, "partners" }, []Field{All, Passed, Shadow, Spared}, true},
		"shadow accepts": {func(r *rows.Row) {
			r.Verdict.Action, r.ShadowAction = result.Reject, result.Accept
		}, []Field{All, Passed, Rejected}, true},
		"override": {func(r *rows.Row) {
			r.Results.DMARC.Status, r.Verdict.Overrides = "fail", []result.Override{{Reason: result.ReasonMailingList, By: "x"}}
		}, []Field{All, Failed, Overridden}, true},
		"forwarded": {func(r *rows.Row) { r.Verdict.Hints = []result.Hint{{Word: result.HintForwarded}} }, []Field{All, Passed, Forwarded}, false},
		"broken": {func(r *rows.Row) {
			r.Results.DMARC.Status, r.Verdict.Hints = "fail", []result.Hint{{Word: result.HintList}}
		}, []Field{All, Failed, Forwarded, Broken}, true},
	} {
		c := &Counter{}
		count(t, c, encode(noon, "example.org", "192.0.2.77", x.change))
		h := present(t, c.Take(noon).Recent)[0]
		var want Sums
		for _, f := range x.want {
			want[f] = 1
		}
		got := h.of(Domain, "example.org")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if h.of(Client, "192.0.2.0/24") != got || h.of(Rule, "dmarc-pass") != got || h.Sum() != got {
			t.Errorf("%s: the client and the rule are counted in another way", name)
		}
		facts := 0
		_ = h.EachFacts(func(f Facts, n int64) error {
			if facts++; n != 1 || f.Org != "example.org" || f.Rule != "dmarc-pass" || f.Override != "" && f.Override != "mailing_list" {
				t.Errorf("%s: facts %+v", name, f)
			}
			return nil
		})
		if (facts == 1) != x.facts {
			t.Errorf("%s: %d facts", name, facts)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.0/24", "1.2.3.4": "1.2.3.0/24", "2001:db8:1:2::3": "2001:db8:1::/48", "::ffff:192.0.2.1": "192.0.2.0/24",
		"::1": "::/48", "fe80::1%eth0": "fe80::/48", "": None, "x": None, "1.2.3": None, "1.2.3.4.5": None, "1.2.3.256": None, "1..2.3": None, "01.2.3.4": None, "1.2.3.": None, "'; DROP": None,
	} {
		if got := string(appendNetwork(nil, []byte(in))); got != want {
			t.Errorf("%q is of %q, want %q", in, got, want)
		}
	}
}

// TestNamesThatMislead: a sender may call itself as what stands for others.
func TestNamesThatMislead(t *testing.T) {
	t.Parallel()
	c := &Counter{}
	for _, name := range []string{"", Other, None, "(all)", "a\x00b", "\x1b[2J\u202e", strings.Repeat("x", 5000)} {
		count(t, c, encode(noon, name, "192.0.2.1", func(r *rows.Row) { r.Results.DMARC.Status = "fail" }))
	}
	h := present(t, c.Take(noon).Recent)[0]
	var n int64
	if err := h.EachFacts(func(f Facts, m int64) error { n += m; return nil }); err != nil || n != 7 || h.All != 7 {
		t.Errorf("%d facts of %d messages, %v", n, h.All, err)
	}
	_ = h.Each(func(_ Kind, name string, _ *Sums) error {
		if strings.ContainsAny(name, "\x00\x1b\u202e") || len(name) > 255 {
			t.Errorf("name %q", name)
		}
		return nil
	})
}

// TestFlood counts a million domains and clients that a sender invented: memory, size and
// time are bounded, and sums stay exact.
func TestFlood(t *testing.T) {
	c := &Counter{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	began := time.Now()
	row := encode(noon, "company0000000.example", "100.100.100.1", func(r *rows.Row) { r.Results.DMARC.Status = "fail" })
	first := slices.Clone(row)
	largest := 0
	for i := range n {
		patch(row, "company", fmt.Appendf(nil, "%07d", i))
		patch(row, "\x0d1", fmt.Appendf(nil, "%02d.1%02d.1%02d.1", i/10_000, i/100%100, i%100))
		count(t, c, row)
		if i%100_000 == 0 {
			w := c.Take(noon)
			largest = max(largest, len(w.Recent[0].Octets))
			c.Done(w, true)
		}
	}
	count(t, c, first)
	runtime.GC()
	runtime.ReadMemStats(&after)
	w := c.Take(noon.Add(time.Hour)) // it was used
	c.Done(w, true)
	w = c.Take(noon.Add(time.Hour))
	h := w.Over[0]
	names := map[Kind]int{}
	sums := map[Kind]int64{}
	_ = h.Each(func(k Kind, _ string, s *Sums) error {
		names[k]++
		sums[k] += s[Failed]
		return nil
	})
	var facts, factSum int64
	_ = h.EachFacts(func(_ Facts, n int64) error {
		facts++
		factSum += n
		return nil
	})
	want := int64(n) + 1
	if names[Domain] != MaxNames || names[Client] != MaxNames || facts > MaxNames || sums[Domain] != want || sums[Client] != want || factSum != want || h.All != want {
		t.Errorf("%v names, %v messages, %d facts of %d messages, want %d", names, sums, facts, factSum, want)
	}
	if h.of(Domain, "company0000000.example")[All] != 2 || h.of(Domain, Other)[All] != int64(n-MaxNames+1) || c.Stats().Other[Domain] != int64(n-MaxNames+1) {
		t.Errorf("the first domain has %d messages, the others %d", h.of(Domain, "company0000000.example")[All], h.of(Domain, Other)[All])
	}
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d messages in %s, %d octets of memory, at most %d in a part", n, time.Since(began).Round(time.Millisecond), used, largest)
	if used > 24<<20 || largest > 6<<20 {
		t.Errorf("%d octets of memory, %d in a part", used, largest)
	}
}

// patch replaces the octets behind each place of a text in an encoded row.
func patch(row []byte, behind string, octets []byte) {
	for i := 0; ; {
		at := bytes.Index(row[i:], []byte(behind))
		if at < 0 {
			return
		}
		i += at + len(behind)
		copy(row[i:], octets)
	}
}

// TestTake writes what has changed, and everything if a part was lost or is worth it.
func TestTake(t *testing.T) {
	t.Parallel()
	c := &Counter{}
	var kept []Part
	take := func(at time.Time, keep bool) *Write {
		w := c.Take(at)
		c.Done(w, keep)
		if keep {
			kept = append(kept, w.Recent...)
		}
		return w
	}
	count(t, c, encode(noon, "a.example", "192.0.2.1", nil))
	if w := take(noon, true); len(w.Recent) != 1 || !w.Recent[0].Whole {
		t.Errorf("the first part: %+v", w)
	}
	if w := take(noon, true); len(w.Recent) != 0 {
		t.Errorf("nothing was counted: %+v", w)
	}
	count(t, c, encode(noon, "b.example", "192.0.2.1", nil))
	if w := take(noon, false); len(w.Recent) != 1 || w.Recent[0].Whole || strings.Contains(string(w.Recent[0].Octets), "a.example") {
		t.Errorf("a part: %+v", w)
	}
	if w := take(noon, true); len(w.Recent) != 1 || !w.Recent[0].Whole || !strings.Contains(string(w.Recent[0].Octets), "a.example") {
		t.Errorf("the part after one that was lost: %+v", w)
	}
	r := rand.New(rand.NewPCG(1, 1))
	whole := 0
	for range 300 {
		for range 200 {
			count(t, c, encode(noon, fmt.Sprintf("company%d.example", r.IntN(2000)), "192.0.2.1", nil))
		}
		if w := take(noon, true); w.Recent[0].Whole {
			whole++
		}
	}
	if whole == 0 || whole > 30 {
		t.Errorf("%d of 300 parts are whole", whole)
	}
	h := present(t, kept)
	if len(h) != 1 || h[0].All != 60_002 {
		t.Fatalf("%d messages are read, want 60002", h[0].All)
	}
	// What fails to be written when the hour is over comes again, with what came meanwhile.
	late := noon.Add(time.Hour)
	w := c.Take(late)
	count(t, c, encode(noon, "a.example", "192.0.2.1", nil))
	c.Done(w, false)
	take(late, true)
	w = take(late, true)
	if len(w.Over) != 1 || w.Over[0].All != 60_003 || w.Over[0].of(Domain, "a.example")[All] != 2 || len(c.hours) != 0 {
		t.Errorf("%+v", w.Over)
	}
}

// TestClock bounds the hours in memory, whatever the clock does.
func TestClock(t *testing.T) {
	t.Parallel()
	c := &Counter{}
	for i := range 100 {
		count(t, c, encode(noon.Add(time.Duration(i)*1000*time.Hour), "a.example", "192.0.2.1", nil))
	}
	if len(c.hours) != maxHours {
		t.Errorf("%d hours", len(c.hours))
	}
	c.Miss(noon, 3)
	c.Done(c.Take(noon), true)
	var n, missing int64
	for _, h := range c.Take(noon).Over {
		n, missing = n+h.All, missing+h.Missing
	}
	for _, h := range c.hours {
		n, missing = n+h.n, missing+h.missing
	}
	if n != 100 || missing != 3 {
		t.Errorf("%d messages and %d missing, want 100 and 3", n, missing)
	}
}

// FuzzParts reads parts that a stranger wrote.
func FuzzParts(f *testing.F) {
	c := &Counter{}
	count(f, c, encode(noon, "example.org", "192.0.2.1", func(r *rows.Row) { r.Results.DMARC.Status = "fail" }))
	f.Add(c.Take(noon).Recent[0].Octets)
	f.Add([]byte{})
	f.Add([]byte{partVersion, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := Hours([]Part{{At: noon, Octets: b}})
		if err != nil {
			return
		}
		again := all[0].hour.appendPart(nil, true)
		more, err := Hours([]Part{{At: noon, Octets: again}})
		if err != nil || more[0].All != all[0].All || more[0].Sum() != all[0].Sum() {
			t.Errorf("%x is read as %x, %v", b, again, err)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	z := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.15, 1, 99_999)
	pool := make([][]byte, 20_000)
	for i := range pool {
		n := z.Uint64()
		pool[i] = encode(noon, fmt.Sprintf("company%d.example", n), fmt.Sprintf("192.%d.%d.1", n>>8&255, n&255), func(r *rows.Row) {
			if i%13 == 0 {
				r.Results.DMARC.Status, r.Verdict.Action, r.Verdict.Rule = "fail", result.Reject, "dmarc-reject"
				r.Verdict.Hints = []result.Hint{{Word: result.HintList}}
			}
		})
	}
	c := &Counter{}
	i := 0
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		count(b, c, pool[i%len(pool)])
		if i++; i%50_000 == 0 { // 5,000 a second
			c.Done(c.Take(noon), true)
		}
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(i), "cpu-ns/op") // of a machine that does other work too
}
