package spelling

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLength+1)
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"timeout", "timeout", 0},
		{"", "dns", 3},
		{"timeot", "timeout", 1},
		{"timeoutt", "timeout", 1},
		{"timeoud", "timeout", 1},
		{"tmieout", "timeout", 1},
		{"listen", "silent", 4},
		{"ca", "abc", 3}, // no second change of the same place
		{long, long, len(long)},
	} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
		if got := distance(tc.b, tc.a); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.b, tc.a, got, tc.want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"listen", "mode", "dns", "min_ttl", "max_ttl", "startsWith"}
	for _, tc := range []struct{ word, want string }{
		{"lisetn", "listen"},
		{"LISTEN", "listen"},
		{"min-ttl", "min_ttl"},
		{"startswith", "startsWith"},
		{"mxn_ttl", "min_ttl"}, // as near as max_ttl, and first
		{"dsn", "dns"},
		{"listening", "listen"},
		{"star", "startsWith"},
		{"st", ""},
		{"queue", ""},
		{"", ""},
		{strings.Repeat("a", 100), ""},
	} {
		if got := Nearest(tc.word, names); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.word, got, tc.want)
		}
	}
	if got := Nearest("x", []string{""}); got != "" {
		t.Errorf("an empty name is near: %q", got)
	}
}
