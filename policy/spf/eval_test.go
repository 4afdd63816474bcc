package spf

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
)

var client = netip.MustParseAddr("192.0.2.1")

func from(domain string) Query {
	return Query{Identity: MailFrom, IP: client, Helo: "mail.example.net", Sender: "joe@" + domain}
}

// TestOctets evaluates records that master-file text cannot express.
func TestOctets(t *testing.T) {
	t.Parallel()
	z := newZone().
		txt("tab.example.org", "v=spf1\t+all").
		txt("high.example.org", "v=spf1 a:caf\xe9.example.org +all").
		txt("nul.example.org", "v=spf1 +all\x00").
		txt("beside.example.org", "\x96").txt("beside.example.org", "v=spf1 +all").
		txt("exp8.example.org", "v=spf1 -all exp=caf8.example.org").txt("caf8.example.org", "caf\xe9").
		txt("expctl.example.org", "v=spf1 -all exp=ctl.example.org").txt("ctl.example.org", "a\r\nb").
		txt("ptr.example.org", "v=spf1 ptr -all").
		ptr("1.2.0.192.in-addr.arpa", `we\.ird.ptr.example.org`)
	for _, tc := range []struct {
		domain string
		want   Status
	}{
		{"tab.example.org", None},
		{"high.example.org", PermError},
		{"nul.example.org", PermError},
		{"beside.example.org", Pass},
		{"exp8.example.org", Fail},
		{"expctl.example.org", Fail},
		{"ptr.example.org", Fail},
	} {
		got := Check(t.Context(), z, from(tc.domain), Options{})
		if got.Status != tc.want || got.Explanation != "" {
			t.Errorf("%s: got %+v, want %s without an explanation", tc.domain, got, tc.want)
		}
		printable(t, got.Reason, 600)
	}
}

// TestPublishedIsKept: checks share the parsed record, and the cache accounts
// for it at any size.
func TestPublishedIsKept(t *testing.T) {
	t.Parallel()
	dense := "v=spf1" + strings.Repeat(" a", 3000) + " ip4:192.0.2.1"
	for txt, terms := range map[string]int{
		"v=spf1 a mx include:_spf.example.org ip4:192.0.2.0/24 -all": 5,
		"v=spf1" + strings.Repeat(" ip4:192.0.2.1", 3000):            3000,
		dense: 3001,
	} {
		p := published(&dnscache.Answer{Outcome: dnscache.Found, TXT: []string{txt}})
		if p.err != nil || p.record == nil || len(p.record.Terms) != terms {
			t.Errorf("%.60s: %v, %+v", txt, p.err, p.record)
		}
		if least := terms * termSize; p.Size() < least || p.Size() > least+1000 {
			t.Errorf("%.60s: Size is %d, %d terms alone take %d", txt, p.Size(), terms, least)
		}
	}
	z := newZone().txt("example.org", dense).addr("example.org", "192.0.2.1")
	if got := Check(t.Context(), z, from("example.org"), Options{}); got.Status != Pass || got.Mechanism != "a" {
		t.Errorf("a record of 3001 terms: %+v", got)
	}
}

// TestPublishedIsShared: a cached answer is parsed once for all callers.
func TestPublishedIsShared(t *testing.T) {
	t.Parallel()
	r := serve(t, `example.org. TXT "v=spf1 ip4:192.0.2.1 -all"`)
	first := published(r.Lookup(t.Context(), "example.org", dnscache.TXT))
	again := published(r.Lookup(t.Context(), "Example.org.", dnscache.TXT))
	if first.record == nil || first != again {
		t.Errorf("parsed twice: %+v, %+v", first, again)
	}
}

// slowDNS answers after a fixed time, or when the context ends.
type slowDNS struct {
	*zone
	delay time.Duration
	stuck string // this name gets no answer
}

func (s slowDNS) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	delay := s.delay
	if name == s.stuck {
		delay = time.Hour
	}
	select {
	case <-time.After(delay):
		return s.zone.Lookup(ctx, name, t)
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
}

