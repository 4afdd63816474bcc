package message

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 72)
	for _, tc := range []struct {
		column     int
		text, want string
	}{
		{5, "", ""},
		{5, "a  b\r\n c", " a b c"},
		{5, "a " + long + " b", " a\r\n\t" + long + " b"},
		{5, "aaa " + long + " bbbb c", " aaa\r\n\t" + long + " bbbb\r\n\tc"},
		{90, "a", " a"},
		{5, strings.Repeat("y", 2000), " " + strings.Repeat("y", 900) + "\r\n\t" + strings.Repeat("y", 900) + "\r\n\t" + strings.Repeat("y", 200)},
	} {
		if got := Fold(tc.column, tc.text); got != tc.want {
			t.Errorf("%d %q: %q, want %q", tc.column, tc.text, got, tc.want)
		}
	}
}
