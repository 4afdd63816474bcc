package dmarc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// RFC 8020 section 2: a name with a CNAME exists even if the CNAME leads
// nowhere.
func TestExistenceDanglingCNAME(t *testing.T) {
	t.Parallel()
	r := answers{
		"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=none; sp=none; np=reject"}},
		"www.example.org/TXT":    {Outcome: dnscache.NXDomain, Canonical: "gone.example"},
	}
	if got := evaluate(t.Context(), r, "www.example.org", Options{}, Identifier{}, nil); got.Policy != PolicyNone || got.Status != Fail {
		t.Errorf("dangling CNAME: %+v", got)
	}
	if got := evaluate(t.Context(), r, "ghost.example.org", Options{}, Identifier{}, nil); got.Policy != PolicyReject {
		t.Errorf("no name: %+v", got)
	}
}

// answers is a resolver with a table of answers. Other names do not exist.
type answers map[string]*dnscache.Answer

func (m answers) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if a := m[name+"/"+t.String()]; a != nil {
		return a
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// resolverFunc is a resolver that misbehaves.
type resolverFunc func(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer

func (f resolverFunc) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if recall := dnscache.RecallOf(ctx); recall != nil {
		return recall.Miss()
	}
	return f(ctx, name, t)
}

func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]resolverFunc{
		"silence": func(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
			<-ctx.Done()
			return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
		},
		"silence above the author": func(ctx context.Context, n string, _ dnscache.Type) *dnscache.Answer {
			if n == "_dmarc.example.org" {
				return &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=reject"}}
			}
			<-ctx.Done()
			return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			got := evaluate(ctx, r, "example.org", Options{}, pass("mail.example.org"), []Identifier{pass("x.example.org")})
			if got.Status != TempError || got.Disposition != PolicyNone || got.Reason == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// RFC 9989 section 4.10: a walk has at most eight queries. One message causes
// at most MaxOrganizations walks besides the author's.
func TestQueryLimits(t *testing.T) {
	t.Parallel()
	author := strings.Repeat("a.", 60) + "example.org"
	srv, r := dnstest.Start(t, `_dmarc.example.org. TXT "v=DMARC1; p=reject; np=none"`)
	var dkim []Identifier
	for i := range 50 {
		dkim = append(dkim, pass(fmt.Sprintf("%sd%d.x.y.z.example.org", strings.Repeat("b.", 20), i)))
	}
	found := LookupAuthor(t.Context(), r, author, Options{})
	if n := len(srv.Queries()); n != maxQueries+1 {
		t.Errorf("%d queries for the author, want 8 and the one for np", n)
	}
	srv.Forget()
	walks := map[string]bool{}
	got := found.Evaluate(Identifier{}, append(dkim, dkim...), func(domain string) Organization {
		if walks[domain] {
			t.Errorf("a second walk for %s", domain)
		}
		walks[domain] = true
		LookupOrganization(t.Context(), r, domain, Options{})
		return Organization{Domain: domain} // not aligned
	})
	if got.Status != Fail || len(walks) != MaxOrganizations {
		t.Errorf("%d walks: %+v", len(walks), got)
	}
	if got := evaluate(t.Context(), r, author, Options{}, Identifier{}, dkim); got.Status != Pass {
		t.Errorf("%+v", got)
	}
	if n := len(srv.Queries()); n == 0 || n > MaxOrganizations*maxQueries {
		t.Errorf("%d queries for identifiers", n)
	}
	srv, r = dnstest.Start(t, `_dmarc.example.org. TXT "v=DMARC1; p=reject; np=none"`)
	foreign := []Identifier{pass("a.b.c.other.example"), pass("org"), pass("xexample.org"), broken("d.example")}
	if got := evaluate(t.Context(), r, "example.org", Options{}, pass("e.example"), foreign); got.Status != Fail {
		t.Errorf("%+v", got)
	}
	for _, q := range srv.Queries() {
		if !slices.Contains([]string{"_dmarc.example.org", "_dmarc.org"}, q.Name) {
			t.Errorf("asked for %s, which cannot align", q.Name)
		}
	}
}

// TestEqualNameSparesWalks: after a signature of the Author Domain itself, the
// other signatures need no walks.
func TestEqualNameSparesWalks(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `_dmarc.example.org. TXT "v=DMARC1; p=reject"`)
	got := LookupAuthor(t.Context(), r, "example.org", Options{}).Evaluate(failed("a.example.org"),
		[]Identifier{pass("b.example.org"), pass("example.org")}, func(domain string) Organization {
			t.Errorf("a walk for %s", domain)
			return Organization{}
		})
	if !got.DKIMAligned {
		t.Errorf("%+v", got)
	}
}

// TestLatency: the walks take the time of the longest chain of lookups that
// depend on each other.
func TestLatency(t *testing.T) {
	t.Parallel()
	const rtt = 20 * time.Millisecond
	zone := answers{
		"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=none; np=reject"}},
	}
	slow := resolverFunc(func(ctx context.Context, name string, typ dnscache.Type) *dnscache.Answer {
		time.Sleep(rtt)
		return zone.Lookup(ctx, name, typ)
	})
	for _, tt := range []struct {
		name   string
		author string
		spf    Identifier
		want   time.Duration
	}{
		{"record and organizational domain", "example.org", failed("x.example"), rtt},
		{"an identifier", "example.org", pass("a.b.example.org"), 2 * rtt},
		{"a foreign identifier", "example.org", pass("a.b.other.example"), rtt},
		{"existence of the author", "ghost.example.org", failed(""), 2 * rtt},
		{"a long name", strings.Repeat("a.", 30) + "example.org", pass("x.example"), 2 * rtt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				evaluate(t.Context(), slow, tt.author, Options{}, tt.spf, nil)
				if took := time.Since(began); took != tt.want {
					t.Errorf("took %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestWalkDomains(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"org":               {"org"},
		"a.org":             {"a.org", "org"},
		"a.b.c.d.e.f.g":     {"a.b.c.d.e.f.g", "b.c.d.e.f.g", "c.d.e.f.g", "d.e.f.g", "e.f.g", "f.g", "g"},
		"a.b.c.d.e.f.g.h":   {"a.b.c.d.e.f.g.h", "b.c.d.e.f.g.h", "c.d.e.f.g.h", "d.e.f.g.h", "e.f.g.h", "f.g.h", "g.h", "h"},
		"z.a.b.c.d.e.f.g.h": {"z.a.b.c.d.e.f.g.h", "b.c.d.e.f.g.h", "c.d.e.f.g.h", "d.e.f.g.h", "e.f.g.h", "f.g.h", "g.h", "h"},
	} {
		if d := cmp.Diff(want, walkDomains(in)); d != "" {
			t.Errorf("%s: %s", in, d)
		}
	}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, `
_dmarc.a.b.example.org. TXT "v=spf1 -all"
_dmarc.b.example.org. TXT "v=DMARC1; p=none"
_dmarc.b.example.org. TXT "v=DMARC1; p=reject"
_dmarc.example.org. TXT "v=DMARC1; p=reject; psd=n"
`)
	w := Discover(t.Context(), r, "x.A.b.example.org.", Options{})
	var got []string
	for _, s := range w.Steps {
		got = append(got, fmt.Sprintf("%s %s %d %v %s", s.Name, s.Outcome, s.Records, s.Record != nil, s.Why))
	}
	want := []string{
		"_dmarc.x.a.b.example.org nxdomain 0 false no DMARC record",
		"_dmarc.a.b.example.org found 0 false no DMARC record",
		"_dmarc.b.example.org found 2 false discarded: several DMARC records at one name",
		"_dmarc.example.org found 1 true governs; organizational domain; psd=n ends the walk",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if w.OrganizationalDomain != "example.org" || w.RecordDomain != "example.org" || w.Trouble != "" || w.Domain != "x.a.b.example.org" {
		t.Errorf("%+v", w)
	}
	if w := Discover(t.Context(), r, "not a name", Options{}); w.Trouble == "" || len(w.Steps) != 0 {
		t.Errorf("%+v", w)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	// Names without a record have other texts, because absence is cached only
	// with a SOA.
	srv, r := dnstest.Start(b, `
_dmarc.example.org. 3600 TXT "v=DMARC1; p=reject; rua=mailto:d@example.org"
_dmarc.mail.example.org. 3600 TXT "v=spf1 -all"
_dmarc.org. 3600 TXT "v=spf1 -all"
`)
	dkim := []Identifier{pass("mail.example.org"), pass("esp.example")}
	if res := evaluate(b.Context(), r, "example.org", Options{}, pass("bounce.esp.example"), dkim); res.Status != Pass {
		b.Fatalf("%+v", res)
	}
	srv.Forget()
	b.ReportAllocs()
	for b.Loop() {
		ctx, _ := dnscache.CacheOnly(b.Context())
		evaluate(ctx, r, "example.org", Options{}, pass("bounce.esp.example"), dkim)
	}
	if q := srv.Queries(); len(q) > 0 {
		b.Errorf("the cache was not warm: %v", q[0])
	}
}

// BenchmarkEvaluateWithoutDNS measures the evaluation with all answers at hand.
func BenchmarkEvaluateWithoutDNS(b *testing.B) {
	r := answers{"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=reject; rua=mailto:d@example.org"}}}
	dkim := []Identifier{pass("mail.example.org"), pass("esp.example")}
	b.ReportAllocs()
	for b.Loop() {
		ctx, _ := dnscache.CacheOnly(b.Context())
		evaluate(ctx, r, "example.org", Options{}, pass("bounce.esp.example"), dkim)
	}
}
