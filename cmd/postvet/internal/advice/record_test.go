package advice

import (
	"strings"
	"testing"
)

func TestShownRecord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`v=spf1 "-all"`:             `v=spf1 "-all"`,
		"v=spf1\u00a0-all\x1b[2J":   `"v=spf1\u00a0-all\x1b[2J"`,
		strings.Repeat("a", 2100):   strings.Repeat("a", 1997) + "...",
		strings.Repeat("\x00", 600): `"` + strings.Repeat(`\x00`, 498) + `"...`,
	} {
		if got := ShownRecord(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestQuotedTXT(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       `publish: a.example. TXT ""`,
		`v=spf1 "\`:              `publish: a.example. TXT "v=spf1 \"\\"`,
		"\xc3\xa9\x00\x7f":       `publish: a.example. TXT "\195\169\000\127"`,
		strings.Repeat("a", 256): `publish: a.example. TXT "` + strings.Repeat("a", 255) + `" "a"`,
	} {
		if got := Publish("a.example", QuotedTXT(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
