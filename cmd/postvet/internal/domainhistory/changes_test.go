package domainhistory

import (
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// met returns a record that mail has met on days of November.
func met(s rows.Standard, name, text string, first, last int) rows.Published {
	on := func(day int) time.Time { return time.Date(2026, 11, day, 12, 0, 0, 0, time.UTC) }
	return rows.Published{Standard: s, Name: name, Text: text, First: on(first), Last: on(last)}
}

// TestMetDifference: what mail has met tells of changes, and never that there was none.
func TestMetDifference(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 10, 0, 0, 0, 0, time.UTC)
	one := func(text string, first, last int) rows.Published {
		return met(rows.DMARC, "_dmarc.a.example", text, first, last)
	}
	for _, tt := range []struct {
		name     string
		met      []rows.Published
		old, now string
		day, n   int // 0 for no change
	}{
		{"the same all the time", []rows.Published{one("a", 1, 20)}, "a", "a", 0, 0},
		{"met first afterwards", []rows.Published{one("a", 15, 20)}, "a", "a", 0, 0},
		{"changed before", []rows.Published{one("a", 1, 5), one("b", 6, 20)}, "b", "b", 0, 0},
		{"changed", []rows.Published{one("a", 1, 12), one("b", 13, 20)}, "a", "b", 13, 1},
		{"changed, and met first afterwards", []rows.Published{one("a", 11, 12), one("b", 13, 20)}, "a", "b", 13, 1},
		{"changed twice", []rows.Published{one("a", 1, 12), one("b", 13, 14), one("c", 15, 16)}, "a", "c", 15, 2},
		{"and back", []rows.Published{one("a", 1, 20), one("b", 13, 14)}, "a", "a", 20, 2},
	} {
		x, changed := metDifference(tt.met, since)
		switch {
		case changed != (tt.n > 0):
			t.Errorf("%s: changed %t, %+v", tt.name, changed, x)
		case changed && (x.Old[0] != tt.old || x.New[0] != tt.now || x.At.Day() != tt.day || x.N != tt.n):
			t.Errorf("%s: %+v", tt.name, x)
		}
	}
}
