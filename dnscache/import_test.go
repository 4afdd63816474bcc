package dnscache_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// exported returns the snapshot of a cache for another one.
func exported(t testing.TB, r *dnscache.Resolver) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Export())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestImport has a second cache take the answers of the first: those that were found, for the
// rest of their time, without the word about DNSSEC and without a time after their end.
func TestImport(t *testing.T) { undisturbed(t, imports) }

func imports(t testing.TB) {
	s, r, clock := fixture(t, snapshotZone, dnscache.Options{TrustAD: dnscache.TrustAll})
	for _, q := range snapshotQuestions {
		r.Lookup(t.Context(), q.name, q.typ)
	}
	r.Lookup(t.Context(), "short.example.test", dnscache.TXT)
	r.Lookup(t.Context(), "fail.example.test", dnscache.TXT)
	clock.advance(20 * time.Second)
	s.Forget()
	warm := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, TrustAD: dnscache.TrustAll})
	done, err := warm.Import(bytes.NewReader(exported(t, r)), dnscache.Origin{Asked: clock.now()})
	if want := (dnscache.Imported{Loaded: 9}); err != nil || done != want {
		t.Errorf("%+v, want %+v, %v", done, want, err)
	}
	for _, q := range snapshotQuestions {
		want := r.Lookup(t.Context(), q.name, q.typ)
		if want.Outcome != dnscache.Found {
			continue
		}
		got := warm.Lookup(t.Context(), q.name, q.typ)
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(dnscache.Answer{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(dnscache.Answer{}, "Authentic")); d != "" {
			t.Errorf("%s %v (-want +got):\n%s", q.name, q.typ, d)
		}
		if got.Authentic {
			t.Errorf("%s %v is authentic because another says so", q.name, q.typ)
		}
	}
	if n := len(s.Queries()); n != 0 {
		t.Errorf("%d queries", n)
	}
	held, _ := warm.Select(dnscache.Selection{Name: "text.example.test"})
	if len(held) != 1 || !held[0].Foreign {
		t.Errorf("held %+v", held)
	}
	for _, name := range []string{"short.example.test", "none.example.test"} {
		if held, _ := warm.Select(dnscache.Selection{Name: name}); len(held) != 0 {
			t.Errorf("%s was taken", name)
		}
	}

	// The end comes when it would have come there, and nothing is served after it.
	clock.advance(279 * time.Second)
	s.SetZone("$FAULT text.example.test * SERVFAIL") // also for a refresh ahead of the end
	if a := warm.Lookup(t.Context(), "text.example.test", dnscache.TXT); !a.Cached {
		t.Error("ended early")
	}
	clock.advance(time.Second)
	if a := warm.Lookup(t.Context(), "text.example.test", dnscache.TXT); a.Outcome != dnscache.ServFail {
		t.Errorf("after its end: %v, stale %v", a.Outcome, a.Stale)
	}
}

// slowPipe delivers the second half of a snapshot two minutes after the first.
type slowPipe struct {
	clock  *clock
	halves [][]byte
}

func (p *slowPipe) Read(b []byte) (int, error) {
	if len(p.halves) == 0 {
		return 0, io.EOF
	}
	if len(p.halves) == 1 {
		p.clock.advance(2 * time.Minute)
	}
	n := copy(b, p.halves[0])
	if p.halves[0] = p.halves[0][n:]; len(p.halves[0]) == 0 {
		p.halves = p.halves[1:]
	}
	return n, nil
}

// TestImportIsSlow: answers do not live longer because their snapshot took long to arrive,
// whichever clock its age is measured by.
func TestImportIsSlow(t *testing.T) { undisturbed(t, importIsSlow) }

