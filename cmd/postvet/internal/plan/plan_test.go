package plan

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postvet/postvet/cmd/postvet/internal/advice"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/page"
	"github.com/postvet/postvet/dnscache"
)

// TestCheck: no record is shown that the evaluator of its standard does not take.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, typ, data string
		ok              bool
	}{
		{"a.example", "TXT", `"v=spf1 mx -all"`, true},
		{"a.example", "TXT", `"v=spf1 mx -al"`, false},
		{"a.example", "TXT", `"v=spf1 mx" " -all"`, true},
		{"a.example", "TXT", `v=spf1`, false},
		{"a.example", "TXT", `"v=spf1 mx -all`, false},
		{"a.example", "TXT", `"v=spf1 mx -all"x`, false},
		{"a.example", "TXT", `"v=spf1 ` + strings.Repeat("a", 300) + `"`, false},
		{"_dmarc.a.example", "TXT", `"v=DMARC1; p=none"`, true},
		{"_dmarc.a.example", "TXT", `"v=DMARC1; p=none; p=reject"`, false},
		{"s._domainkey.a.example", "TXT", `"v=DKIM1; p="`, true},
		{"s._domainkey.a.example", "TXT", `"v=DKIM1; p=!"`, false},
		{"_mta-sts.a.example", "TXT", `"v=STSv1; id=1;"`, true},
		{"_mta-sts.a.example", "TXT", `"v=STSv1; id=;"`, false},
		{"_smtp._tls.a.example", "TXT", `"v=TLSRPTv1; rua=mailto:a@b.example"`, true},
		{"_smtp._tls.a.example", "TXT", `"v=TLSRPTv1; rua=a@b.example"`, false},
		{"default._bimi.a.example", "TXT", `"v=BIMI1; l=; a=;"`, true},
		{"default._bimi.a.example", "TXT", `"v=BIMI1; l=http://a.example/"`, false},
		{"a.example", "MX", "10 mx.a.example.", true},
		{"a.example", "MX", "10 mx.a.example", false},
		{"a.example", "MX", "70000 mx.a.example.", false},
		{"a.example", "MX", "10 192.0.2.1 x.", false},
		{"1.2.0.192.in-addr.arpa", "PTR", "mx.a.example.", true},
		{"1.2.0.192.in-addr.arpa", "PTR", "NAME. $INCLUDE x.", false},
		{"a.example", "A", "192.0.2.1", true},
		{"a.example", "A", "2001:db8::1", false},
		{"a.example", "AAAA", "2001:db8::1", true},
		{"_25._tcp.a.example", "TLSA", "3 1 1 " + strings.Repeat("0a1b2c3d", 8)[:56] + "ff00ee11", true},
		{"_25._tcp.a.example", "TLSA", "3 1 1 abcd", false},
		{"a.example", "NS", "evil.example.", false},
		{"a example", "A", "192.0.2.1", false},
		{"A.example", "A", "192.0.2.1", false},
		{"a.example\n$ORIGIN b.example.", "A", "192.0.2.1", false},
		{"a.example", "MX", "10 mx.a.example.\nevil.example. A 192.0.2.1", false},
	} {
		c := finding.Change{Name: tt.name, Type: tt.typ, Data: tt.data}
		if err := Check(&c); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestUnquoteProperty: the text of each record that is written is read back.
func TestUnquoteProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "text"))
		c := advice.Propose("a.example", advice.QuotedTXT(text)).Changes[0]
		if got := TextOf(&c); got != text {
			t.Fatalf("%q is read as %q", c.Data, got)
		}
	})
}

// FuzzUnquote: no data is read as more than it has.
func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"a" "b"`, `"\034\\\""`, `"`, `"a"  "b"`, `"\0`, `"\999"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		if text, err := unquote(data); err == nil && len(text) > len(data) {
			t.Fatalf("%q is read as %q", data, text)
		}
	})
}

