package received_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/policy/deviation"
	"github.com/postvet/postvet/policy/dmarc/report"
)

// findings is a sink that keeps the deviations of reports.
type findings struct{ list deviation.List }

func (*findings) Record(received.Place, *report.Head, *report.Record) error { return nil }

func (f *findings) End(r *received.Report) error {
	f.list = r.Deviations
	return r.Err
}

// TestOtherReporter: a report in the mail of another organization than it names is shown as
// such, also where the mail passed DMARC.
func TestOtherReporter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, from, org, email, author string
		want                           bool
	}{
		{"its own", "<noreply@google.com>", "google.com", "noreply@google.com", "", false},
		{"a name below", "DMARC <noreply@reports.big.co.uk>", "Big Mail", "dmarc@big.co.uk", "", false},
		{"of the name", "<noreply@mail.big.co.uk>", "big.co.uk", "big@provider.example", "", false},
		{"forged", "<x@forger.example>", "google.com", "noreply@google.com", "", true},
		{"one suffix", "<x@small.co.uk>", "big.co.uk", "dmarc@big.co.uk", "", true},
		{"names no domain", "<x@forger.example>", "Google", "", "", false},
		{"no author", "undisclosed", "google.com", "noreply@google.com", "", false},
		{"upper case", "<x@Google.COM>", "Google.com", "A@GOOGLE.com", "", false},
		{"a message inside", "<noreply@google.com>", "google.com", "noreply@google.com", "forger.example", true},
	} {
		text := strings.NewReplacer("<org_name>r<", "<org_name>"+tc.org+"<", "<email>e<", "<email>"+tc.email+"<").Replace(aggregate("x", 1))
		mail := "From: " + tc.from + "\r\nContent-Type: text/xml\r\n\r\n" + text
		var f findings
		if tc.author == "" {
			if err := received.New(&f).Read(strings.NewReader(mail), "m"); err != nil {
				t.Fatal(err)
			}
		} else {
			k := &received.Keeper{Arrival: received.Arrival{Author: tc.author, Result: "pass"}, Keep: func(r *reports.Received, _ *received.Report) error {
				f.list = r.Findings
				return nil
			}}
			if err := received.New(k).Read(strings.NewReader(mail), "m"); err != nil {
				t.Fatal(err)
			}
		}
		i := slices.IndexFunc(f.list, func(d deviation.Deviation) bool { return d.Name == received.OtherReporter })
		if (i >= 0) != tc.want {
			t.Errorf("%s: %v", tc.name, f.list)
		}
	}
}
