package caa

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/dnscache/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestParse is RFC 8659 section 4.1.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, rdata string
		want        Record
		ok          bool
	}{
		{"4.1 a record", "\x00\x05issueca.example", Record{false, "issue", "ca.example"}, true},
		{"4.1 critical", "\x80\x05issue;", Record{true, "issue", ";"}, true},
		{"4.1 other flags are ignored", "\x7f\x05issue", Record{false, "issue", ""}, true},
		{"4.1 capitals", "\x00\x05ISSUEx", Record{false, "issue", "x"}, true},
		{"4.1 an empty tag", "\x00\x00ca.example", Record{}, false},
		{"4.1 a tag beyond the record", "\x00\x0aissue", Record{}, false},
		{"4.1 a hyphen", "\x00\x03a-bx", Record{}, false},
		{"one octet", "\x00", Record{}, false},
		{"nothing", "", Record{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tt.rdata)
			if (err == nil) != tt.ok || !cmp.Equal(got, tt.want) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

const zone = `
a.example. CAA 0 issue "ca.example; account=1"
a.example. CAA 0 iodef "mailto:a@a.example"
own.a.example. CAA 0 issue ";"
mx.own.a.example. A 192.0.2.1
bad.a.example. CAA 0 issue "%%%%"
crit.a.example. CAA 128 tbs "Unknown"
wild.a.example. CAA 0 issuewild "ca.example"
other.a.example. CAA 0 issue "CA.example"
other.a.example. CAA 0 issue "ca2.example"
alias.b.example. CNAME own.a.example.
dead.b.example. A 192.0.2.1
$FAULT dead.b.example CAA SERVFAIL
`

// TestFind is RFC 8659 sections 3 and 4.2.
func TestFind(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, zone)
	for _, tt := range []struct {
		name, ask string
		want      Set
		nobody    bool
	}{
		{"3 of the name above", "mx.a.example", Set{Name: "a.example", Issuers: []string{"ca.example"}}, false},
		{"3 the closest", "mx.own.a.example", Set{Name: "own.a.example"}, true},
		{"3 by an alias", "alias.b.example", Set{Name: "alias.b.example"}, true},
		{"3 none", "x.b.example", Set{Open: true}, false},
		{"4.2 no domain is nobody", "bad.a.example", Set{Name: "bad.a.example"}, true},
		{"4.1 an unknown critical tag", "crit.a.example", Set{Name: "crit.a.example", Open: true, Critical: []string{"tbs"}}, true},
		{"4.3 issuewild alone", "wild.a.example", Set{Name: "wild.a.example", Open: true}, false},
		{"4.2 two", "other.a.example", Set{Name: "other.a.example", Issuers: []string{"ca.example", "ca2.example"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, failed := Find(t.Context(), r, tt.ask)
			if failed != nil {
				t.Fatal(failed.Outcome)
			}
			if d := cmp.Diff(tt.want, got); d != "" || got.Nobody() != tt.nobody {
				t.Errorf("nobody %v\n%s", got.Nobody(), d)
			}
		})
	}
	if _, failed := Find(t.Context(), r, "dead.b.example"); failed == nil || failed.Outcome != dnscache.ServFail {
		t.Errorf("%+v", failed)
	}
}

// TestFindIsBounded: a name of many labels costs few lookups.
func TestFindIsBounded(t *testing.T) {
	t.Parallel()
	s, r := dnstest.Start(t, zone)
	Find(t.Context(), r, strings.Repeat("x.", 100)+"example")
	if n := len(s.Queries()); n > maxClimb {
		t.Errorf("%d queries", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("\x00\x05issueca.example; x=y")
	f.Add("\x80\x03tbsUnknown")
	f.Fuzz(func(t *testing.T, rdata string) {
		s := Read("a.example", []string{rdata})
		r, err := Parse(rdata)
		if (err != nil) != (s.Bad == 1) || err == nil && (r.Tag == "" || len(r.Tag)+len(r.Value)+2 != len(rdata)) {
			t.Fatalf("%q: %+v, %+v, %v", rdata, r, s, err)
		}
		for _, i := range s.Issuers {
			if strings.ContainsAny(i, " ;\x00") || i == "" {
				t.Fatalf("issuer %q", i)
			}
		}
	})
}
