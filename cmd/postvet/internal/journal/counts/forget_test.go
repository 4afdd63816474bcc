package counts

import (
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// TestForget shows that a domain is gone from what is written next, and that no message is.
func TestForget(t *testing.T) {
	t.Parallel()
	c := &Counter{}
	refused := func(r *rows.Row) { r.Results.DMARC.Status, r.Verdict.Action = "fail", result.Reject }
	for _, org := range []string{"example.org", "news.example.org", "notexample.org"} {
		count(t, c, encode(noon, org, "192.0.2.1", refused))
	}
	written := c.Take(noon)
	c.Done(written, true)
	c.Forget("example.org")
	next := c.Take(noon.Add(time.Minute))
	if len(next.Recent) != 1 || !next.Recent[0].Whole {
		t.Fatalf("parts after Forget: %+v, want a whole one", next.Recent)
	}
	hours := present(t, written.Recent)
	part, ok := hours[0].Forget("example.org")
	if !ok {
		t.Fatal("the hour does not have the domain")
	}
	for name, parts := range map[string][]Part{"counter": next.Recent, "hour": {part}} {
		h := present(t, parts)[0]
		all := map[string]int64{}
		_ = h.Each(func(k Kind, name string, s *Sums) error {
			if k == Domain {
				all[name] += s[Rejected]
			}
			return nil
		})
		facts := map[string]int64{}
		_ = h.EachFacts(func(f Facts, n int64) error {
			facts[f.Org] += n
			return nil
		})
		for what, got := range map[string]map[string]int64{"names": all, "facts": facts} {
			if len(got) != 2 || got[Other] != 2 || got["notexample.org"] != 1 {
				t.Errorf("%s: %s %v", name, what, got)
			}
		}
		if h.All != 3 || h.Sum()[All] != 3 {
			t.Errorf("%s: %d messages, sum %d, want 3", name, h.All, h.Sum()[All])
		}
	}
	if _, ok := hours[0].Forget("example.org"); ok {
		t.Error("the domain is forgotten twice")
	}
}
