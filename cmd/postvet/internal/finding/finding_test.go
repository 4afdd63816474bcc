package finding

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	t.Parallel()
	var l List
	if l.Worst() != OK {
		t.Errorf("an empty list is %s", l.Worst())
	}
	l.Error("a", "b")
	l.OK("c")
	l.DNSFailure("d")
	l.Error("a", "b")
	l.Error("a", "e")
	l = l.Once()
	l.WorstFirst()
	if l.Worst() != Error || l[2:].Worst() != Warning {
		t.Errorf("worst of all %s, of the last two %s", l.Worst(), l[2:].Worst())
	}
	got, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"error","text":"a","fix":"b"},{"severity":"error","text":"a","fix":"e"},` +
		`{"severity":"warning","text":"d","dns_trouble":true},{"severity":"ok","text":"c"}]`
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
