package iprev

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const zone = `
1.2.0.192.in-addr.arpa PTR Mail.Example.ORG.
mail.example.org A 192.0.2.9
mail.example.org A 192.0.2.1
mail.example.org AAAA 2001:db8::1
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR mail.example.org.
2.2.0.192.in-addr.arpa PTR other.example.org.
other.example.org A 192.0.2.9
3.2.0.192.in-addr.arpa TXT "no PTR here"
5.2.0.192.in-addr.arpa PTR gone.example.org.
6.2.0.192.in-addr.arpa PTR only6.example.org.
only6.example.org AAAA 2001:db8::6
7.2.0.192.in-addr.arpa PTR broken.example.org.
$FAULT broken.example.org A SERVFAIL
8.2.0.192.in-addr.arpa PTR refused.example.org.
$FAULT refused.example.org A REFUSED
9.2.0.192.in-addr.arpa PTR silent.example.org.
$FAULT silent.example.org A TIMEOUT
10.2.0.192.in-addr.arpa PTR x.example.org.
$FAULT 10.2.0.192.in-addr.arpa PTR SERVFAIL
11.2.0.192.in-addr.arpa PTR x.example.org.
$FAULT 11.2.0.192.in-addr.arpa PTR TIMEOUT
12.2.0.192.in-addr.arpa PTR gone.example.org.
12.2.0.192.in-addr.arpa PTR broken.example.org.
12.2.0.192.in-addr.arpa PTR b.example.org.
12.2.0.192.in-addr.arpa PTR a.example.org.
a.example.org A 192.0.2.12
b.example.org A 192.0.2.12
13.2.0.192.in-addr.arpa PTR gone.example.org.
13.2.0.192.in-addr.arpa PTR broken.example.org.
14.2.0.192.in-addr.arpa PTR evil\034\;x.example.org.
14.2.0.192.in-addr.arpa PTR \195\188.example.org.
14.2.0.192.in-addr.arpa PTR a\ b.example.org.
15.2.0.192.in-addr.arpa PTR evil\013\010x.example.org.
15.2.0.192.in-addr.arpa PTR _x-1.example.org.
_x-1.example.org A 192.0.2.15
16.2.0.192.in-addr.arpa CNAME 16.sub.2.0.192.in-addr.arpa.
16.sub.2.0.192.in-addr.arpa PTR alias.example.org.
alias.example.org CNAME real.example.org.
real.example.org A 192.0.2.16
17.2.0.192.in-addr.arpa PTR .
`

func TestCheck(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, zone)
	for _, tt := range []struct {
		name, ip string
		want     Result
	}{
		{"3 pass", "192.0.2.1", Result{Pass, "mail.example.org leads back to 192.0.2.1", "mail.example.org"}},
		{"3 pass over IPv6", "2001:db8::1", Result{Pass, "mail.example.org leads back to 2001:db8::1", "mail.example.org"}},
		{"3 IPv4-mapped", "::ffff:192.0.2.1", Result{Pass, "mail.example.org leads back to 192.0.2.1", "mail.example.org"}},
		{"3 zone of the address", "2001:db8::1%eth0", Result{Pass, "mail.example.org leads back to 2001:db8::1", "mail.example.org"}},
		{"3 aliases on both ways", "192.0.2.16", Result{Pass, "alias.example.org leads back to 192.0.2.16", "alias.example.org"}},
		{"2.7.3 fail: other address", "192.0.2.2", Result{Fail, "no name of the PTR records leads back to 192.0.2.2", ""}},
		{"2.7.3 fail: name does not exist", "192.0.2.5", Result{Fail, "no name of the PTR records leads back to 192.0.2.5", ""}},
		{"2.7.3 fail: only the other family", "192.0.2.6", Result{Fail, "no name of the PTR records leads back to 192.0.2.6", ""}},
		{"2.7.3 fail: hostile names", "192.0.2.14", Result{Fail, "no usable name in the PTR records", ""}},
		{"2.7.3 fail: the root", "192.0.2.17", Result{Fail, "no usable name in the PTR records", ""}},
		{"2.7.3 permerror: no data", "192.0.2.3", Result{PermError, "no PTR record", ""}},
		{"2.7.3 permerror: nxdomain", "192.0.2.4", Result{PermError, "no PTR record", ""}},
		{"2.7.3 permerror: nxdomain over IPv6", "2001:db8::2", Result{PermError, "no PTR record", ""}},
		{"2.7.3 temperror: PTR servfail", "192.0.2.10", Result{TempError, "lookup of the PTR record: servfail", ""}},
		{"2.7.3 temperror: PTR timeout", "192.0.2.11", Result{TempError, "lookup of the PTR record: timeout", ""}},
		{"2.7.3 temperror: servfail", "192.0.2.7", Result{TempError, "lookup of the A records of broken.example.org: servfail", ""}},
		{"2.7.3 temperror: refused", "192.0.2.8", Result{TempError, "lookup of the A records of refused.example.org: refused", ""}},
		{"2.7.3 temperror: timeout", "192.0.2.9", Result{TempError, "lookup of the A records of silent.example.org: timeout", ""}},
		{"2.7.3 temperror beside fail", "192.0.2.13", Result{TempError, "lookup of the A records of broken.example.org: servfail", ""}},
		{"3 a usable name beside a hostile one", "192.0.2.15", Result{Pass, "_x-1.example.org leads back to 192.0.2.15", "_x-1.example.org"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Check(context.Background(), r, netip.MustParseAddr(tt.ip))); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", tt.ip, diff)
			}
		})
	}
	t.Run("no address", func(t *testing.T) {
		if diff := cmp.Diff(Result{PermError, "no address", ""}, Check(context.Background(), r, netip.Addr{})); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("3 DNS failure beside a name that resolves to the address", func(t *testing.T) {
		got := Check(context.Background(), r, netip.MustParseAddr("192.0.2.12"))
		if got.Status != Pass || got.Name != "a.example.org" && got.Name != "b.example.org" {
			t.Errorf("%+v", got)
		}
	})
}

// book is a resolver that answers from a table and records the questions.
type book struct {
	ptr   []string
	addrs map[string]netip.Addr
	slow  map[string]bool // answered only when the context ends
	wait  func()          // called when a slow name is looked up

	mu      sync.Mutex
	asked   []string
	open    int
	maxOpen int
}

func (b *book) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	b.mu.Lock()
	b.asked = append(b.asked, t.String()+" "+name)
	b.open++
	b.maxOpen = max(b.maxOpen, b.open)
	b.mu.Unlock()
	defer func() { b.mu.Lock(); b.open--; b.mu.Unlock() }()
	if t == dnscache.PTR {
		return &dnscache.Answer{Outcome: dnscache.Found, Names: b.ptr}
	}
	if b.slow[name] && b.wait != nil {
		b.wait()
	}
	if b.slow[name] || ctx.Err() != nil {
		<-ctx.Done()
		return &dnscache.Answer{Outcome: dnscache.Timeout}
	}
	if a, ok := b.addrs[name]; ok {
		return &dnscache.Answer{Outcome: dnscache.Found, Addrs: []netip.Addr{a}}
	}
	return &dnscache.Answer{Outcome: dnscache.NoData}
}