func importIsSlow(t testing.TB) {
	for name, asked := range map[string]func(*clock) time.Time{
		"by the clock of the other machine": func(*clock) time.Time { return time.Time{} },
		"by our clock":                      (*clock).now,
	} {
		s, r, clock := fixture(t, "a.test. 300 TXT x", dnscache.Options{})
		r.Lookup(t.Context(), "a.test", dnscache.TXT)
		warm := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now})
		b := exported(t, r)
		if done, err := warm.Import(&slowPipe{clock, [][]byte{b[:len(b)/2], b[len(b)/2:]}}, dnscache.Origin{Asked: asked(clock)}); err != nil || done.Loaded != 1 {
			t.Fatalf("%s: %+v, %v", name, done, err)
		}
		s.SetFault("*", "*", dnstest.ServFail)
		clock.advance(179 * time.Second)
		if a := warm.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found {
			t.Errorf("%s: before its end: %v", name, a.Outcome)
		}
		clock.advance(2 * time.Second)
		if a := warm.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome == dnscache.Found {
			t.Errorf("%s: its answer lives longer by its way", name)
		}
	}
}

func TestImportTrustsOnRequest(t *testing.T) { undisturbed(t, importTrustsOnRequest) }

func importTrustsOnRequest(t testing.TB) {
	s, r, clock := fixture(t, "$FAULT * * AD\na.test. 300 TXT x", dnscache.Options{TrustAD: dnscache.TrustAll})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	b := exported(t, r)
	for _, tc := range []struct {
		trust      bool
		ours       dnscache.Trust
		wantProven bool
	}{{true, dnscache.TrustAll, true}, {false, dnscache.TrustAll, false}, {true, dnscache.TrustNone, false}} {
		warm := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, TrustAD: tc.ours})
		if _, err := warm.Import(bytes.NewReader(b), dnscache.Origin{Asked: clock.now(), TrustAD: tc.trust}); err != nil {
			t.Fatal(err)
		}
		if a := warm.Lookup(t.Context(), "a.test", dnscache.TXT); !a.Cached || a.Authentic != tc.wantProven {
			t.Errorf("%+v: cached %v, authentic %v", tc, a.Cached, a.Authentic)
		}
	}
}

// An own answer stays as long as it is fresh, also one that denies. A failure gives way.
func TestImportKeepsOwnAnswers(t *testing.T) { undisturbed(t, importKeepsOwnAnswers) }

func importKeepsOwnAnswers(t testing.TB) {
	const zone = "test. IN SOA ns.test. hm.test. 1 2 3 4 60\nown.test. 10 TXT %s\nfail.test. 300 TXT %[1]s\n"
	s, r, clock := fixture(t, fmt.Sprintf(zone, "theirs")+"denied.test. 300 TXT theirs", dnscache.Options{})
	own := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, FailureTTL: time.Minute})
	for _, name := range []string{"own.test", "fail.test", "denied.test"} {
		r.Lookup(t.Context(), name, dnscache.TXT)
	}
	s.SetZone(fmt.Sprintf(zone, "ours") + "$FAULT fail.test * SERVFAIL\n")
	for _, name := range []string{"own.test", "fail.test", "denied.test"} {
		own.Lookup(t.Context(), name, dnscache.TXT)
	}
	b := exported(t, r)
	done, err := own.Import(bytes.NewReader(b), dnscache.Origin{Asked: clock.now()})
	if want := (dnscache.Imported{Loaded: 1, Known: 2}); err != nil || done != want {
		t.Errorf("%+v, %v", done, err)
	}
	if a := own.Lookup(t.Context(), "own.test", dnscache.TXT); a.TXT[0] != "ours" {
		t.Error(a.TXT)
	}
	if a := own.Lookup(t.Context(), "fail.test", dnscache.TXT); a.Outcome != dnscache.Found {
		t.Error(a.Outcome)
	}
	if a := own.Lookup(t.Context(), "denied.test", dnscache.TXT); a.Outcome != dnscache.NXDomain {
		t.Error(a.Outcome)
	}
	clock.advance(61 * time.Second) // ours have expired, and theirs of "own"
	done, err = own.Import(bytes.NewReader(b), dnscache.Origin{Asked: clock.now().Add(-61 * time.Second)})
	if want := (dnscache.Imported{Loaded: 1, Known: 1, Over: 1}); err != nil || done != want {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestImportAge judges a snapshot from a pipe by the clock of the machine that took it.
func TestImportAge(t *testing.T) {
	t.Parallel()
	s, r, clock := fixture(t, "a.test. 7200 TXT x", dnscache.Options{})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	b := exported(t, r)
	for _, tc := range []struct {
		name string
		ours time.Duration // our clock, against theirs
		left time.Duration // 0 for none
		says string
	}{
		{"at once", 0, time.Hour, ""},
		{"their clock is ahead", -5 * time.Minute, time.Hour, ""},
		{"their clock is wrong", -5*time.Minute - time.Second, 0, "taken 5m1s in the future: one of the clocks is wrong"},
		{"an old one", 7200*time.Second - 7*time.Second, 7 * time.Second, ""},
		{"one that is over", 7200 * time.Second, 0, ""},
		{"a very old one", 20 * 365 * 24 * time.Hour, 0, ""},
	} {
		now := clock.now().Add(tc.ours)
		other := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: func() time.Time { return now }})
		done, err := other.Import(bytes.NewReader(b), dnscache.Origin{})
		if tc.says != "" {
			if err == nil || !strings.Contains(err.Error(), tc.says) || !errors.Is(err, dnscache.ErrSnapshot) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		held, _ := other.Select(dnscache.Selection{})
		switch {
		case err != nil:
			t.Errorf("%s: %v", tc.name, err)
		case tc.left == 0 && (len(held) != 0 || done != dnscache.Imported{Over: 1}):
			t.Errorf("%s: %+v, %+v", tc.name, done, held)
		case tc.left != 0 && (len(held) != 1 || held[0].Answer.Expires.Sub(now) != tc.left):
			t.Errorf("%s: %+v, %+v", tc.name, done, held)
		}
	}
}