// TestNew: the forms of records, their order, and names of others.
func TestNew(t *testing.T) {
	t.Parallel()
	p := New("a.example", []finding.Change{
		{Name: "_dmarc.a.example", Type: "TXT", Data: `"v=DMARC1; p=none"`},
		{Name: "a.example", Type: "TXT", Data: `"v=spf1 mx -all"`},
		{Remove: true, Name: "a.example", Type: "MX", Data: "10 old.a.example."},
		{Name: "a.example", Type: "MX", Data: "10 mx.a.example."},
		{Name: "1.2.0.192.in-addr.arpa", Type: "PTR", Data: "mx.a.example."},
		{Name: "mx.a.example", Type: "A", Data: "192.0.2.1"},
		{Remove: true, Name: "k._domainkey.a.example", Type: "CNAME"},
		{Name: "s._domainkey.a.example", Type: "TXT", Data: `"v=DKIM1; p="`},
		{Name: "b.example", Type: "TXT", Data: `"v=spf1 -all"`},
		{Name: "nota.example", Type: "TXT", Data: `"v=spf1 -all"`},
		{Name: "a.example", Type: "A", Data: "evil"},
	}, []Step{{When: "later", Why: "do it"}})
	var got []string
	for _, s := range p.Steps {
		got = append(got, s.When+": "+s.Why)
		for _, r := range s.Records {
			got = append(got, strings.Join([]string{map[bool]string{true: "-", false: "+"}[r.Remove], r.BIND, "|", r.Host, r.Value}, " "))
		}
	}
	want := []string{
		"now: remove names that others could get hold of",
		"- k._domainkey.a.example. 3600 IN CNAME | k._domainkey ",
		"next: publish the names and addresses that other records lead to",
		"+ 1.2.0.192.in-addr.arpa. 3600 IN PTR mx.a.example. | 1.2.0.192.in-addr.arpa mx.a.example.",
		"+ mx.a.example. 3600 IN A 192.0.2.1 | mx 192.0.2.1",
		"next: publish the keys",
		`+ s._domainkey.a.example. 3600 IN TXT "v=DKIM1; p=" | s._domainkey v=DKIM1; p=`,
		"next: publish where mail goes and what protects it on the way",
		"+ a.example. 3600 IN MX 10 mx.a.example. | @ mx.a.example.",
		"- a.example. 3600 IN MX 10 old.a.example. | @ old.a.example.",
		"next: publish who may send",
		`+ a.example. 3600 IN TXT "v=spf1 mx -all" | @ v=spf1 mx -all`,
		"next: publish the policies, and where reports go",
		`+ _dmarc.a.example. 3600 IN TXT "v=DMARC1; p=none" | _dmarc v=DMARC1; p=none`,
		"later: do it",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r := p.Steps[3].Records[0]; r.Priority != 10 || r.TTL != 3600 {
		t.Errorf("%+v", r)
	}
	var text bytes.Buffer
	w := page.New(&text, layout.Screen{Width: 80})
	p.Print(w)
	(*Plan)(nil).Print(w)
	if err := w.Flush(); err != nil || !strings.Contains(text.String(), "in a panel: host @, type MX, TTL 3600, priority 10, value\n       mx.a.example.\n") {
		t.Errorf("%v %s", err, text.String())
	}
}

// zone is a resolver with answers by name and type.
type zone map[string]*dnscache.Answer

func (z zone) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if a := z[name+" "+t.String()]; a != nil {
		return a
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

// TestPublished: the DNS with changes.
func TestPublished(t *testing.T) {
	t.Parallel()
	z := zone{
		"a.example TXT": {Outcome: dnscache.Found, TXT: []string{"v=spf1 +all", "other=1"}},
		"a.example MX":  {Outcome: dnscache.Found, MX: []dnscache.Exchange{{Preference: 10, Host: "old.a.example"}}},
		"f.example TXT": {Outcome: dnscache.ServFail},
		"c.example TXT": {Outcome: dnscache.NXDomain, Canonical: "gone.test"},
	}
	p := &Published{Resolver: z, Changes: []finding.Change{
		{Name: "a.example", Type: "TXT", Data: `"v=spf1 mx -all"`},
		{Name: "a.example", Type: "MX", Data: "5 mx.a.example."},
		{Remove: true, Name: "a.example", Type: "MX", Data: "10 OLD.a.example."},
		{Name: "k._domainkey.a.example", Type: "TXT", Data: `"v=DKIM1; p="`},
		{Name: "f.example", Type: "TXT", Data: `"v=spf1 -all"`},
		{Remove: true, Name: "c.example", Type: "CNAME"},
		{Name: "mx.a.example", Type: "A", Data: "192.0.2.1"},
		{Name: "1.2.0.192.in-addr.arpa", Type: "PTR", Data: "mx.a.example."},
	}}
	for question, want := range map[string]dnscache.Answer{
		"A.example. TXT":             {Outcome: dnscache.Found, TXT: []string{"other=1", "v=spf1 mx -all"}},
		"a.example MX":               {Outcome: dnscache.Found, MX: []dnscache.Exchange{{Preference: 5, Host: "mx.a.example"}}},
		"_domainkey.a.example TXT":   {Outcome: dnscache.NoData},
		"k._domainkey.a.example TXT": {Outcome: dnscache.Found, TXT: []string{"v=DKIM1; p="}},
		"f.example TXT":              {Outcome: dnscache.ServFail},
		"c.example TXT":              {Outcome: dnscache.NXDomain},
		"mx.a.example A":             {Outcome: dnscache.Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		"x.example TXT":              {Outcome: dnscache.NXDomain},
		"1.2.0.192.in-addr.arpa PTR": {Outcome: dnscache.Found, Names: []string{"mx.a.example"}},
	} {
		name, typ, _ := strings.Cut(question, " ")
		types := map[string]dnscache.Type{"TXT": dnscache.TXT, "MX": dnscache.MX, "A": dnscache.A, "PTR": dnscache.PTR}
		a := p.Lookup(t.Context(), name, types[typ])
		got := dnscache.Answer{Outcome: a.Outcome, TXT: a.TXT, MX: a.MX, Addrs: a.Addrs, Names: a.Names, Canonical: a.Canonical}
		if got.Outcome != want.Outcome || got.Canonical != want.Canonical || !cmp.Equal(got.TXT, want.TXT) || !cmp.Equal(got.MX, want.MX) || !cmp.Equal(got.Names, want.Names) || len(got.Addrs) != len(want.Addrs) {
			t.Errorf("%s: %+v, want %+v", question, got, want)
		}
	}
	if len(z["a.example TXT"].TXT) != 2 || z["a.example TXT"].TXT[0] != "v=spf1 +all" {
		t.Error("the answer beneath was changed")
	}
}

// TestConfirm: a change that mends nothing, or breaks something, is left out.
func TestConfirm(t *testing.T) {
	t.Parallel()
	good := advice.Propose("a.example", "A 192.0.2.1")
	useless := advice.Propose("b.a.example", "A 192.0.2.2")
	harmful := advice.Propose("c.a.example", "A 192.0.2.3")
	invalid := advice.Propose("d.a.example", "A 999")
	list := finding.List{}
	list.Add(finding.Error, "good", good)
	list.Add(finding.Error, "useless", useless)
	list.Add(finding.Warning, "harmful", harmful)
	list.Add(finding.Error, "invalid", invalid)
	judge := func(changes []finding.Change) finding.Lists {
		after := finding.List{}
		after.Error("useless", "")
		gone := map[string]bool{}
		for _, c := range changes {
			gone[c.Name] = true
		}
		if !gone["a.example"] {
			after.Error("good", "")
		}
		if gone["c.a.example"] {
			after.Error("new", "")
		} else {
			after.Warning("harmful", "")
		}
		return finding.Lists{&after}
	}
	p := Make("a.example", finding.Lists{&list}, judge, nil)
	if len(p.Steps) != 1 || len(p.Steps[0].Records) != 1 || p.Steps[0].Records[0].Name != "a.example" || p.Omitted != 3 || !p.Confirmed {
		t.Errorf("%+v", p)
	}
	var text bytes.Buffer
	w := page.New(&text, layout.Screen{})
	none := Make("a.example", finding.Lists{{list[1]}, {list[3]}}, judge, nil)
	none.Print(w)
	if err := w.Flush(); err != nil || len(none.Steps) != 0 || !strings.Contains(text.String(), "Nothing by itself: 2 proposed records of the findings above") {
		t.Errorf("%v %s", err, text.String())
	}
	empty := Make("a.example", finding.Lists{}, judge, nil)
	if len(empty.Steps) != 0 || empty.Confirmed || empty.Omitted != 0 {
		t.Errorf("%+v", empty)
	}
}