func TestDeadline(t *testing.T) {
	z := newZone().
		txt("a.example.org", "v=spf1 a:slow.example.org +all").addr("slow.example.org", "192.0.2.9").
		txt("ptr.example.org", "v=spf1 ptr:example.org +all").ptr("1.2.0.192.in-addr.arpa", "slow.example.org").
		txt("neutral.example.org", "v=spf1 ptr:example.org").
		txt("exp.example.org", "v=spf1 -all exp=slow.example.org").
		txt("chain.example.org", "v=spf1 include:c1.example.org include:slow.example.org -all").
		txt("c1.example.org", "v=spf1 -all")
	for _, tc := range []struct {
		name, domain string
		timeout      time.Duration
		want         Status
		took         time.Duration
	}{
		{"4.6.4 a", "a.example.org", 0, TempError, 20 * time.Second},
		{"4.6.4 shorter", "a.example.org", 3 * time.Second, TempError, 3 * time.Second},
		{"5.5 ptr skips names whose lookup fails", "ptr.example.org", 0, Pass, 5*time.Second + 2*time.Millisecond},
		{"5.5 ptr skips names whose lookup fails, but not for longer", "ptr.example.org", 3 * time.Second, TempError, 3 * time.Second},
		{"4.6.4 at the end of the record", "neutral.example.org", 3 * time.Second, TempError, 3 * time.Second},
		{"4.6.4 started ahead", "chain.example.org", 0, TempError, 20 * time.Second},
		{"6.2 explanation is given up, the result stands", "exp.example.org", 0, Fail, 20 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				got := Check(t.Context(), slowDNS{z, time.Millisecond, "slow.example.org"}, from(tc.domain), Options{Timeout: tc.timeout})
				if took := time.Since(start); got.Status != tc.want || took != tc.took {
					t.Errorf("got %s after %v (%s), want %s after %v", got.Status, took, got.Reason, tc.want, tc.took)
				}
			})
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			start := time.Now()
			got := Check(ctx, slowDNS{z, time.Millisecond, "slow.example.org"}, from("a.example.org"), Options{})
			if time.Since(start) != time.Second || got.Status != TempError || got.Reason != "the evaluation was cancelled" {
				t.Errorf("after %v: %+v", time.Since(start), got)
			}
		})
	})
}

// TestAhead: a record costs the time of its longest chain of lookups, not the
// sum of all.
func TestAhead(t *testing.T) {
	z := newZone().
		txt("many.example.org", "v=spf1 include:i1.example.org a:h.example.org include:i2.example.org mx exists:%{i}.example.org ptr redirect=i3.example.org").
		txt("i1.example.org", "v=spf1 a:h.example.net -all").
		txt("i2.example.org", "v=spf1 ip4:203.0.113.1 -all").
		txt("i3.example.org", "v=spf1 ~all").
		addr("h.example.org", "203.0.113.2").addr("h.example.net", "203.0.113.3").
		addr("192.0.2.7.example.org", "127.0.0.2").
		mx("many.example.org", 1, "m1.example.org").mx("many.example.org", 2, "m2.example.org").mx("many.example.org", 3, "m3.example.org").
		addr("m1.example.org", "203.0.113.4").addr("m2.example.org", "203.0.113.5").addr("m3.example.org", "203.0.113.6").
		// Two providers with a list in two parts each, as in an administrator's "include:_spf.a include:_spf.b".
		txt("two.example.org", "v=spf1 include:p1.example.org include:p2.example.org mx -all").
		txt("p1.example.org", "v=spf1 include:p1a.example.org include:p1b.example.org ~all").
		txt("p2.example.org", "v=spf1 include:p2a.example.org redirect=p2b.example.org").
		txt("p1a.example.org", "v=spf1 ip4:203.0.113.1 -all").txt("p1b.example.org", "v=spf1 ip4:203.0.113.2 -all").
		txt("p2a.example.org", "v=spf1 ip4:203.0.113.3 -all").txt("p2b.example.org", "v=spf1 ip4:192.0.2.0/24 -all").
		mx("two.example.org", 1, "m1.example.org").
		txt("one.example.org", "v=spf1 ip4:203.0.113.1 a:h.example.org ip4:192.0.2.0/24 a:never.example.org -all")
	const step = 20 * time.Millisecond
	for _, tc := range []struct {
		name, domain string
		sequential   bool
		want         Status
		steps        int
		queries      int
	}{
		// TXT; i1; a in i1 while all others are running; exchangers. PTR finds nothing.
		{"ahead", "many.example.org", false, SoftFail, 4, 12},
		{"one after the other", "many.example.org", true, SoftFail, 12, 12},
		{"in includes that were started ahead", "two.example.org", false, Pass, 3, 8},
		{"nothing behind a match without the DNS", "one.example.org", false, Pass, 2, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := &zone{names: z.names}
				start := time.Now()
				got := Check(t.Context(), slowDNS{z, step, ""}, from(tc.domain), Options{Sequential: tc.sequential})
				took := time.Since(start)
				if got.Status != tc.want || took != time.Duration(tc.steps)*step {
					t.Errorf("got %+v after %v, want %s after %d steps", got, took, tc.want, tc.steps)
				}
				if q := z.queries(); len(q) != tc.queries {
					t.Errorf("%d queries, want %d: %q", len(q), tc.queries, q)
				}
			})
		})
	}
}

