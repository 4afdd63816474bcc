package sqlite

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
)

// TestClientAfter has days lose what names their clients at the right time, in all that the
// files hold.
func TestClientAfter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := newGenerator()
	var all []*rows.Row
	for i := range 1200 { // three transactions
		row := g.rowOf(noon.Add(time.Duration(i)*time.Second), 1, i%2 == 0)
		row.Results.Client.IP, row.Results.Client.Helo, row.Results.Client.PTR = "192.0.2.177", "desktop.home.example", "dsl-177.isp.example"
		row.Results.IPRev.Name, row.Results.SPF[0].Domain, row.Results.SPF[0].Reason = "dsl-177.isp.example", "desktop.home.example", "desktop.home.example publishes no SPF record"
		all = append(all, row)
	}
	write(t, dir, rows.Hashed, all...)
	now := noon
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return now }, ClientAfter: 48 * time.Hour})
	must(t, err)
	defer s.Close()
	names := func() (n int) {
		days, _ := files(dir)
		for _, f := range days {
			for _, suffix := range suffixes {
				text, _ := os.ReadFile(f.path + suffix)
				for _, secret := range []string{"192.0.2.177", "desktop.home", "dsl-177"} {
					n += strings.Count(string(text), secret)
				}
			}
		}
		return n
	}
	end := noon.Truncate(24 * time.Hour).Add(24 * time.Hour)
	now = end.Add(48 * time.Hour)
	s.keep(now, true)
	if names() == 0 {
		t.Error("the clients are gone too early")
	}
	now = now.Add(time.Hour)
	s.keep(now, false) // as after a jump of the clock
	if names() == 0 {
		t.Error("the clients are gone while the clock may be wrong")
	}
	s.keep(now, true)
	if n := names(); n > 0 {
		t.Errorf("the files name clients %d times", n)
	}
	page, err := NewReader(dir).Find(t.Context(), rows.Query{Limit: rows.MaxLimit, Client: netip.MustParsePrefix("192.0.2.0/24")})
	if err != nil || len(page.Rows) != rows.MaxLimit || page.Rows[0].Results.Client.IP != "192.0.2.0/24" || !page.Rows[0].Cut {
		t.Errorf("%d rows of the network, %v", len(page.Rows), err)
	}
	list, err := Verify(t.Context(), dir)
	for _, f := range list {
		if f.Problem != "" || f.Class != "" && f.Rows != 600 {
			t.Errorf("Verify: %+v", f)
		}
	}
	must(t, err)
	// A new service knows that nothing is left to do.
	days, _ := files(dir)
	before, err := os.Stat(days[0].path)
	must(t, err)
	must(t, hideClients(t.Context(), days[0], now))
	if after, err := os.Stat(days[0].path); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file was changed again, %v", err)
	}
}

// TestSync has the option decide whether transactions wait for the disk.
func TestSync(t *testing.T) {
	t.Parallel()
	for sync, want := range map[bool]int64{false: 1, true: 2} {
		s, err := Open(Options{Dir: t.TempDir(), Sync: sync})
		must(t, err)
		must(t, s.Write(rows.Rest, recordsOf(newGenerator().rowOf(noon, 1, true))))
		st, err := s.stateOf()
		must(t, err)
		for name, c := range map[string]connection{"day": s.open[rows.Rest].connection, "state": st.connection} {
			if got, err := c.number("PRAGMA synchronous"); got != want || err != nil {
				t.Errorf("sync %t: synchronous of the %s is %d, %v, want %d", sync, name, got, err, want)
			}
		}
		must(t, s.Close())
	}
}
