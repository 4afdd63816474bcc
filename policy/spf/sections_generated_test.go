package spf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/postvet/postvet/dnscache"
)

// The cases here are generated, with an expectation that is worked out from the text of
// RFC 7208 alone. Their names begin with its section, which "make conformance" counts.

// table answers lookups from a map of "name/TYPE", and notes what it was asked.
type table struct {
	answers map[string]*dnscache.Answer
	mu      sync.Mutex
	asked   []string
}

func (r *table) Lookup(_ context.Context, name string, t dnscache.Type) *dnscache.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, name+"/"+t.String())
	if a := r.answers[name+"/"+t.String()]; a != nil {
		return a
	}
	return &dnscache.Answer{Outcome: dnscache.NXDomain}
}

func records(pairs ...string) *table {
	r := &table{answers: map[string]*dnscache.Answer{}}
	for i := 0; i < len(pairs); i += 2 {
		r.answers[pairs[i]+"/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{pairs[i+1]}}
	}
	return r
}

func (r *table) address(name string, addrs ...string) *table {
	a := &dnscache.Answer{Outcome: dnscache.Found}
	for _, s := range addrs {
		a.Addrs = append(a.Addrs, netip.MustParseAddr(s))
	}
	r.answers[name+"/A"] = a
	return r
}

var generatedQuery = Query{Identity: MailFrom, IP: netip.MustParseAddr("192.0.2.3"), Helo: "mx.host.example", Sender: "long-part.name@deep.sub.mail.example"}

// TestSectionMacros expands every letter with every transformer of section 7.1, and looks
// at the name that exists: asks for.
func TestSectionMacros(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"s": "long-part.name@deep.sub.mail.example", "l": "long-part.name", "o": "deep.sub.mail.example",
		"d": "deep.sub.mail.example", "i": "192.0.2.3", "v": "in-addr", "h": "mx.host.example",
	}
	for letter, value := range values {
		for _, digits := range []int{0, 1, 2, 3, 9} {
			for _, reverse := range []bool{false, true} {
				for _, delimiters := range []string{"", "-", ".-", "+,/_="} {
					macro := "%{" + letter
					if digits > 0 {
						macro += fmt.Sprint(digits)
					}
					if reverse {
						macro += "r"
					}
					macro += delimiters + "}"
					t.Run("7.3 "+macro, func(t *testing.T) {
						t.Parallel()
						split := delimiters
						if split == "" {
							split = "."
						}
						parts := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune(split, c) })
						if reverse {
							slices.Reverse(parts)
						}
						if digits > 0 && digits < len(parts) {
							parts = parts[len(parts)-digits:]
						}
						want := strings.ToLower(strings.Join(parts, ".")) + ".x.example/A"
						r := records("deep.sub.mail.example", "v=spf1 exists:"+macro+".x.example -all")
						got := Check(t.Context(), r, generatedQuery, Options{Sequential: true})
						if got.Status != Fail || !slices.Contains(r.asked, want) {
							t.Errorf("%s after lookups of %q, want one of %q", got.Status, r.asked, want)
						}
					})
				}
			}
		}
	}
}

