package dnscache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/postvet/postvet/dnscache"
)

// all returns the answers that the cache has of a name and of those below it.
func all(r *dnscache.Resolver, name string) []dnscache.Held {
	held, _ := r.Select(dnscache.Selection{Name: name, Below: true})
	return held
}

func TestFlush(t *testing.T) {
	t.Parallel()
	s, r, _ := fixture(t, "a.test. TXT x\nb.a.test. A 192.0.2.1\nba.test. TXT y", dnscache.Options{})
	ask := func(name string, typ dnscache.Type) *dnscache.Answer { return r.Lookup(t.Context(), name, typ) }
	ask("a.test", dnscache.TXT)
	ask("b.a.test", dnscache.A)
	ask("ba.test", dnscache.TXT)
	ask("none.a.test", dnscache.MX)
	var got []string
	for _, h := range all(r, "A.test.") {
		got = append(got, fmt.Sprint(h.Name, " ", uint16(h.Type), " ", h.Answer.Outcome))
		if h.Bytes < 100 {
			t.Errorf("%s costs %d bytes", h.Name, h.Bytes)
		}
	}
	if want := "[a.test 16 found b.a.test 1 found none.a.test 0 nxdomain]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(all(r, ".")); n != 4 {
		t.Errorf("%d answers in all", n)
	}
	if n := r.Flush("deep.none.a.test"); n != 1 {
		t.Errorf("NXDOMAIN of a name above is kept: %d", n)
	}
	if n := r.Flush("a.test"); n != 2 {
		t.Errorf("flushed %d", n)
	}
	s.Forget()
	if !ask("ba.test", dnscache.TXT).Cached || ask("a.test", dnscache.TXT).Cached || ask("b.a.test", dnscache.A).Cached {
		t.Error("flushed the wrong ones")
	}
	r.Flush("")
	if n := len(all(r, "")); n != 0 {
		t.Errorf("%d left", n)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	_, r, _ := fixture(t, "a.test. TXT x\na.test. A 192.0.2.1\nb.a.test. A 192.0.2.1\nba.test. TXT y", dnscache.Options{})
	for _, q := range []struct {
		name string
		typ  dnscache.Type
	}{{"a.test", dnscache.TXT}, {"a.test", dnscache.A}, {"b.a.test", dnscache.A}, {"ba.test", dnscache.TXT}, {"none.a.test", dnscache.MX}} {
		r.Lookup(t.Context(), q.name, q.typ)
	}
	for _, tc := range []struct {
		name string
		s    dnscache.Selection
		want string
		all  int
	}{
		{"the name", dnscache.Selection{Name: "A.Test."}, "[a.test A a.test TXT]", 2},
		{"of a type", dnscache.Selection{Name: "a.test", Type: dnscache.TXT}, "[a.test TXT]", 1},
		{"and below", dnscache.Selection{Name: "a.test", Below: true}, "[a.test A a.test TXT b.a.test A none.a.test TYPE?]", 4},
		{"and below, of a type; NXDOMAIN is about all", dnscache.Selection{Name: "a.test", Below: true, Type: dnscache.A}, "[a.test A b.a.test A none.a.test TYPE?]", 3},
		{"NXDOMAIN", dnscache.Selection{Name: "none.a.test", Type: dnscache.TXT}, "[none.a.test TYPE?]", 1},
		{"an unproven NXDOMAIN above", dnscache.Selection{Name: "deep.none.a.test"}, "[]", 0},
		{"nothing", dnscache.Selection{Name: "c.test", Below: true}, "[]", 0},
		{"no name", dnscache.Selection{Name: "a..test", Below: true}, "[]", 0},
	} {
		held, all := r.Select(tc.s)
		var got []string
		for _, h := range held {
			got = append(got, h.Name+" "+h.Type.String())
		}
		if fmt.Sprint(got) != tc.want || all != tc.all {
			t.Errorf("%s: %v of %d, want %v of %d", tc.name, got, all, tc.want, tc.all)
		}
	}
	for _, name := range []string{".", ""} {
		if held, all := r.Select(dnscache.Selection{Name: name, Most: 2}); len(held) != 2 || all != 5 {
			t.Errorf("%q: %d of %d", name, len(held), all)
		}
	}
	if n := r.FlushName("A.test"); n != 2 {
		t.Errorf("flushed %d", n)
	}
	if _, all := r.Select(dnscache.Selection{}); all != 3 {
		t.Errorf("%d left", all)
	}
	if n := r.FlushName("none.a.test"); n != 1 {
		t.Errorf("flushed %d of a name that does not exist", n)
	}
}

func TestFlushReachesWhatIsUnderWay(t *testing.T) { undisturbed(t, flushReachesWhatIsUnderWay) }

func flushReachesWhatIsUnderWay(t testing.TB) {
	s, r, _ := fixture(t, "a.test. TXT old\n$FAULT * * DELAY:50ms", dnscache.Options{Timeout: 5 * time.Second})
	old := make(chan *dnscache.Answer)
	go func() { old <- r.Lookup(t.Context(), "a.test", dnscache.TXT) }()
	eventually(t, func() bool { return len(s.Queries()) > 0 })
	r.Flush("a.test")
	if a := r.Lookup(t.Context(), "a.test", dnscache.TXT); a.Outcome != dnscache.Found || a.Cached {
		t.Errorf("joined a question from before the flush")
	}
	<-old
	if n := len(s.Queries()); n != 2 {
		t.Errorf("%d queries", n)
	}
}
