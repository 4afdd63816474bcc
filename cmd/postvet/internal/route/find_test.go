package route

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/mx"
)

// silent answers only when the caller's context ends.
type silent struct{}

func (silent) Lookup(ctx context.Context, _ string, _ dnscache.Type) *dnscache.Answer {
	<-ctx.Done()
	return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
}

// TestDeadline: a report ends with its context if the resolver never answers.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		r, err := Find(ctx, silent{}, "ann@example.org", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d != 50*time.Millisecond {
			t.Errorf("took %v", d)
		}
		if r.Verdict() != finding.Undetermined || r.Result != Unknown || r.Errors != 0 {
			t.Errorf("%s, %s, %d errors", r.Verdict(), r.Result, r.Errors)
		}
	})
}

// TestAgreesWithTheEvaluator: what is said about a recipient's domain is what policy/mx
// says about a sender's, but for addresses that nobody can reach, and for failures of a
// host behind one that has an address.
func TestAgreesWithTheEvaluator(t *testing.T) {
	t.Parallel()
	wants := map[mx.Status][]Result{
		mx.Accepts: {Delivers}, mx.NullMX: {NoMail}, mx.NoAddress: {Undeliverable}, mx.NoDomain: {Undeliverable},
		mx.TempError: {Unknown, Undeliverable}, // a bogus record is an answer to who asks for reasons
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		zone, address := readSetup(t, file)
		_, resolver := dnstest.StartAt(t, zone, clock)
		r, err := Find(t.Context(), resolver, address, Options{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		if r.Literal != "" || name == "parked" {
			continue // no domain; an address that nobody can reach
		}
		compared++
		status := mx.Check(t.Context(), resolver, r.Domain).Status
		agree := false
		for _, w := range wants[status] {
			agree = agree || w == r.Result
		}
		if !agree || status == mx.TempError && r.Result == Undeliverable && !r.MX.answer.Bogus() {
			t.Errorf("%s: %s, but the evaluator says %s", name, r.Result, status)
		}
	}
	if compared < 20 {
		t.Errorf("only %d compared", compared)
	}
}

// TestSenderOrder: addresses in the order of RFC 5321 section 5.1, each once.
func TestSenderOrder(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.StartAt(t, `
a.example. MX 20 late.a.example.
a.example. MX 10 y.a.example.
a.example. MX 10 x.a.example.
a.example. MX 65535 last.a.example.
a.example. MX 0 first.a.example.
first.a.example. A 185.0.2.1
first.a.example. AAAA 2a00:db8::1
x.a.example. A 185.0.2.2
y.a.example. A 185.0.2.3
y.a.example. A 10.0.0.1
late.a.example. A 185.0.2.4
late.a.example. A 185.0.2.4
last.a.example. AAAA 2a00:db8::5
`, clock)
	r, err := Find(t.Context(), resolver, "ann@a.example", Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range r.Attempts {
		got = append(got, a.Host[:strings.IndexByte(a.Host, '.')]+" "+a.IP.String())
	}
	want := "first 2a00:db8::1, first 185.0.2.1, x 185.0.2.2, y 185.0.2.3, late 185.0.2.4, last 2a00:db8::5"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s, want %s", s, want)
	}
	if !strings.Contains(r.Summary, "goes to first.a.example, then to x.a.example and y.a.example in random order, then to late.a.example, then to 1 more host.") {
		t.Error(r.Summary)
	}
}

// TestCountOfHosts: the steps count all hosts that the records name, and no null MX.
func TestCountOfHosts(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	zone.WriteString("a.example. MX 0 .\n")
	for i := range 30 {
		fmt.Fprintf(&zone, "a.example. MX 10 h%d.a.example.\nh%d.a.example. A 185.0.2.%d\n", i, i, i+1)
	}
	_, resolver := dnstest.StartAt(t, zone.String(), clock)
	r, err := Find(t.Context(), resolver, "ann@a.example", Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[int]string{1: ": 30 hosts.", 2: ", and 22 more."} {
		if !strings.HasSuffix(r.Steps[i].Text, want) {
			t.Errorf("%s, want %s", r.Steps[i].Text, want)
		}
	}
}

// TestManyAddresses: a few addresses of one family are seen beside many of the other, and
// those that are not checked are counted.
func TestManyAddresses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ v4, v6, want4, want6 int }{{30, 2, 8, 2}, {2, 30, 2, 8}, {30, 30, 5, 5}, {30, 0, 10, 0}, {0, 11, 0, 10}, {8, 2, 8, 2}} {
		var zone strings.Builder
		zone.WriteString("a.example. MX 10 h.a.example.\n")
		for i := range tc.v4 {
			fmt.Fprintf(&zone, "h.a.example. A 185.0.2.%d\n", i+1)
		}
		for i := range tc.v6 {
			fmt.Fprintf(&zone, "h.a.example. AAAA 2a00:db8::%x\n", i+1)
		}
		_, resolver := dnstest.StartAt(t, zone.String(), clock)
		r, err := Find(t.Context(), resolver, "ann@a.example", Options{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		v4, v6 := 0, 0
		for _, a := range r.MX.Hosts[0].Addresses {
			if a.IP.Is4() {
				v4++
			} else {
				v6++
			}
		}
		if v4 != tc.want4 || v6 != tc.want6 {
			t.Errorf("%+v: %d of IPv4, %d of IPv6", tc, v4, v6)
		}
		want := fmt.Sprintf("h.a.example has %d addresses; only %d were checked", tc.v4+tc.v6, MaxAddresses)
		if got := strings.Contains(fmt.Sprint(r.MX.Hosts[0].Findings), want); got != (tc.v4+tc.v6 > MaxAddresses) {
			t.Errorf("%+v: %v", tc, r.MX.Hosts[0].Findings)
		}
	}
}