// TestSectionQualifiers has each qualifier before each mechanism that matches, and the
// result of a record in which nothing matches.
func TestSectionQualifiers(t *testing.T) {
	t.Parallel()
	results := map[string]Status{"": Pass, "+": Pass, "-": Fail, "~": SoftFail, "?": Neutral}
	mechanisms := map[string]string{
		"5.1": "all", "5.2": "include:in.example", "5.3": "a:host.example", "5.4": "mx:mail.example",
		"5.5": "ptr:host.example", "5.6": "ip4:192.0.2.0/24", "5.7": "exists:host.example",
	}
	zone := func(record string) *table {
		r := records("deep.sub.mail.example", record, "in.example", "v=spf1 ip4:192.0.2.3 -all", "out.example", "v=spf1 -ip4:192.0.2.3 +all").
			address("host.example", "192.0.2.3").address("elsewhere.example", "198.51.100.1")
		r.answers["mail.example/MX"] = &dnscache.Answer{Outcome: dnscache.Found, MX: []dnscache.Exchange{{Preference: 1, Host: "host.example"}}}
		r.answers["3.2.0.192.in-addr.arpa/PTR"] = &dnscache.Answer{Outcome: dnscache.Found, Names: []string{"host.example"}}
		return r
	}
	for section, mechanism := range mechanisms {
		for qualifier, want := range results {
			for _, before := range []string{"", "-ip4:198.51.100.0/24 ", "-a:elsewhere.example "} {
				record := "v=spf1 " + before + qualifier + mechanism + " -all"
				t.Run(section+" "+record, func(t *testing.T) {
					t.Parallel()
					if got := Check(t.Context(), zone(record), generatedQuery, Options{}); got.Status != want {
						t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
					}
				})
			}
			other := "v=spf1 " + qualifier + "exists:nobody.example"
			t.Run("4.7 "+section+" "+other, func(t *testing.T) {
				t.Parallel()
				if got := Check(t.Context(), zone(other), generatedQuery, Options{}); got.Status != Neutral {
					t.Errorf("%s, want neutral: nothing matches", got.Status)
				}
			})
		}
	}
	// Section 5.2: an include matches on pass alone.
	for _, tc := range []struct {
		of   string
		want Status
	}{
		{"in.example", Pass},
		{"out.example", SoftFail},
		{"none.example", PermError},
		{"soft.example", SoftFail},
		{"neutral.example", SoftFail},
		{"syntax.example", PermError},
		{"down.example", TempError},
	} {
		t.Run("5.2 include of "+tc.of, func(t *testing.T) {
			t.Parallel()
			r := zone("v=spf1 include:" + tc.of + " ~all")
			for name, text := range map[string]string{"soft.example": "v=spf1 ~all", "neutral.example": "v=spf1 ?all", "syntax.example": "v=spf1 nonsense"} {
				r.answers[name+"/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{text}}
			}
			r.answers["down.example/TXT"] = &dnscache.Answer{Outcome: dnscache.ServFail}
			if got := Check(t.Context(), r, generatedQuery, Options{}); got.Status != tc.want {
				t.Errorf("%s (%s), want %s", got.Status, got.Reason, tc.want)
			}
		})
	}
}

// TestSectionLimits counts terms and void lookups up to their limits and beyond.
func TestSectionLimits(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"a:%d.host.example", "mx:%d.host.example", "exists:%d.host.example", "include:%d.host.example", "ptr:%d.host.example"} {
		for n := 0; n <= 12; n++ {
			t.Run(fmt.Sprintf("4.6.4 %d times %s", n, mechanism), func(t *testing.T) {
				t.Parallel()
				r := records()
				r.answers["3.2.0.192.in-addr.arpa/PTR"] = &dnscache.Answer{Outcome: dnscache.Found, Names: []string{"other.example"}}
				r.address("other.example", "192.0.2.3")
				text := "v=spf1"
				for i := range n {
					text += " " + fmt.Sprintf("?"+mechanism, i)
					host := fmt.Sprintf("%d.host.example", i)
					r.address(host, "198.51.100.1")
					r.answers[host+"/MX"] = &dnscache.Answer{Outcome: dnscache.Found, MX: []dnscache.Exchange{{Preference: 1, Host: "other.host.example"}}}
					r.answers[host+"/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{"v=spf1 -all"}}
				}
				r.address("other.host.example", "198.51.100.2")
				r.answers["deep.sub.mail.example/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{text + " ip4:192.0.2.3 -all"}}
				want := Pass
				switch {
				case n > 0 && strings.HasPrefix(mechanism, "exists"):
					want = Neutral // the first one matches, and ends the evaluation
				case n > 10:
					want = PermError
				}
				if got := Check(t.Context(), r, generatedQuery, Options{}); got.Status != want {
					t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
				}
			})
		}
	}
	for n := 0; n <= 5; n++ {
		for _, outcome := range []dnscache.Outcome{dnscache.NXDomain, dnscache.NoData} {
			t.Run(fmt.Sprintf("4.6.4 %d void lookups, %s", n, outcome), func(t *testing.T) {
				t.Parallel()
				text := "v=spf1"
				r := records()
				for i := range n {
					text += fmt.Sprintf(" a:%d.void.example", i)
					r.answers[fmt.Sprintf("%d.void.example/A", i)] = &dnscache.Answer{Outcome: outcome}
				}
				r.answers["deep.sub.mail.example/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{text + " ip4:192.0.2.3 -all"}}
				want := Pass
				if n > 2 {
					want = PermError
				}
				if got := Check(t.Context(), r, generatedQuery, Options{}); got.Status != want {
					t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
				}
			})
		}
	}
}

// TestSectionPrefixes compares addresses with prefixes of every length, of both families.
func TestSectionPrefixes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7208, 56)) //nolint:gosec // the same cases every time
	for _, family := range []struct {
		mechanism string
		bits      int
	}{{"ip4", 32}, {"ip6", 128}} {
		for bits := 0; bits <= family.bits; bits++ {
			octets := make([]byte, family.bits/8)
			for i := range octets {
				octets[i] = byte(random.UintN(256))
			}
			network, _ := netip.AddrFromSlice(octets)
			client := slices.Clone(octets)
			flip := random.IntN(family.bits)
			client[flip/8] ^= 0x80 >> (flip % 8)
			address, _ := netip.AddrFromSlice(client)
			record := fmt.Sprintf("v=spf1 %s:%s/%d -all", family.mechanism, network, bits)
			want := Fail
			if flip >= bits { // a bit beyond the prefix differs
				want = Pass
			}
			t.Run(fmt.Sprintf("5.6 %s of %s", record, address), func(t *testing.T) {
				t.Parallel()
				q := generatedQuery
				q.IP = address
				if got := Check(t.Context(), records("deep.sub.mail.example", record), q, Options{}); got.Status != want {
					t.Errorf("%s (%s), want %s", got.Status, got.Reason, want)
				}
			})
		}
	}
}

