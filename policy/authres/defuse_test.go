package authres

import (
	"regexp"
	"strings"
	"testing"
)

// TestFormatHidesNothingFromSloppyReaders checks that a reader that searches
// instead of parsing finds only our own results.
func TestFormatHidesNothingFromSloppyReaders(t *testing.T) {
	t.Parallel()
	sloppy := regexp.MustCompile(`(?i)(spf|dkim|dmarc|arc)\s*=\s*pass|=\s*"?(a@)?legit`)
	for _, value := range []string{
		"dmarc=pass@evil.example", `"; dmarc=pass"@evil.example`, "x; DMARC = pass", "(spf=pass", "a.dkim=\tpass",
		"xdmarc=pass", "dmarc==pass", "arc=?utf-8?q?=pass", "spf\x00=pass", "dmarc=\r\n pass",
		"header.from=legit.example@evil.example", "a smtp.mailfrom = a@legit.example", "a POLICY.dmarc=legit",
	} {
		got := Format("mx.example.org", []Method{{
			Name: "spf", Result: "fail", Reason: value,
			Properties: []Property{{Type: "smtp", Name: "mailfrom", Value: value}},
		}})
		if m := sloppy.FindString(got); m != "" {
			t.Errorf("%q gives %q in %s", value, m, got)
		}
	}
	srs := "SRS0=ab=cd=example.org=user@fwd.example"
	if got := Format("mx.example.org", []Method{{
		Name: "spf", Result: "pass",
		Properties: []Property{{Type: "smtp", Name: "mailfrom", Value: srs}},
	}}); !strings.Contains(got, srs) {
		t.Errorf("an honest address is changed: %s", got)
	}
}
