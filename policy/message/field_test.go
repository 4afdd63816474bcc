package message

import "testing"

// RFC 5322 section 2.2: names are ASCII. A name with a letter that only Unicode
// folds to an ASCII one is another name to the MTA.
func TestFieldIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"Authentication-Results", true},
		{"aUTHENTICATION-rESULTS", true},
		{"Authentication-Re\u017fults", false},
		{"Authentication-Result", false},
		{"Authentication-Resultss", false},
	} {
		if got := NewField(tt.name, " x").Is("Authentication-Results"); got != tt.want {
			t.Errorf("%q: %v", tt.name, got)
		}
	}
}
