//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"fits", "ab cd", []string{"ab cd"}},
		{"breaks at a blank", "abc def", []string{"abc", "def"}},
		{"a long word is cut", "x abcdefgh y", []string{"x", "abcde", "fgh y"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, wrap(tc.text, 5)); diff != "" {
				t.Errorf("wrap(%q) (-want +got):\n%s", tc.text, diff)
			}
		})
	}
}

func TestPrintTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	printTable(&b, []row{
		{mta: "Postfix", sent: "one", answer: "250 ok", decision: "accept", why: "because"},
		{mta: "Postfix", sent: "two", answer: "550 no", decision: "reject", why: "why not", problem: "bad"},
		{mta: "Sendmail", sent: "one", answer: "250 yes", decision: "accept", why: "because"},
	})
	got := b.String()
	for _, line := range strings.Split(got, "\n") {
		if len(line) > 120 {
			t.Errorf("%d characters: %q", len(line), line)
		}
	}
	// The answers of both MTAs to one message stand together, and a failure is
	// marked.
	one, two := strings.Index(got, "250 yes"), strings.Index(got, "550 no")
	if one < 0 || two < 0 || one > two || !strings.Contains(got[two:], "NOT AS EXPECTED") || strings.Contains(got[:two], "NOT AS EXPECTED") {
		t.Errorf("table:\n%s", got)
	}
}
