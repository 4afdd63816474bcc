package message

import "testing"

// RFC 5322 section 2.2: names are ASCII. A letter that Unicode folds to an ASCII
// one makes another name to the MTA, which would count the fields differently.
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
