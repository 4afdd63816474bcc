package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// find returns the references of the rows that a query selects.
func find(t *testing.T, dir string, q rows.Query) []result.Reference {
	t.Helper()
	page, err := NewReader(dir).Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if !page.Complete || len(page.Unread) > 0 {
		t.Errorf("page of %+v: complete %t, unread %v", q, page.Complete, page.Unread)
	}
	var refs []result.Reference
	for _, r := range page.Rows {
		refs = append(refs, r.Ref)
	}
	return refs
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	plain, failed := g.rowOf(noon, 1, false), g.rowOf(noon.Add(time.Minute), 2, true)
	yesterday := g.rowOf(noon.Add(-24*time.Hour), 1, true)
	below := g.rowOf(noon.Add(time.Hour), 3, false)
	below.Results.Author.Domain, below.Results.DMARC.OrganizationalDomain = "news.company1.example", "company1.example"
	bounce := g.rowOf(noon.Add(2*time.Hour), 4, false)
	bounce.Results.MailFrom = ""
	monitored := g.rowOf(noon.Add(3*time.Hour), 5, true)
	monitored.Verdict.Action, monitored.Verdict.Monitored = result.Accept, true
	write(t, dir, rows.Hashed, plain, failed, yesterday, below, bounce, monitored)
	all := []result.Reference{monitored.Ref, bounce.Ref, below.Ref, failed.Ref, plain.Ref, yesterday.Ref}
	for _, sealed := range []bool{false, true} {
		if sealed {
			days, _ := files(dir)
			for _, f := range days {
				if err := seal(t.Context(), f); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, x := range map[string]struct {
			q    rows.Query
			want []result.Reference
		}{
			"all":            {rows.Query{}, all},
			"since":          {rows.Query{Since: noon}, all[:5]},
			"until":          {rows.Query{Until: noon}, all[5:]},
			"ref":            {rows.Query{Ref: failed.Ref}, []result.Reference{failed.Ref}},
			"queue":          {rows.Query{Queue: plain.Queue}, []result.Reference{plain.Ref}},
			"message-id":     {rows.Query{MessageID: plain.MessageID}, []result.Reference{plain.Ref}},
			"domain":         {rows.Query{Domain: "Company1.example"}, []result.Reference{below.Ref, plain.Ref, yesterday.Ref}},
			"domain below":   {rows.Query{Domain: "news.company1.example"}, []result.Reference{below.Ref}},
			"mail_from":      {rows.Query{From: plain.Results.MailFrom}, []result.Reference{plain.Ref}},
			"its domain":     {rows.Query{From: "company2.example"}, []result.Reference{failed.Ref}},
			"null sender":    {rows.Query{From: "<>"}, []result.Reference{bounce.Ref}},
			"rcpt":           {rows.Query{To: strings.ToUpper(failed.Results.Recipients[0])}, []result.Reference{failed.Ref}},
			"rcpt domain":    {rows.Query{To: "example.com"}, all},
			"client":         {rows.Query{Client: netip.MustParsePrefix("192.0.0.2/32")}, []result.Reference{failed.Ref}},
			"network":        {rows.Query{Client: netip.MustParsePrefix("192.0.0.0/30")}, []result.Reference{below.Ref, failed.Ref, plain.Ref, yesterday.Ref}},
			"other network":  {rows.Query{Client: netip.MustParsePrefix("2001:db8::/32")}, nil},
			"action":         {rows.Query{Action: "reject"}, []result.Reference{monitored.Ref, failed.Ref, yesterday.Ref}},
			"rule and dmarc": {rows.Query{Rule: "dmarc-reject", DMARC: "fail", Since: noon, Until: noon.Add(time.Hour)}, []result.Reference{failed.Ref}},
			"page":           {rows.Query{Limit: 2, Before: below.Ref}, all[3:5]},
		} {
			if diff := cmp.Diff(x.want, find(t, dir, x.q)); diff != "" {
				t.Errorf("%s, sealed %t (-want +got):\n%s", name, sealed, diff)
			}
		}
	}
	if _, err := NewReader(dir).Find(t.Context(), rows.Query{Domain: "a@b"}); err == nil {
		t.Error("an address passes for a domain")
	}
}

// TestForget removes a person from today's file, while it is written, and from older ones.
func TestForget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	person := g.rowOf(noon, 1, false)
	old := g.rowOf(noon.Add(-48*time.Hour), 1, true)
	old.Results.Recipients = person.Results.Recipients
	other := g.rowOf(noon, 2, false)
	other.Results.Recipients = []string{"somebody@else.example"}
	write(t, dir, rows.Addresses, old)
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Addresses, Store: s, Every: time.Hour})
	r.Add(person)
	r.Add(other)
	r.Flush(t.Context())
	n, err := NewReader(dir).Forget(t.Context(), rows.Query{To: person.Results.Recipients[0]})
	if n != 2 || err != nil {
		t.Errorf("Forget: %d rows, %v, want 2", n, err)
	}
	r.Add(g.rowOf(noon, 3, false))
	r.Close(context.Background())
	if got := find(t, dir, rows.Query{}); len(got) != 2 {
		t.Errorf("%d rows are left, want 2", len(got))
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.db*"))
	for _, name := range names {
		text, _ := os.ReadFile(name)
		if strings.Contains(string(text), person.Results.Recipients[0]) {
			t.Errorf("%s still has the address", name)
		}
	}
}

