package dmarc

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache"
)

// The cases here are generated, with an expectation that is worked out from the text of
// RFC 9989 alone. Their names begin with its section, which "make conformance" counts.

// txt returns a zone with one TXT record a name.
func txt(records map[string]string) answers {
	zone := answers{}
	for name, text := range records {
		zone[name+"/TXT"] = &dnscache.Answer{Outcome: dnscache.Found, TXT: []string{text}}
	}
	return zone
}

// exists adds an address, and that there is nothing else, so that a name is no
// non-existent domain (section 3.2.13).
func (m answers) exists(name string) answers {
	m[name+"/A"] = &dnscache.Answer{Outcome: dnscache.Found, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, t := range []string{"AAAA", "MX", "NS", "TXT"} {
		m[name+"/"+t] = &dnscache.Answer{Outcome: dnscache.NoData}
	}
	return m
}

// TestSectionWalkDepth has one record at each height above names of 2 to 12 labels. The
// walk sees the name itself and its last seven labels at most, and no more (section 4.10).
func TestSectionWalkDepth(t *testing.T) {
	t.Parallel()
	for labels := 2; labels <= 12; labels++ {
		for height := 1; height <= labels; height++ {
			for _, psd := range []PSD{PSDUnknown, PSDNo, PSDYes} {
				t.Run(fmt.Sprintf("4.10 %d labels, record at %d of them, psd=%s", labels, height, psd), func(t *testing.T) {
					t.Parallel()
					var parts []string
					for i := range labels {
						parts = append(parts, fmt.Sprintf("l%d", i))
					}
					suffix := func(n int) string { return strings.Join(parts[labels-n:], ".") }
					domain, at := suffix(labels), suffix(height)
					zone := txt(map[string]string{"_dmarc." + at: "v=DMARC1; p=reject; psd=" + string(psd)}).exists(domain)

					wantStatus, wantRecord, wantOrg := None, "", domain
					if seen := height == labels || height <= 7; seen {
						wantStatus, wantRecord, wantOrg = Fail, at, at
						if psd == PSDYes && height < labels { // section 4.10.2: one label below it
							wantOrg = suffix(height + 1)
						}
					}
					got := evaluate(t.Context(), zone, domain, Options{}, Identifier{}, nil)
					if got.Status != wantStatus || got.RecordDomain != wantRecord || got.OrganizationalDomain != wantOrg {
						t.Errorf("%s: %s, record at %q, organizational domain %q; want %s, %q, %q",
							domain, got.Status, got.RecordDomain, got.OrganizationalDomain, wantStatus, wantRecord, wantOrg)
					}
				})
			}
		}
	}
}

// TestSectionAlignment has every pair of an author and an identifier among names in and
// beside an organization, in both modes and for both methods.
func TestSectionAlignment(t *testing.T) {
	t.Parallel()
	inside := []string{"example.org", "a.example.org", "b.example.org", "c.a.example.org"}
	outside := []string{"org", "example.net", "notexample.org", "example.org.example.net", "a.example.net"}
	for _, author := range inside {
		for _, identifier := range slices.Concat(inside, outside) {
			for _, mode := range []string{"r", "s"} {
				zone := txt(map[string]string{"_dmarc.example.org": "v=DMARC1; p=reject; adkim=" + mode + "; aspf=" + mode})
				want := slices.Contains(inside, identifier)
				if mode == "s" {
					want = identifier == author
				}
				check := func(section, method string, spf Identifier, dkim []Identifier) {
					t.Run(fmt.Sprintf("%s %s of %s for author %s, mode %s", section, method, identifier, author, mode), func(t *testing.T) {
						t.Parallel()
						got := evaluate(t.Context(), zone, author, Options{}, spf, dkim)
						if aligned := got.SPFAligned || got.DKIMAligned; aligned != want || (got.Status == Pass) != want {
							t.Errorf("%s, aligned %v, want %v", got.Status, aligned, want)
						}
					})
				}
				check("4.4.1", "DKIM", failed(identifier), []Identifier{pass(identifier)})
				check("4.4.2", "SPF", pass(identifier), []Identifier{failed(identifier)})
			}
		}
	}
}

// TestSectionTagOrder has the tags of a record in every order, and with tags between
// them that are unknown or that RFC 9989 no longer has.
func TestSectionTagOrder(t *testing.T) {
	t.Parallel()
	tags := []string{"p=reject", "sp=quarantine", "np=none", "adkim=s", "t=y"}
	want, err := ParseRecord("v=DMARC1; " + strings.Join(tags, "; "))
	if err != nil || want.ADKIM != Strict || !want.Testing {
		t.Fatal(err, want)
	}
	random := rand.New(rand.NewPCG(9989, 47)) //nolint:gosec // the same cases every time
	other := []string{"pct=0", "rf=afrf", "ri=3600", "future=x", "x-y=1"}
	permute(tags, func(order []string) {
		for _, section := range []string{"4.7", "4.8"} {
			text, unknown := "v=DMARC1; "+strings.Join(order, "; "), "in any order"
			if section == "4.8" {
				unknown = "unknown and historic tags between"
				text = "v=DMARC1"
				for _, tag := range order {
					text += ";" + other[random.IntN(len(other))] + " ; " + tag
				}
			}
			t.Run(fmt.Sprintf("%s tags %s: %s", section, unknown, text), func(t *testing.T) {
				t.Parallel()
				got, err := ParseRecord(text)
				if err != nil {
					t.Fatal(err)
				}
				got.Text, got.Problems = want.Text, want.Problems
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		}
	})
}

// permute calls f with each order of a list.
func permute(list []string, f func([]string)) {
	var place func(int)
	place = func(n int) {
		if n == len(list) {
			f(slices.Clone(list))
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			place(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	place(0)
}

// TestSectionPolicy has every combination of p, sp, np and t for an author that is the
// organization, a name below it, and one that does not exist.
func TestSectionPolicy(t *testing.T) {
	t.Parallel()
	values := []Policy{"", PolicyNone, PolicyQuarantine, PolicyReject}
	milder := map[Policy]Policy{PolicyReject: PolicyQuarantine, PolicyQuarantine: PolicyNone, PolicyNone: PolicyNone}
	for _, p := range values[1:] {
		for _, sp := range values {
			for _, np := range values {
				for _, test := range []bool{false, true} {
					text := "v=DMARC1; p=" + string(p)
					if sp != "" {
						text += "; sp=" + string(sp)
					}
					if np != "" {
						text += "; np=" + string(np)
					}
					if test {
						text += "; t=y"
					}
					below := firstSet(sp, p)
					for author, want := range map[string]Policy{"example.org": p, "there.example.org": below, "absent.example.org": firstSet(np, below)} {
						if test {
							want = milder[want]
						}
						t.Run(fmt.Sprintf("4.10.1 %s for %s", text, author), func(t *testing.T) {
							t.Parallel()
							zone := txt(map[string]string{"_dmarc.example.org": text}).exists("example.org").exists("there.example.org")
							got := evaluate(t.Context(), zone, author, Options{}, failed("evil.example"), nil)
							if got.Status != Fail || got.Policy != want || got.Disposition != want {
								t.Errorf("%s, policy %s, disposition %s; want fail, %s", got.Status, got.Policy, got.Disposition, want)
							}
							if passed := evaluate(t.Context(), zone, author, Options{}, pass(author), nil); passed.Disposition != PolicyNone {
								t.Errorf("an aligned message gets the disposition %s", passed.Disposition)
							}
						})
					}
				}
			}
		}
	}
}

func firstSet(list ...Policy) Policy {
	for _, p := range list {
		if p != "" {
			return p
		}
	}
	return ""
}

// TestSectionReceiver has the steps of a receiver that no other table has.
func TestSectionReceiver(t *testing.T) {
	t.Parallel()
	record := "v=DMARC1; p=reject"
	for _, tc := range []struct {
		name, author string
		zone         answers
		spf          Identifier
		dkim         []Identifier
		want         string // status, disposition, record domain
	}{
		{"4.5 strings of a record are joined without a blank", "example.org", answers{"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=rej" + "ect"}}}, failed("x.example"), nil, "fail reject example.org"},
		{"4.5 a record below the name is none of it", "example.org", txt(map[string]string{"_dmarc.a.example.org": record}), failed("x.example"), nil, "none none "},
		{"4.5 a record at the name itself is none", "example.org", txt(map[string]string{"example.org": record}), failed("x.example"), nil, "none none "},
		{"4.7 v must come first", "example.org", txt(map[string]string{"_dmarc.example.org": "p=reject; v=DMARC1"}), failed("x.example"), nil, "none none "},
		{"4.7 the value of v is case-sensitive", "example.org", txt(map[string]string{"_dmarc.example.org": "v=dmarc1; p=reject"}), failed("x.example"), nil, "none none "},
		{"4.7 pct=0 weakens nothing", "example.org", txt(map[string]string{"_dmarc.example.org": "v=DMARC1; p=reject; pct=0"}), failed("x.example"), nil, "fail reject example.org"},
		{"5.3.2 no record, no processing", "example.org", answers{}, pass("example.org"), []Identifier{pass("example.org")}, "none none "},
		{"5.3.2 several records count as none", "example.org", answers{"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{record, record + "; sp=none"}}}, pass("example.org"), nil, "none none "},
		{"5.3.2 several records at the name, one above", "a.example.org", answers{
			"_dmarc.a.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=DMARC1; p=none", "v=DMARC1; p=none; t=y"}},
			"_dmarc.example.org/TXT":   {Outcome: dnscache.Found, TXT: []string{record}},
		}, failed("x.example"), nil, "fail reject example.org"},
		{"5.3.2 other TXT records beside it", "example.org", answers{"_dmarc.example.org/TXT": {Outcome: dnscache.Found, TXT: []string{"v=spf1 -all", "hello", record}}}, failed("x.example"), nil, "fail reject example.org"},
		{"5.3.3 no authenticated identifier", "example.org", txt(map[string]string{"_dmarc.example.org": record}), Identifier{}, nil, "fail reject example.org"},
		{"5.3.3 a result other than pass authenticates nothing", "example.org", txt(map[string]string{"_dmarc.example.org": record}), Identifier{Domain: "example.org", Status: "softfail"}, []Identifier{{Domain: "example.org", Status: "neutral"}, {Domain: "example.org", Status: "policy"}}, "fail reject example.org"},
		{"5.3.4 one aligned signature among foreign ones", "example.org", txt(map[string]string{"_dmarc.example.org": record}), failed("example.org"), []Identifier{pass("a.example"), failed("example.org"), pass("b.example"), pass("example.org")}, "pass none example.org"},
		{"5.3.4 modes of both methods are separate", "a.example.org", txt(map[string]string{"_dmarc.example.org": record + "; aspf=s"}), pass("example.org"), []Identifier{pass("b.example.org")}, "pass none example.org"},
		{"5.3.5 SPF alone passes", "example.org", txt(map[string]string{"_dmarc.example.org": record}), pass("example.org"), []Identifier{failed("example.org")}, "pass none example.org"},
		{"5.3.5 DKIM alone passes", "example.org", txt(map[string]string{"_dmarc.example.org": record}), failed("example.org"), []Identifier{pass("example.org")}, "pass none example.org"},
		{"5.3.6 a temporary error of a method is no failure", "example.org", txt(map[string]string{"_dmarc.example.org": record}), broken("example.org"), nil, "temperror none example.org"},
		{"5.3.6 a temporary error of the record's lookup", "example.org", answers{"_dmarc.example.org/TXT": {Outcome: dnscache.ServFail}}, failed("x.example"), nil, "temperror none "},
		{"4.10.2 two public suffixes apart", "a.city.example", txt(map[string]string{"_dmarc.city.example": "v=DMARC1; p=reject; psd=y"}).exists("a.city.example"), pass("b.city.example"), nil, "fail reject city.example"},
		{"4.10.2 the suffix itself aligns with itself alone", "city.example", txt(map[string]string{"_dmarc.city.example": "v=DMARC1; p=reject; psd=y"}), pass("a.city.example"), []Identifier{pass("city.example")}, "pass none city.example"},
		{"4.10.2 a branch with psd=n is an organization of its own", "a.branch.example.org", txt(map[string]string{"_dmarc.branch.example.org": "v=DMARC1; p=reject; psd=n", "_dmarc.example.org": "v=DMARC1; p=none"}), pass("example.org"), nil, "fail reject branch.example.org"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := evaluate(t.Context(), tc.zone, tc.author, Options{}, tc.spf, tc.dkim)
			if s := fmt.Sprintf("%s %s %s", got.Status, got.Disposition, got.RecordDomain); s != tc.want {
				t.Errorf("%q, want %q (%s)", s, tc.want, got.Reason)
			}
		})
	}
}
