package milter

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// What an MTA does not offer is logged once, whatever the number of connections.
func TestMissingActionsAreLogged(t *testing.T) {
	t.Parallel()
	r := start(t, &fake{}, Options{})
	for range 3 {
		for _, actions := range []uint32{0x1ff, 0x31, 0x1ef, 0x01, 0, 0x1ce} {
			miltertest.Connect(t, r.dial, miltertest.NewOffer(6, actions, 0x1fffff)).Close()
		}
	}
	r.stop()
	var got []string
	for _, line := range r.logs.FilterMessageSnippet("does not offer all").All() {
		got = append(got, fmt.Sprint(line.ContextMap()["missing"]))
	}
	want := []string{"[SMFIF_CHGHDRS]", "[SMFIF_CHGHDRS SMFIF_QUARANTINE]", "[SMFIF_ADDHDRS SMFIF_CHGHDRS SMFIF_QUARANTINE]"}
	// 0x1ce lacks the same as 0.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