// TestSetAside begins with files that cannot be used: none is a reason not to start.
func TestSetAside(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, path string){
		"text": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 1000)), 0o600))
		},
		"torn": func(t *testing.T, path string) {
			write(t, filepath.Dir(path), rows.Hashed, newGenerator().rowOf(noon, 1, true))
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, info.Size()/2+7))
		},
		"other tables": func(t *testing.T, path string) {
			sqlExec(t, path, "CREATE TABLE message (a, b); PRAGMA user_version = 1")
		},
		"newer": func(t *testing.T, path string) {
			write(t, filepath.Dir(path), rows.Hashed, newGenerator().rowOf(noon, 1, true))
			sqlExec(t, path, "PRAGMA user_version = 2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f := fileOf(dir, noon, rows.Rest)
			spoil(t, f.path)
			core, logs := observer.New(zap.ErrorLevel)
			s, err := Open(Options{Dir: dir, Logger: zap.New(core)})
			if err != nil {
				t.Fatal(err)
			}
			r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
			row := newGenerator().rowOf(noon, 2, true)
			for range 3 { // a write may find out, and then the next one works
				r.Add(row)
				r.Flush(t.Context())
			}
			r.Close(context.Background())
			if got := find(t, dir, rows.Query{}); len(got) != 1 || got[0] != row.Ref {
				t.Errorf("rows after the file was set aside: %v, want %v; log %v", got, row.Ref, logs.All())
			}
			aside, _ := filepath.Glob(f.path + ".*-1")
			if len(aside) != 1 || logs.Len() != 1 {
				t.Fatalf("set aside: %v; told %d times, want once", aside, logs.Len())
			}
			told, remedy := fmt.Sprint(logs.All()[0].ContextMap()["error"]), "run that version again to read it, with the file moved back to its name"
			must(t, os.WriteFile(aside[0]+"-wal", []byte("a log"), 0o600))
			list, err := Files(dir)
			must(t, err)
			if last := list[len(list)-1]; last.Name != filepath.Base(aside[0]) || last.Octets != (file{path: aside[0]}).size() {
				t.Errorf("the last file is %+v, want %s with its log", last, aside[0])
			}
			if problem := list[len(list)-1].Problem; strings.Contains(told, remedy) != (name == "newer") || problem == "" || strings.Contains(problem, remedy) != (name == "newer") {
				t.Errorf("told %q, listed with %q", told, problem)
			}
			var octets int64
			for _, f := range list {
				octets += f.Octets
			}
			if size, oldest := Size(dir); size != octets || size == 0 || !oldest.Equal(f.day) {
				t.Errorf("%d octets since %s, want %d since %s", size, oldest, octets, f.day)
			}
			for since, want := range map[time.Time]int{noon: 1, noon.AddDate(0, 0, 1): 0} {
				page, err := NewReader(dir).Find(t.Context(), rows.Query{Limit: 10, Since: since})
				must(t, err)
				if len(page.Aside) != want || want == 1 && page.Aside[0] != filepath.Base(aside[0]) {
					t.Errorf("since %s not searched, as set aside: %q", since, page.Aside)
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sqlExec executes statements on a file.
func sqlExec(t *testing.T, path, statements string) {
	t.Helper()
	d, err := open(file{path: filepath.Join(t.TempDir(), "x.db")}, nil)
	must(t, err)
	defer d.close()
	must(t, d.exec("ATTACH '"+path+"' AS other"))
	for s := range strings.SplitSeq(statements, "; ") {
		s = strings.Replace(strings.Replace(s, "PRAGMA ", "PRAGMA other.", 1), "TABLE ", "TABLE other.", 1)
		must(t, d.exec(s))
	}
}

func TestPageSizes(t *testing.T) {
	t.Parallel()
	for c := range rows.Class(rows.Classes) {
		d, err := open(fileOf(t.TempDir(), noon, c), nil)
		must(t, err)
		if n, err := d.number("PRAGMA page_size"); n != int64(pageSizes[c]) || err != nil {
			t.Errorf("pages of class %s have %d octets, %v, want %d", c, n, err, pageSizes[c])
		}
		must(t, d.close())
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "is in use by process") {
		t.Errorf("a second service opens the directory: %v", err)
	}
	if !InUse(dir) {
		t.Error("the directory is not in use")
	}
	must(t, s.Close())
	if InUse(dir) {
		t.Error("the directory is in use after Close")
	}
	blocked := filepath.Join(dir, "file")
	must(t, os.WriteFile(blocked, nil, 0o600))
	if _, err := Open(Options{Dir: filepath.Join(blocked, "journal")}); err == nil {
		t.Error("a directory below a file is opened")
	}
	if kind := networkOf("/proc"); kind != "" {
		t.Errorf("/proc is on a network: %s", kind)
	}
}

// TestYear simulates a year of days with retention.
func TestYear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := noon
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return now }, Keep: [rows.Classes]time.Duration{7 * 24 * time.Hour, 30 * 24 * time.Hour}, KeepCounts: 100 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	r := journal.NewRecorder(journal.Options{Level: rows.Hashed, Store: s, Every: time.Hour})
	g := newGenerator()
	for range max(daysOfYear, 120) { // counts are kept for 100 days
		r.Add(g.rowOf(now, 1, true))
		r.Add(g.rowOf(now, 1, false))
		r.Flush(t.Context())
		s.keep(now, true)
		now = now.Add(24 * time.Hour)
	}
	r.Close(context.Background())
	// Counts are written beside the rows. On a busy machine those of days that were too old
	// already may come late, and leave an hour later.
	must(t, keepCounts(t.Context(), dir, now.AddDate(0, 0, -1), 100*24*time.Hour))
	all, _ := files(dir)
	var count [rows.Classes]int
	for _, f := range all {
		count[f.class]++
	}
	if count[rows.Accepted] > 9 || count[rows.Accepted] < 8 || count[rows.Rest] > 32 || count[rows.Rest] < 31 {
		t.Errorf("%d and %d days are left, want 8 and 31", count[rows.Accepted], count[rows.Rest])
	}
	keys, _ := filepath.Glob(filepath.Join(dir, "*.key"))
	if len(keys) > 3 {
		t.Errorf("%d keys are left: %v", len(keys), keys)
	}
	if got := find(t, dir, rows.Query{Limit: 1000}); len(got) != count[0]+count[1] {
		t.Errorf("%d rows are found in %d files", len(got), count[0]+count[1])
	}
	list, err := Verify(t.Context(), dir)
	for _, f := range list {
		want := int64(1)
		if f.Name == stateName {
			want = 2 * 101 // the days that are kept, and the present one
		}
		if f.Problem != "" || f.Rows != want {
			t.Errorf("Verify: %+v, want %d", f, want)
		}
	}
	if err != nil || len(list) != len(all)+1 {
		t.Errorf("Verify: %d files of %d, %v", len(list), len(all), err)
	}
}

// TestMaxSize removes days of accepted mail first, and never the present one.
func TestMaxSize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := noon
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return now }, MaxSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := newGenerator()
	for d := range 3 {
		b := recordsOf(g.rowOf(now.AddDate(0, 0, -d), 1, true))
		must(t, s.Write(rows.Rest, b))
		b = recordsOf(g.rowOf(now.AddDate(0, 0, -d), 1, false))
		must(t, s.Write(rows.Accepted, b))
	}
	all, _ := files(dir)
	one, ok := s.removeOldest(all, now, "test")
	if !ok || len(one) != 5 || one[len(one)-1].class != rows.Rest {
		t.Errorf("the first file to go is not accepted mail: %v", one)
	}
	left := s.removeOld(one, now)
	if len(left) != 2 || !left[0].day.Equal(left[1].day) || !left[0].day.Equal(now.Truncate(24*time.Hour)) {
		t.Errorf("left: %v, want those of the present day", left)
	}
}