// worst is a domain whose record costs as much as the limits allow: ten mx
// terms with ten mail exchangers each, and an explanation with %{p} of a client
// with ten names.
func worst() *zone {
	z := newZone()
	record := "v=spf1"
	for i := range 10 {
		record += fmt.Sprintf(" mx:m%d.example.org", i)
		for j := range 10 {
			z.mx(fmt.Sprintf("m%d.example.org", i), 1, fmt.Sprintf("h%d.m%d.example.org", j, i))
			z.addr(fmt.Sprintf("h%d.m%d.example.org", j, i), "203.0.113.1")
		}
		z.ptr("1.2.0.192.in-addr.arpa", fmt.Sprintf("p%d.example.net", i))
		z.addr(fmt.Sprintf("p%d.example.net", i), "203.0.113.1")
	}
	z.txt("worst.example.org", record+" -all exp=%{p}.why.example.org")
	z.txt("unknown.why.example.org", "%{p} %{P} %{p1r}")
	return z
}

func TestWorstCost(t *testing.T) {
	t.Parallel()
	for _, sequential := range []bool{true, false} {
		z := worst()
		got := Check(t.Context(), z, from("worst.example.org"), Options{Sequential: sequential})
		want := Result{Identity: MailFrom, Domain: "worst.example.org", Status: Fail, Mechanism: "-all", Explanation: "unknown unknown unknown", Lookups: 10}
		for i := range 10 {
			want.Record += fmt.Sprintf(" mx:m%d.example.org", i)
		}
		want.Record = "v=spf1" + want.Record + " -all exp=%{p}.why.example.org"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		// The record, 10 MX, 100 addresses, PTR and 10 addresses, exp.
		if n := len(z.queries()); n != 1+10+100+11+1 {
			t.Errorf("%d queries", n)
		}
	}
}

// TestAheadIsBounded: a record that uses up its ten terms in the first include
// has other terms started in vain, but not more than nine.
func TestAheadIsBounded(t *testing.T) {
	t.Parallel()
	z := newZone()
	record, inner := "v=spf1", "v=spf1"
	for i := range 30 {
		record += fmt.Sprintf(" include:i%d.example.org", i)
		inner += fmt.Sprintf(" include:j%d.example.org", i)
		z.txt(fmt.Sprintf("j%d.example.org", i), "v=spf1 -all")
	}
	for i := range 30 {
		z.txt(fmt.Sprintf("i%d.example.org", i), inner)
	}
	z.txt("example.org", record)
	got := Check(t.Context(), z, from("example.org"), Options{})
	if got.Status != PermError || got.Lookups != 11 || !strings.Contains(got.Reason, "more than 10 DNS lookups (11th: include:j9.example.org)") {
		t.Errorf("got %+v", got)
	}
	if n := len(z.queries()); n > 1+10+9 {
		t.Errorf("%d queries", n)
	}
}

