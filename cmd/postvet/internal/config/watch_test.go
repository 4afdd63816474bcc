package config

import (
	"slices"
	"testing"
	"time"
)

// TestOwnNames: our own domains count wherever they stand, as long as they do.
func TestOwnNames(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "own", "\xef\xbb\xbffile.example\r\n# a comment\r\n*.below.example, !not.below.example\r\nb\u00fccher.example\r\n")
	c, err := Parse("x", []byte("[policy]\nown_domains = ['one.example', '.one.example', 'file:"+file+"', {entry = 'gone.example', until = 2026-01-01}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"below.example", "file.example", "one.example", "xn--bcher-kva.example"}
	if got := c.OwnNames(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := c.OwnNames(time.Date(2025, 11, 29, 0, 0, 0, 0, time.UTC)); !slices.Contains(got, "gone.example") {
		t.Errorf("%q", got)
	}
	if got := new(Config).OwnNames(time.Now()); len(got) > 0 {
		t.Errorf("%q", got)
	}
}