// TestClockJumps removes nothing because the clock is wrong for a while.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := noon
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return now }, Keep: [rows.Classes]time.Duration{24 * time.Hour, 24 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	g := newGenerator()
	must(t, s.Write(rows.Rest, recordsOf(g.rowOf(now, 1, true))))
	jumps := []time.Duration{-time.Hour, time.Hour, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour, -365 * 24 * time.Hour, 365 * 24 * time.Hour}
	for _, jump := range jumps {
		now = now.Add(jump)
		s.Tick(now)
		s.group.Wait()
		must(t, s.Write(rows.Rest, recordsOf(g.rowOf(now, 2, true))))
	}
	if got := find(t, dir, rows.Query{}); len(got) != 1+len(jumps) {
		t.Errorf("%d rows after the clock has jumped, want %d", len(got), 1+len(jumps))
	}
	must(t, s.Close())
}

// recordsOf returns a batch of rows by way of a recorder.
func recordsOf(all ...*rows.Row) *rows.Batch {
	c := &catcher{}
	r := journal.NewRecorder(journal.Options{Level: rows.Domains, Store: c, Every: time.Hour})
	for _, row := range all {
		r.Add(row)
	}
	r.Flush(context.Background())
	b := c.batch
	r.Close(context.Background())
	return b
}

// catcher is a store that fails, so that its batch stays.
type catcher struct{ batch *rows.Batch }

func (c *catcher) Write(_ rows.Class, b *rows.Batch) error {
	if c.batch == nil {
		c.batch = b
	}
	return errors.New("not yet")
}
func (c *catcher) Key(time.Time) (*rows.Key, error)     { return &rows.Key{}, nil }
func (c *catcher) Tick(time.Time)                       {}
func (c *catcher) WriteCounts(*counts.Write) error      { return nil }
func (c *catcher) RecentCounts() ([]counts.Part, error) { return nil, nil }
func (c *catcher) Close() error                         { return nil }
func (c *catcher) WriteRecords([]rows.Published) error  { return nil }