var ip = netip.MustParseAddr("192.0.2.1")

func TestFirstNameWins(t *testing.T) {
	t.Parallel()
	for range 50 {
		b := &book{
			ptr:   []string{"a.example", "b.example", "c.example", "d.example"},
			addrs: map[string]netip.Addr{"b.example": ip, "c.example": ip},
			slow:  map[string]bool{"d.example": true},
		}
		if got := Check(context.Background(), b, ip); got.Name != "b.example" || got.Status != Pass {
			t.Fatalf("%+v", got)
		}
		if b.open != 0 {
			t.Fatalf("%d lookups under way", b.open)
		}
	}
}

func TestTenNames(t *testing.T) {
	t.Parallel()
	b := &book{addrs: map[string]netip.Addr{"n11.example": ip}}
	b.ptr = []string{"N1.example", "n1.example.", "bad name", "ü.example", strings.Repeat("a.", 200) + "example"}
	for i := range 500 {
		b.ptr = append(b.ptr, fmt.Sprintf("n%d.example", i+1))
	}
	if got := Check(context.Background(), b, ip); got.Status != Fail {
		t.Errorf("%+v", got)
	}
	if len(b.asked) != 1+maxNames || b.maxOpen > maxAtOnce {
		t.Errorf("%d lookups, %d at once: %v", len(b.asked), b.maxOpen, b.asked)
	}
	b.addrs["n10.example"] = ip
	if got := Check(context.Background(), b, ip); got.Name != "n10.example" {
		t.Errorf("%+v", got)
	}
}

func TestContextEnds(t *testing.T) {
	t.Parallel()
	b := &book{slow: map[string]bool{"n0.example": true}}
	for i := range 10 {
		b.ptr = append(b.ptr, fmt.Sprintf("n%d.example", i))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.wait = cancel
	got := Check(ctx, b, ip)
	if want := (Result{TempError, "lookup of the A records of n0.example: timeout", ""}); got != want || len(b.asked) != 1+maxAtOnce {
		t.Errorf("%+v after %d lookups", got, len(b.asked))
	}
	// No lookup starts after ctx has ended.
	b.asked = nil
	if got := Check(ctx, b, ip); got != (Result{TempError, "out of time", ""}) || len(b.asked) != 1 {
		t.Errorf("%+v after %d lookups", got, len(b.asked))
	}
}

func FuzzUsable(f *testing.F) {
	f.Add("Mail.example.org", "a\r\nb")
	f.Add(`evil\034.example`, "ü.example.")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, n := range usable([]string{a, b}) {
			if n == "" || len(n) > 253 || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Fatalf("%q of %q, %q", n, a, b)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	r := &book{ptr: []string{"a.example"}, addrs: map[string]netip.Addr{"a.example": ip}}
	b.ReportAllocs()
	for range b.N {
		r.asked = r.asked[:0]
		Check(context.Background(), r, ip)
	}
}