// TestAheadIsBoundedInDepth: the same with nested records. The number of
// lookups started in vain does not grow with the depth.
func TestAheadIsBoundedInDepth(t *testing.T) {
	t.Parallel()
	z := newZone()
	for level := range 4 {
		for i := range 30 {
			record := "v=spf1"
			for j := range 30 {
				record += fmt.Sprintf(" include:l%d-%d.example.org", level+1, (7*i+j)%30)
			}
			z.txt(fmt.Sprintf("l%d-%d.example.org", level, i), record+" -all")
		}
	}
	for i := range 30 {
		z.txt(fmt.Sprintf("l4-%d.example.org", i), "v=spf1 -all")
	}
	for range 20 { // the order of the answers varies
		z := &zone{names: z.names}
		got := Check(t.Context(), z, from("l0-0.example.org"), Options{})
		if got.Status != PermError || got.Lookups != 11 {
			t.Errorf("got %+v", got)
		}
		if n := len(z.queries()); n > 1+10+9 {
			t.Errorf("%d queries", n)
		}
	}
}

// TestMacroCost expands macros with the longest values, as many as a DNS answer
// can hold.
func TestMacroCost(t *testing.T) {
	t.Parallel()
	z := newZone()
	text := strings.Repeat("%{s}%{h}%{l1r-}", 4000)
	z.txt("example.org", "v=spf1"+strings.Repeat(" exists:"+text[:6000]+".example.org", 10)+" -all exp=why.example.org")
	z.txt("why.example.org", text)
	q := from("example.org")
	q.Sender, q.Helo = strings.Repeat("a-", 120)+"@example.org", strings.Repeat("h.", 120)+"example.net"
	got := Check(t.Context(), z, q, Options{})
	if got.Status != PermError || got.Voids != 3 {
		t.Errorf("got %+v", got)
	}
	for _, name := range z.queries() {
		if len(name) > maxNameOctets+len("/AAAA") {
			t.Errorf("asked for a name of %d octets", len(name))
		}
	}
	// A macro never gets megabytes from the client.
	q.Sender, q.Helo = strings.Repeat("a-", 1<<20)+"@example.org", strings.Repeat("h.", 1<<20)
	if got := Check(t.Context(), z, q, Options{}); got.Status != Fail || got.Lookups != 10 || got.Explanation != "" {
		t.Errorf("got %+v", got)
	}
	q.Sender = "a@" + strings.Repeat("x.", 1<<20) + "org"
	if got := Check(t.Context(), z, q, Options{}); got.Status != None || len(got.Domain) != 0 {
		t.Errorf("got %+v", got)
	}
}

// TestReasonsArePrintable: reasons cite names of strangers, which must be
// harmless in a log.
func TestReasonsArePrintable(t *testing.T) {
	t.Parallel()
	evil := "e\x1b]0;\x07\"'\\<b>.example.org"
	z := newZone().
		txt("example.org", "v=spf1 include:"+strings.Repeat("a.", 200)+"example.org").
		txt("b.example.org", "v=spf1 \x1b[2J\r\nX: y").
		txt("c.example.org", "v=spf1 exists:%{h}.example.org exists:%{l}.example.org exists:%{s}.example.org -all")
	for _, q := range []Query{
		from("example.org"), from("b.example.org"), from(evil),
		{Identity: MailFrom, IP: client, Helo: evil, Sender: "\"\r\n\x1b\x07\"@c.example.org"},
		{Identity: HELO, IP: client, Helo: evil},
	} {
		got := Check(t.Context(), z, q, Options{})
		if got.Reason == "" {
			t.Errorf("%+v: no reason", got)
		}
		for _, s := range []string{got.Reason, got.Domain, got.Mechanism, got.Explanation} {
			printable(t, s, 600)
		}
	}
}

func TestDotted(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"192.0.2.3":     "192.0.2.3",
		"2001:db8::cb1": "2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.C.B.1",
	} {
		if got := dotted(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: got %s", ip, got)
		}
	}
}
