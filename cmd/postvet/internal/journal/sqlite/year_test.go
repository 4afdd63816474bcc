package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// simulation is a store whose clock a test moves on by the hour.
type simulation struct {
	t   *testing.T
	dir string
	s   *Store
	r   *journal.Recorder
	g   *generator
	now time.Time
}

func simulate(t *testing.T, dir string, o Options) *simulation {
	t.Helper()
	x := &simulation{t: t, dir: dir, g: newGenerator(), now: noon.Truncate(24 * time.Hour)}
	o.Dir, o.Now = dir, func() time.Time { return x.now }
	var err error
	x.s, err = Open(o)
	must(t, err)
	x.r = journal.NewRecorder(journal.Options{Level: rows.Domains, Store: x.s, Every: time.Hour})
	t.Cleanup(func() { x.r.Close(context.Background()) })
	return x
}

// memoryDir returns a directory in memory where the system has one: a year has thousands of
// transactions, each of which would wait for the disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "postvet")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// hour moves the clock on by an hour, as the service does minute by minute.
func (x *simulation) hour() {
	x.now = x.now.Add(time.Hour)
	x.s.Tick(x.now)
	x.s.group.Wait()
}

// mail adds messages of each class.
func (x *simulation) mail(n int) {
	for range n {
		x.r.Add(x.g.rowOf(x.now, 1, true))
		x.r.Add(x.g.rowOf(x.now, 1, false))
	}
	x.r.Flush(x.t.Context())
}

// days returns the files of a class, the newest first.
func (x *simulation) days(c rows.Class) (days []file) {
	all, err := files(x.dir)
	must(x.t, err)
	for _, f := range all {
		if f.class == c {
			days = append(days, f)
		}
	}
	return days
}

// isSealed reports whether a day is in one file and has its indexes.
func (x *simulation) isSealed(f file) bool {
	if _, err := os.Stat(f.path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	db, err := openReader(context.Background(), f)
	must(x.t, err)
	defer db.Close()
	var n int
	must(x.t, db.QueryRow("SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name LIKE 'message_%'").Scan(&n))
	return n == len(indexes[f.class])
}

// daysOfYear is how many days a simulated year has. The race detector makes SQLite twenty
// times as slow, so there the year ends when each bound has been met; "make unit" runs all
// of it without.
var daysOfYear = 365

// TestYearByTheHour simulates a year: the files of each day appear with its first message,
// are sealed in the second hour after its end, and leave in the hour after they are too old.
func TestYearByTheHour(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a year takes some seconds")
	}
	const day = 24 * time.Hour
	keep := [rows.Classes]time.Duration{rows.Accepted: 7 * day, rows.Rest: 30*day + 12*time.Hour}
	x := simulate(t, memoryDir(t), Options{Keep: keep, KeepCounts: 100 * day})
	begin := x.now
	for x.now.Before(begin.Add(time.Duration(daysOfYear) * day)) {
		if x.now.Hour() == 3 {
			x.mail(1)
		}
		x.hour()
		for c := range rows.Class(rows.Classes) {
			days := x.days(c)
			// The newest day is today from its first message on, the oldest is not too old.
			newest, oldest := x.now.Truncate(day), x.now.Add(-keep[c]-time.Hour).Truncate(day)
			if x.now.Hour() < 4 {
				newest = newest.Add(-day)
			}
			if oldest = oldest.Add(-day); oldest.Before(begin) {
				oldest = begin
			}
			if x.now.Before(begin.Add(4 * time.Hour)) {
				continue
			}
			if len(days) == 0 || !days[0].day.Equal(newest) {
				t.Fatalf("%s: the newest of %d days of class %s is not %s", x.now, len(days), c, newest)
			}
			last := days[len(days)-1]
			if last.day.Before(oldest) || last.day.After(oldest.Add(2*day)) {
				t.Fatalf("%s: the oldest day of class %s is %s, want %s", x.now, c, last.day, oldest)
			}
			if want := int(newest.Sub(last.day)/day) + 1; len(days) != want {
				t.Fatalf("%s: %d days of class %s, want %d", x.now, len(days), c, want)
			}
			if h := x.now.Hour(); len(days) > 1 && (h == 0 || h == 2) {
				yesterday := days[0]
				if sealed := x.isSealed(yesterday); sealed != (h == 2) {
					t.Fatalf("%s: %s is sealed: %t", x.now, yesterday.path, sealed)
				}
			}
		}
	}
}

// TestYearOfSize has room for some days alone. The oldest accepted mail is removed first. Other
// mail is removed only when today's is the only accepted mail left. The directory stays bounded.
func TestYearOfSize(t *testing.T) {
	t.Parallel()
	const maxSize = 6 << 20
	x := simulate(t, memoryDir(t), Options{Keep: [rows.Classes]time.Duration{365 * 24 * time.Hour, 365 * 24 * time.Hour}, MaxSize: maxSize})
	x.year(t, func() bool {
		all, err := files(x.dir)
		must(t, err)
		return total(all)+stateFile(x.dir).size() <= maxSize
	})
}

// year simulates days with much mail, until those of the rest had to be removed too. isBounded
// is true if nothing more is to be removed.
func (x *simulation) year(t *testing.T, isBounded func() bool) {
	t.Helper()
	if testing.Short() {
		t.Skip("a year takes some seconds")
	}
	removed := [rows.Classes]int{}
	for days := 1; days <= 365 && removed[rows.Rest] < 3; days++ {
		x.mail(150)
		for range 24 {
			x.hour()
		}
		left := [rows.Classes]int{}
		for c := range left {
			left[c] = len(x.days(rows.Class(c)))
			removed[c] = days - left[c]
		}
		if removed[rows.Rest] > 0 && left[rows.Accepted] > 1 {
			t.Fatalf("after %d days %v are left: days of the rest were removed before accepted mail", days, left)
		}
		if left[rows.Accepted] == 0 || left[rows.Rest] == 0 {
			t.Fatalf("after %d days %v are left, also the newest ones are gone", days, left)
		}
		if !isBounded() {
			t.Fatalf("after %d days the directory is too large", days)
		}
		for i, f := range x.days(rows.Rest) {
			if want := x.now.Add(-time.Hour).Truncate(24*time.Hour).AddDate(0, 0, -i); !f.day.Equal(want) {
				t.Fatalf("after %d days the %dth day of the rest is %s, want %s: the oldest goes first", days, i, f.day, want)
			}
		}
	}
	if removed[rows.Rest] < 3 || removed[rows.Accepted] <= removed[rows.Rest] {
		t.Errorf("removed: %v", removed)
	}
}
