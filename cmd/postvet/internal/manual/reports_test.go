package manual

import (
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reportfailures"
	"github.com/postvet/postvet/policy/reporting"
)

// TestFailureReasons: each reason is explained, and none that does not exist.
func TestFailureReasons(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, s := range reporting.FailureSkips() {
		want = append(want, string(s))
	}
	for _, w := range reportfailures.Whys() {
		want = append(want, string(w))
	}
	for _, i := range failureReasons {
		got = append(got, i[0])
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestAfterList: text behind a list is no part of its last item.
func TestAfterList(t *testing.T) {
	t.Parallel()
	text := string(Edition{}.reports().Text)
	if !strings.Contains(text, "are left out, and counted.\n.PP\nThe key of the hash") {
		t.Errorf("the text behind the list belongs to its last item:\n%s", text)
	}
}