// TestImportFlushed has a name flushed while a snapshot is on its way.
func TestImportFlushed(t *testing.T) {
	t.Parallel()
	s, r, clock := fixture(t, "a.test. 300 TXT x", dnscache.Options{})
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	b := exported(t, r)
	other := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now})
	flushing := readFunc(func(p []byte) (int, error) {
		other.FlushName("b.test")
		return 0, io.EOF
	})
	_, err := other.Import(io.MultiReader(bytes.NewReader(b), flushing), dnscache.Origin{})
	if err == nil || !strings.Contains(err.Error(), "flushed") || other.Stats().Entries != 0 {
		t.Errorf("%v, %d answers", err, other.Stats().Entries)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// signed returns a snapshot of a body with the right checksum.
func signed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

func TestHostileSnapshots(t *testing.T) {
	t.Parallel()
	s, r, clock := fixture(t, snapshotZone, dnscache.Options{})
	for _, q := range snapshotQuestions {
		r.Lookup(t.Context(), q.name, q.typ)
	}
	good := exported(t, r)
	body := good[:len(good)-sha256.Size]
	head := body[:18]
	answer := func(length uint64, b ...byte) []byte {
		return append(binary.AppendUvarint(bytes.Clone(head), length), b...)
	}
	// record returns one answer about a name: found, once used, for a minute.
	record := func(name string, rest ...byte) []byte {
		b := []byte{byte(dnscache.Found), 1, byte(2 + len(name)), 0, byte(dnscache.PTR)}
		b = append(append(b, name...), binary.AppendUvarint(nil, uint64(time.Minute))...)
		b = append(b, rest...)
		return signed(append(answer(uint64(len(b)), b...), 0))
	}
	newer := bytes.Clone(body)
	newer[9] = 9
	type hostile struct {
		name string
		b    io.Reader
		says string
	}
	bad := []hostile{
		{"nothing", strings.NewReader(""), "cut off"},
		{"a page of HTML", strings.NewReader("<!doctype html><title>Log in</title>"), "not a usable snapshot: it begins like something else"},
		{"a newer version", bytes.NewReader(signed(newer)), "version 9, which is newer than 2"},
		{"more behind it", bytes.NewReader(append(bytes.Clone(good), 0)), "something follows it"},
		{"a large answer", bytes.NewReader(answer(4<<20 + 1)), "an answer of 4194305 octets, more than 4194304"},
		{"an answer of 2^63 octets", bytes.NewReader(answer(1 << 63)), "an answer of 9223372036854775808 octets"},
		{"a length without end", bytes.NewReader(append(bytes.Clone(head), bytes.Repeat([]byte{0x80}, 20)...)), "overflows"},
		{"no name", bytes.NewReader(record("a..test", 0, 0)), "an answer cannot be read"},
		{"a name in capitals", bytes.NewReader(record("A.test", 0, 0)), "an answer cannot be read"},
		{"a label of 64 octets", bytes.NewReader(record(strings.Repeat("a", 64)+".test", 0, 0)), "an answer cannot be read"},
		{"a host with a line end", bytes.NewReader(record("a.test", 0, 3, 'x', '\n', 'y')), "an answer cannot be read"},
		{"a host in capitals", bytes.NewReader(record("a.test", 0, 1, 'X')), "an answer cannot be read"},
		{"an alias that is no name", bytes.NewReader(record("a.test", 2, '.', '.', 0)), "an answer cannot be read"},
		{"no records", bytes.NewReader(record("a.test", 0)), "an answer cannot be read"},
		{"without end", io.MultiReader(bytes.NewReader(head), readFunc(func(p []byte) (int, error) {
			for i := range p { // answers of one octet
				p[i] = 1
			}
			return len(p), nil
		})), "an answer cannot be read"},
		{"answers without end", io.MultiReader(bytes.NewReader(head), endless(good[18:18+1+int(good[18])])), "larger than 64 MB"},
		{"a reader that fails", io.MultiReader(bytes.NewReader(good[:40]), readFunc(func([]byte) (int, error) { return 0, context.DeadlineExceeded })), "deadline exceeded"},
	}
	for n := range len(good) {
		bad = append(bad, hostile{fmt.Sprintf("the first %d octets", n), bytes.NewReader(good[:n]), "cut off"})
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		bad = append(bad, hostile{fmt.Sprintf("octet %d flipped", i), bytes.NewReader(b), ""})
	}
	for _, tc := range bad {
		cold := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, MaxBytes: 1 << 20})
		done, err := cold.Import(tc.b, dnscache.Origin{Asked: clock.now()})
		if !errors.Is(err, dnscache.ErrSnapshot) || !strings.Contains(fmt.Sprint(err), tc.says) || done != (dnscache.Imported{}) || cold.Stats().Entries != 0 {
			t.Errorf("%s: %+v, %d answers, %v", tc.name, done, cold.Stats().Entries, err)
		}
	}
	if _, err := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now}).Import(bytes.NewReader(record("a.test", 0, 1, 'x')), dnscache.Origin{}); err != nil {
		t.Errorf("the hostile ones differ from a good one in more than their fault: %v", err)
	}
}

// endless repeats some octets.
func endless(b []byte) io.Reader {
	many := bytes.Repeat(b, 1000)
	i := 0
	return readFunc(func(p []byte) (int, error) {
		n := copy(p, many[i:])
		i = (i + n) % len(many)
		return n, nil
	})
}

// A cache of another size: what does not fit is left, and what is in demand comes first.
func TestImportOfLargerCache(t *testing.T) { undisturbed(t, importOfLargerCache) }

func importOfLargerCache(t testing.TB) {
	s, r, clock := fixture(t, "*.a.test. 3600 TXT x", dnscache.Options{})
	for i := range 10_000 {
		r.Lookup(t.Context(), fmt.Sprintf("n%d.a.test", i), dnscache.TXT)
	}
	small := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, MaxBytes: 1 << 20})
	done, err := small.Import(r.Export(), dnscache.Origin{})
	if err != nil || done.Loaded+done.Over != 10_000 || done.Over < 5000 || done.Loaded < 1000 {
		t.Errorf("%+v, %v", done, err)
	}
	if b := small.Stats().Bytes; b > 1<<20 {
		t.Errorf("%d bytes", b)
	}
}