// TestSectionResults has a way to each result of section 2.6, and what selects a record.
func TestSectionResults(t *testing.T) {
	t.Parallel()
	down := records()
	down.answers["deep.sub.mail.example/TXT"] = &dnscache.Answer{Outcome: dnscache.Timeout}
	several := func(texts ...string) *table {
		r := records()
		r.answers["deep.sub.mail.example/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: texts}
		return r
	}
	null := generatedQuery
	null.Sender = ""
	for _, tc := range []struct {
		name  string
		zone  *table
		query Query
		want  Status
	}{
		{"2.6.1 none: no record", records(), generatedQuery, None},
		{"2.6.2 neutral", records("deep.sub.mail.example", "v=spf1 ?all"), generatedQuery, Neutral},
		{"2.6.3 pass", records("deep.sub.mail.example", "v=spf1 +all"), generatedQuery, Pass},
		{"2.6.4 fail", records("deep.sub.mail.example", "v=spf1 -all"), generatedQuery, Fail},
		{"2.6.5 softfail", records("deep.sub.mail.example", "v=spf1 ~all"), generatedQuery, SoftFail},
		{"2.6.6 temperror", down, generatedQuery, TempError},
		{"2.6.7 permerror", records("deep.sub.mail.example", "v=spf1 foo"), generatedQuery, PermError},
		{"2.4 the null sender is checked by its HELO name", records("mx.host.example", "v=spf1 ip4:192.0.2.3 -all"), null, Pass},
		{"3.2 two records", several("v=spf1 -all", "v=spf1 +all"), generatedQuery, PermError},
		{"3.3 strings are joined without a blank", several("v=spf1 ip4:192.0." + "2.3 -all"), generatedQuery, Pass},
		{"4.5 v=spf10 is another version", several("v=spf10 -all"), generatedQuery, None},
		{"4.5 other TXT records beside it", several("hello", "v=DMARC1; p=none", "v=spf1 -all"), generatedQuery, Fail},
		{"4.6 an error behind a match counts", several("v=spf1 +all nonsense:x"), generatedQuery, PermError},
		{"4.6.1 evaluation from left to right", several("v=spf1 -ip4:192.0.2.3 +all"), generatedQuery, Fail},
		{"4.8 a target of one label", several("v=spf1 include:com -all"), generatedQuery, PermError},
		{"6 redirect twice", several("v=spf1 redirect=a.example redirect=b.example"), generatedQuery, PermError},
		{"6 exp twice", several("v=spf1 exp=a.example exp=b.example -all"), generatedQuery, PermError},
		{"6 an unknown modifier is ignored", several("v=spf1 future=x -all"), generatedQuery, Fail},
		{"6.1 redirect without a record", several("v=spf1 redirect=none.example"), generatedQuery, PermError},
		{"6.1 redirect beside all is ignored", several("v=spf1 redirect=none.example ~all"), generatedQuery, SoftFail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Check(t.Context(), tc.zone, tc.query, Options{}); got.Status != tc.want {
				t.Errorf("%s (%s), want %s", got.Status, got.Reason, tc.want)
			}
		})
	}
}
