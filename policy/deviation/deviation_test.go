package deviation_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/deviation"
)

func TestList(t *testing.T) {
	t.Parallel()
	var l deviation.List
	l.Add("a", 3, "count", "is %q", "x")
	l.Add("a", 9, "p", "is %q", "y")
	l.Add("b", 0, "", "no record")
	l.Merge(deviation.List{{Name: "b", Count: 2}, {Name: "c", Text: "new", Count: 1}})
	want := deviation.List{
		{Name: "a", Line: 3, Element: "count", Text: `is "x"`, Count: 2},
		{Name: "b", Text: "no record", Count: 3},
		{Name: "c", Text: "new", Count: 1},
	}
	if d := cmp.Diff(want, l); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !l.Has("c") || l.Has("d") {
		t.Error("Has")
	}
	for i, want := range []string{`line 3: count: is "x" (2 times)`, "no record (3 times)", "new"} {
		if got := l[i].String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
