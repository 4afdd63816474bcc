package foreign

import (
	"strings"
	"testing"
)

// TestIsPrintable has each octet at each place of texts around eight octets.
func TestIsPrintable(t *testing.T) {
	t.Parallel()
	for length := 1; length <= 25; length++ {
		for at := range length {
			for o := range 256 {
				for _, around := range []byte{' ', 'a', '~'} {
					b := []byte(strings.Repeat(string(rune(around)), length))
					b[at] = byte(o)
					want := o >= ' ' && o <= '~'
					if got := IsPrintable(b); got != want || IsPrintable(string(b)) != want {
						t.Fatalf("%q: %t, want %t", b, got, want)
					}
				}
			}
		}
	}
	if !IsPrintable("") {
		t.Error("nothing is not printable")
	}
}
