package reportsending

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/reporting"
)

// TestChoose has which subjects lead to a report.
func TestChoose(t *testing.T) {
	t.Parallel()
	subject := func(change func(*reports.Subject)) *reports.Subject {
		x := &reports.Subject{Messages: map[reporting.Kind]int64{reporting.Ordinary: 3}, DaysSeen: 2, Passed: true}
		x.Policy.Domain, x.Policy.RUA = "example.com", []string{"mailto:dmarc@example.com"}
		change(x)
		return x
	}
	kinds := func(kinds ...reporting.Kind) func(*reports.Subject) {
		return func(x *reports.Subject) {
			clear(x.Messages)
			for _, k := range kinds {
				x.Messages[k] = 5
			}
		}
	}
	forged := func(x *reports.Subject) { kinds(reporting.Refused)(x); x.Passed = false }
	once := func(x *reports.Subject) { x.DaysSeen = 1 }
	domain := func(name string) func(*reports.Subject) { return func(x *reports.Subject) { x.Policy.Domain = name } }
	same := func(*reports.Subject) {}
	for _, tc := range []struct {
		name    string
		change  func(*reports.Subject)
		setting func(*Settings)
		want    Why
	}{
		{"a known domain", same, nil, Chosen},
		{"off", same, func(s *Settings) { s.Send = Off }, WhyOff},
		{"not set", same, func(s *Settings) { s.Send = "" }, WhyOff},
		{"the domain of our reports", domain("reports.example.org"), nil, WhyOwn},
		{"below the domain of our reports", domain("a.reports.example.org"), nil, WhyOwn},
		{"above the domain of our reports", domain("example.org"), nil, Chosen},
		{"excluded", domain("spam.example"), nil, WhyExcluded},
		{"no address", func(x *reports.Subject) { x.Policy.RUA = []string{"https://example.com/", "mailto:0"} }, nil, WhyNoAddress},
		{"seen once", once, nil, WhyUnknown},
		{"seen once, all", once, func(s *Settings) { s.Send = All }, Chosen},
		{"seen once, listed as known", func(x *reports.Subject) { once(x); x.Policy.Domain = "friend.example" }, nil, Chosen},
		{"not listed", same, func(s *Settings) { s.Send = Listed }, WhyNotListed},
		{"listed", domain("friend.example"), func(s *Settings) { s.Send = Listed }, Chosen},
		{"all refused, never passed", forged, nil, WhyRideAlong},
		{"all refused, never passed, forged = true", forged, func(s *Settings) { s.Forged = true }, Chosen},
		{"all refused, passed before", kinds(reporting.Refused), nil, Chosen},
		{"reports alone", kinds(reporting.OfReport), func(s *Settings) { s.Send, s.Forged = All, true }, WhyRideAlong},
		{"bounces and reports alone", kinds(reporting.OfReport, reporting.NullSender), func(s *Settings) { s.Send = All }, WhyRideAlong},
		{"a report beside mail", kinds(reporting.OfReport, reporting.Ordinary), nil, Chosen},
	} {
		s := Settings{
			Send: Known, Submitter: "example.org", From: "noreply@reports.example.org",
			Known: func(d string) bool { return d == "friend.example" }, Excluded: func(d string) bool { return d == "spam.example" },
		}
		if tc.setting != nil {
			tc.setting(&s)
		}
		s = s.withDefaults()
		got := s.Choose(subject(tc.change))
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		if got != Chosen && !slices.Contains(Choices(), got) {
			t.Errorf("%q is not in Choices", got)
		}
	}
}

// TestParseURIs has what records name as addresses.
func TestParseURIs(t *testing.T) {
	t.Parallel()
	hundred := make([]string, 0, 150)
	var ten []string
	for i := range 150 {
		hundred = append(hundred, "mailto:a"+strconv.Itoa(i)+"@example.com")
	}
	for _, u := range hundred[:10] {
		ten = append(ten, strings.TrimPrefix(u, "mailto:"))
	}
	for _, tc := range []struct {
		name     string
		uris     []string
		want     []string
		problems int
	}{
		{"one", []string{"mailto:dmarc@example.com"}, []string{"dmarc@example.com"}, 0},
		{"capitals", []string{"MAILTO:DMARC@Example.COM"}, []string{"DMARC@example.com"}, 0},
		{"duplicates", []string{"mailto:a@example.com", "mailto:A@EXAMPLE.com", "mailto:a@example.com?subject=x"}, []string{"a@example.com"}, 0},
		{"percent", []string{"mailto:a%2Bb@example.com", "mailto:c%21d@example.com"}, []string{"a+b@example.com", "c!d@example.com"}, 0},
		{"plus", []string{"mailto:a+b@example.com"}, []string{"a+b@example.com"}, 0},
		{"international", []string{"mailto:a@b%C3%BCcher.example"}, []string{"a@xn--bcher-kva.example"}, 0},
		{"mailto:0", []string{"mailto:0", "mailto:", "mailto:@", "mailto:a@", "mailto:@example.com"}, nil, 5},
		{"other schemes", []string{"https://example.com/", "tel:1", "dmarc@example.com", ""}, nil, 4},
		{"line ends", []string{"mailto:a%0D%0ARCPT%20TO:b@example.com", "mailto:a@example.com%0D%0Ax"}, nil, 2},
		{"two", []string{"mailto:a@example.com,b@example.com", "mailto:a@b@example.com"}, nil, 2},
		{"list in one", []string{"mailto:a%2Cb@example.com"}, nil, 1},
		{"not an escape", []string{"mailto:a%zz@example.com"}, nil, 1},
		{"quoted and bracketed", []string{`mailto:%22a b%22@example.com`, "mailto:<a@example.com>", "mailto:a@[192.0.2.1]", "mailto:a@192.0.2.1"}, nil, 3},
		{"dots", []string{"mailto:.a@example.com", "mailto:a.@example.com", "mailto:a..b@example.com"}, nil, 3},
		{"no domain", []string{"mailto:a@localhost", "mailto:a@" + strings.Repeat("b", 64) + ".com"}, nil, 2},
		{"long", []string{"mailto:" + strings.Repeat("a", 65) + "@example.com"}, nil, 1},
		{"a hundred and fifty", hundred, ten, 1},
		{"a thousand malformed", slices.Repeat([]string{"mailto:0"}, 1000), nil, 101},
	} {
		got, problems := ParseURIs(tc.uris)
		if tc.name == "quoted and bracketed" {
			got = nil // 192.0.2.1 has the form of a domain
			problems = problems[:3]
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || len(problems) != tc.problems {
			t.Errorf("%s (-want +got):\n%s%q", tc.name, diff, problems)
		}
	}
}
