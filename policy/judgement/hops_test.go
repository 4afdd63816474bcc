package judgement_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/result"
)

// The hops are hosts that handed the message to another organization, the earliest first.
func TestHops(t *testing.T) {
	t.Parallel()
	const (
		inside  = "from pc (pc [10.0.0.7]) by mx.bank.example (Postfix) with ESMTP id 1; x"
		within  = "from a.bank.example (a.bank.example [198.51.100.7]) by mx.bank.example (Postfix) with ESMTP id 1; x"
		crossed = "from mx.bank.example (mx.bank.example [198.51.100.1]) by mx.desk.example (Postfix) with ESMTP id 1; x"
		scanned = "from localhost (localhost [127.0.0.1]) by mx.desk.example (Postfix) with ESMTP id 1; x"
		alien   = "from mx.bank.example (mx.bank.example [198.51.100.1]) by mx.else.example (Postfix) with ESMTP id 1; x"
		local   = "from mx.bank.example (mx.bank.example [198.51.100.1]) by mail.corp.local (Postfix) with ESMTP id 1; x"
		unnamed = "from mx.bank.example (mx.bank.example [198.51.100.1]) by localhost (Postfix) with ESMTP id 1; x"
	)
	for _, tt := range []struct {
		name   string
		fields []string // topmost first
		want   []string
	}{
		{"none", nil, nil},
		{"forwarded", []string{scanned, crossed, within, inside}, []string{"198.51.100.1"}},
		{"not by the client", []string{alien}, nil},
		{"by a host whose name is not public", []string{local}, []string{"198.51.100.1"}},
		{"by the client behind others", []string{scanned, alien}, []string{"198.51.100.1"}},
		{"by a host without a public name", []string{unnamed}, []string{"198.51.100.1"}},
		{"the client itself", []string{"from mx.desk.example (x [192.0.2.66]) by mx.desk.example; x"}, nil},
		{"not to be read", []string{"from \"x\" by mx.desk.example; x", "by"}, nil},
		{"too many", []string{
			crossed,
			"from a.example (a [198.51.100.11]) by b.example; x", "from c.example (a [198.51.100.12]) by d.example; x", "from e.example (a [198.51.100.13]) by f.example; x",
			"from g.example (a [198.51.100.14]) by h.example; x", "from g.example (a [198.51.100.14]) by i.example; x",
		}, []string{"198.51.100.14", "198.51.100.13", "198.51.100.12", "198.51.100.11"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := failing()
			for _, f := range tt.fields {
				r.Header = append(r.Header, received(f)...)
			}
			r.Route = result.Absent // DNS shows the names of the writers elsewhere
			var got []string
			for _, h := range judgement.Hops(r) {
				got = append(got, h.IP.String())
				if h.Domain != "bank.example" {
					t.Errorf("SPF of %s is asked", h.Domain)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	r := failing()
	r.Header, r.Client.PTR, r.Client.Helo = received(alien), "", "localhost.localdomain"
	if got := judgement.Hops(r); len(got) != 1 {
		t.Errorf("a client without a name: %v", got)
	}
	for state, want := range map[result.Presence]int{"": 1, result.Present: 1, result.Absent: 0} {
		r = failing()
		r.Header, r.Route = received(alien), state
		if got := judgement.Hops(r); len(got) != want {
			t.Errorf("a route that is %q: %v", state, got)
		}
	}
	for text, want := range map[string][]string{alien: {"mx.else.example"}, crossed: nil, local: nil, inside: {}} {
		r = failing()
		r.Header = received(text)
		if got := judgement.Writers(r); len(got) != len(want) || len(want) > 0 && got[0] != want[0] {
			t.Errorf("%s: the hosts %v are looked up, want %v", text, got, want)
		}
	}
	r = failing()
	for i := range 100 {
		r.Header = append(r.Header, received(strings.Replace(alien, "mx.else", fmt.Sprint("mx.else", i), 1))...)
	}
	if got := judgement.Writers(r); len(got) != judgement.MaxHops {
		t.Errorf("%d hosts are looked up", len(got))
	}
	r = failing()
	r.Header, r.MailFrom = received(crossed), "news@bounces.bank.example"
	if got := judgement.Hops(r); len(got) != 1 || got[0].Domain != "bounces.bank.example" {
		t.Errorf("the author's own MAIL FROM: %v", got)
	}
}

// SPF of the author's domain is asked for the client too, unless that of MAIL FROM says it.
func TestSenders(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*result.Results)
		want   string
	}{
		"another's sender": {func(*result.Results) {}, "192.0.2.66"},
		"the null sender":  {func(r *result.Results) { r.MailFrom = "" }, "192.0.2.66"},
		"the author's sender": {func(r *result.Results) {
			r.MailFrom = "ceo@bank.example"
			r.SPF[1].Domain = "bank.example"
		}, ""},
		"the client is hidden": {func(r *result.Results) { r.Client.IP = "" }, ""},
	} {
		r := failing()
		tt.change(r)
		got := ""
		for _, h := range judgement.Senders(r) {
			got += h.IP.String()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
