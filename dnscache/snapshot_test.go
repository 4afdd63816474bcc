package dnscache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/dnscache"
)

const snapshotZone = `
example.test. IN SOA ns.test. hm.test. 1 2 3 4 60
text.example.test. 300 TXT "one" "\000\255two"
text.example.test. 300 TXT "" 
a.example.test. 300 A 192.0.2.1
a.example.test. 300 A 192.0.2.2
a.example.test. 300 AAAA 2001:db8::1
mx.example.test. 300 MX 20 b.example.test.
mx.example.test. 300 MX 10 a.example.test.
null.example.test. 300 MX 0 .
1.example.test. 300 PTR host.example.test.
ns.example.test. 300 NS ns.example.test.
short.example.test. 10 TXT short
alias.example.test. 300 CNAME text.example.test.
$FAULT fail.example.test * SERVFAIL
$FAULT ad.example.test * AD
ad.example.test. 300 TXT ad
`

var snapshotQuestions = []struct {
	name string
	typ  dnscache.Type
}{
	{"text.example.test", dnscache.TXT},
	{"a.example.test", dnscache.A},
	{"a.example.test", dnscache.AAAA},
	{"a.example.test", dnscache.MX},
	{"mx.example.test", dnscache.MX},
	{"null.example.test", dnscache.MX},
	{"1.example.test", dnscache.PTR},
	{"ns.example.test", dnscache.NS},
	{"alias.example.test", dnscache.TXT},
	{"none.example.test", dnscache.TXT},
	{"ad.example.test", dnscache.TXT},
	{strings.Repeat("long.", 40) + "example.test", dnscache.TXT},
}

func TestSnapshot(t *testing.T) { undisturbed(t, snapshot) }

func snapshot(t testing.TB) {
	s, r, clock := fixture(t, snapshotZone, dnscache.Options{})
	want := map[int]*dnscache.Answer{}
	for i, q := range snapshotQuestions {
		r.Lookup(t.Context(), q.name, q.typ)
		want[i] = r.Lookup(t.Context(), q.name, q.typ)
	}
	r.Lookup(t.Context(), "short.example.test", dnscache.TXT)
	r.Lookup(t.Context(), "fail.example.test", dnscache.TXT)
	path := filepath.Join(t.TempDir(), "dns.snapshot")
	for range 2 { // the second replaces the first
		if err := r.Save(path); err != nil {
			t.Fatal(err)
		}
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("leaves %v", files)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	clock.advance(20 * time.Second)
	s.Forget()
	warm := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now})
	if n, err := warm.Load(path); err != nil || n != len(want) {
		t.Errorf("%d answers, %v", n, err)
	}
	for i, q := range snapshotQuestions {
		got := warm.Lookup(t.Context(), q.name, q.typ)
		if d := cmp.Diff(want[i], got, cmpopts.IgnoreUnexported(dnscache.Answer{}), cmpopts.EquateComparable(netip.Addr{})); d != "" {
			t.Errorf("%s %v (-want +got):\n%s", q.name, q.typ, d)
		}
	}
	if n := len(s.Queries()); n != 0 {
		t.Errorf("%d queries", n)
	}
	for _, name := range []string{"short.example.test", "fail.example.test"} {
		if a := warm.Lookup(t.Context(), name, dnscache.TXT); a.Cached {
			t.Errorf("%s was kept", name)
		}
	}
	// The TTL continues, and values are derived anew.
	if v := dnscache.Derive(warm.Lookup(t.Context(), "text.example.test", dnscache.TXT), func(a *dnscache.Answer) text { return text(a.TXT[0]) }); v != "one\x00\xfftwo" {
		t.Error(v)
	}
	clock.advance(281 * time.Second)
	if a := warm.Lookup(t.Context(), "text.example.test", dnscache.TXT); a.Cached {
		t.Error("lives longer than its TTL")
	}
	// Upstreams that are no longer trusted are not believed for the past either.
	r.Flush(".")
	r.Distrust()
	clock.advance(-281 * time.Second)
	if _, err := r.Load(path); err != nil {
		t.Fatal(err)
	}
	if a := r.Lookup(t.Context(), "ad.example.test", dnscache.TXT); !a.Cached || a.Authentic {
		t.Errorf("cached %v, authentic %v", a.Cached, a.Authentic)
	}
}

func TestLoadKeepsWhatIsNewer(t *testing.T) {
	t.Parallel()
	s, r, _ := fixture(t, "a.test. TXT old", dnscache.Options{})
	path := filepath.Join(t.TempDir(), "dns.snapshot")
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	s.SetZone("a.test. TXT new")
	r.Flush(".")
	r.Lookup(t.Context(), "a.test", dnscache.TXT)
	if n, err := r.Load(path); n != 0 || err != nil {
		t.Error(n, err)
	}
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.TXT[0] != "new" {
		t.Error(a.TXT)
	}
}

// The options may have become stricter since the snapshot.
func TestLoadKeepsCurrentBounds(t *testing.T) { undisturbed(t, loadKeepsCurrentBounds) }

func loadKeepsCurrentBounds(t testing.TB) {
	s, r, clock := fixture(t, "test. IN SOA ns.test. hm.test. 1 2 3 4 3600\n*.a.test. 3600 TXT x", dnscache.Options{})
	for i := range 2000 {
		r.Lookup(t.Context(), fmt.Sprintf("n%d.a.test", i), dnscache.TXT)
	}
	r.Lookup(t.Context(), "last.a.test", dnscache.TXT)
	r.Lookup(t.Context(), "none.test", dnscache.TXT)
	path := filepath.Join(t.TempDir(), "dns.snapshot")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	warm := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now, MaxBytes: 1 << 18, MaxTTL: 20 * time.Second, NegativeTTL: 10 * time.Second})
	if _, err := warm.Load(path); err != nil {
		t.Fatal(err)
	}
	if b := warm.Stats().Bytes; b > 1<<18 || b < 1<<17 {
		t.Errorf("%d bytes", b)
	}
	for _, h := range all(warm, ".") {
		most := 20 * time.Second
		if h.Answer.Outcome == dnscache.NXDomain {
			most = 10 * time.Second
		}
		if left := h.Answer.Expires.Sub(clock.now()); left > most {
			t.Fatalf("%s lives for %v", h.Name, left)
		}
	}
}

func TestDamagedSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	s, r, clock := fixture(t, snapshotZone, dnscache.Options{})
	for _, q := range snapshotQuestions {
		r.Lookup(t.Context(), q.name, q.typ)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "dns.snapshot")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		cold := resolver(t, dnscache.Options{Upstreams: []string{s.Addr()}, Now: clock.now})
		if n, err := cold.Load(path); n != 0 || !errors.Is(err, dnscache.ErrSnapshot) || cold.Stats().Entries != 0 {
			t.Errorf("%s: %d answers, %v", name, n, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x40
		check(fmt.Sprintf("octet %d of %d", i, len(good)), b)
	}
	for _, n := range []int{0, 1, 8, 20, len(good) / 2, len(good) - 33, len(good) - 1} {
		check(fmt.Sprintf("first %d octets", n), good[:n])
	}
	check("more behind it", append(bytes.Clone(good), 0))
	clock.advance(-time.Second)
	check("from the future", good)
	if _, err := r.Load(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := r.Load(dir); !errors.Is(err, dnscache.ErrSnapshot) {
		t.Errorf("a directory: %v", err)
	}
	if err := r.Save(filepath.Join(dir, "none", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := r.Save(dir); err == nil {
		t.Error("saved over a directory")
	}
}
