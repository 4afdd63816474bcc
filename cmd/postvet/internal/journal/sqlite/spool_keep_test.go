package sqlite

import (
	"context"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// sender is a Sender that has sent nothing.
type sender struct{ removed [rows.Classes]int64 }

func (s *sender) Unshipped(context.Context, rows.Part) int64 { return 5 }

func (s *sender) Removed(c rows.Class, n int64) { s.removed[c] += n }

// TestSpoolKeep removes days by their age: what was not sent is kept longer, and is counted
// when it goes, by its age or for want of room.
func TestSpoolKeep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	for _, age := range []int{0, 2, 4, 6} {
		write(t, dir, rows.Domains, g.rowOf(noon.AddDate(0, 0, -age), 1, false), g.rowOf(noon.AddDate(0, 0, -age), 1, true))
	}
	s, err := Open(Options{Dir: dir, Keep: [rows.Classes]time.Duration{rows.Accepted: 24 * time.Hour, rows.Rest: 30 * 24 * time.Hour}})
	must(t, err)
	defer s.Close()
	unsent := &sender{}
	s.SetSpool(4*24*time.Hour, unsent)
	left := func(now time.Time) (n [rows.Classes]int) {
		all, err := files(dir)
		must(t, err)
		for _, f := range s.removeOld(all, now) {
			n[f.class]++
		}
		return n
	}
	if got := left(noon); got != [rows.Classes]int{rows.Accepted: 3, rows.Rest: 4} || unsent.removed != [rows.Classes]int64{rows.Accepted: 5} {
		t.Errorf("%v days are left, %v rows went unsent", got, unsent.removed)
	}
	s.SetOptions([rows.Classes]time.Duration{rows.Accepted: 24 * time.Hour, rows.Rest: 30 * 24 * time.Hour}, 0, 0, 1, 0)
	if got := left(noon); got != [rows.Classes]int{1, 1} || unsent.removed != [rows.Classes]int64{15, 15} {
		t.Errorf("without room %v days are left, %v rows went unsent", got, unsent.removed)
	}
	s.SetSpool(0, nil)
	if got := left(noon.AddDate(0, 0, 3)); got[rows.Accepted] != 0 {
		t.Errorf("without a sender %v days are left", got)
	}
}
