package watch

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/postvet/postvet/dnscache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a resolver without a network. Names without records do not exist.
type zone struct {
	mu      sync.Mutex
	records map[ID][]string
	fails   bool
	asked   map[string]int // by domain, the questions for MX records
	busy    int
	most    int
}

func newZone(names ...string) *zone {
	z := &zone{records: map[ID][]string{}, asked: map[string]int{}}
	for _, n := range names {
		z.set(n+" MX", "10 mx.provider.example")
		z.set(n+" TXT", "v=spf1 mx -all", "proof=1")
		z.set("_dmarc."+n+" TXT", "v=DMARC1; p=reject; rua=mailto:d@"+n)
		z.set("mail._domainkey."+n+" TXT", "v=DKIM1; p=") // revoked
	}
	z.set("mx.provider.example A", "185.0.2.1")
	return z
}

// set sets the records of a name and type; none for none.
func (z *zone) set(key string, records ...string) {
	id := ID(key)
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.records[id] = records; len(records) == 0 {
		delete(z.records, id)
	}
}

func (z *zone) fail(fails bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fails = fails
}

func (z *zone) Lookup(ctx context.Context, name string, t dnscache.Type) *dnscache.Answer {
	if t == dnscache.MX {
		z.mu.Lock()
		z.asked[name]++
		z.busy++
		z.most = max(z.most, z.busy)
		z.mu.Unlock()
		defer func() {
			z.mu.Lock()
			z.busy--
			z.mu.Unlock()
		}()
	}
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return &dnscache.Answer{Outcome: dnscache.Timeout, Err: ctx.Err()}
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.fails {
		return &dnscache.Answer{Outcome: dnscache.ServFail}
	}
	list := z.records[newID(name, t.String())]
	if len(list) == 0 {
		a := &dnscache.Answer{Outcome: dnscache.NXDomain}
		for id := range z.records {
			if n, _ := id.Split(); n == name || strings.HasSuffix(n, "."+name) {
				a.Outcome = dnscache.NoData
			}
		}
		return a
	}
	a := &dnscache.Answer{Outcome: dnscache.Found}
	for _, r := range list {
		switch t {
		case dnscache.TXT:
			a.TXT = append(a.TXT, r)
		case dnscache.MX:
			x := dnscache.Exchange{}
			fmt.Sscan(r, &x.Preference, &x.Host)
			a.MX = append(a.MX, x)
		default:
			a.Addrs = append(a.Addrs, netip.MustParseAddr(r))
		}
	}
	return a
}

// watched is a watcher that runs in a bubble of synctest.
type watched struct {
	*Watcher
	t    *testing.T
	zone *zone
	log  *observer.ObservedLogs
	stop func()
}

// start runs a watcher.
func start(t *testing.T, z *zone, o Options) *watched {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	w := &watched{t: t, zone: z, log: logs}
	o.Resolver, o.Log = z, zap.New(core)
	if o.Every == 0 {
		o.Every = 6 * time.Hour
	}
	if o.Repeat == 0 {
		o.Repeat = day
	}
	var err error
	if w.Watcher, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-ended
	}
	return w
}

// told waits, and compares what was logged since the last call.
func (w *watched) told(wait time.Duration, want ...string) {
	w.t.Helper()
	time.Sleep(wait)
	synctest.Wait()
	var got []string
	for _, e := range w.log.TakeAll() {
		m := e.ContextMap()
		switch e.Message {
		case "a watched record changed":
			got = append(got, fmt.Sprintf("%v %v %v -> %v (%v)", m["name"], m["type"], m["old"], m["new"], m["times"]))
		case "a watched domain has an error":
			got = append(got, fmt.Sprint("error: ", m["error"]))
		case "an error of a watched domain is gone":
			got = append(got, fmt.Sprint("gone: ", m["error"]))
		case "watched domains in the last day":
		default:
			got = append(got, e.Message)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		w.t.Errorf("(-want +got):\n%s", d)
	}
}

const (
	round   = 7 * time.Hour // within which each domain is inspected
	nobody  = "no SPF record: anybody may send in the name of a.example"
	dmarcID = "_dmarc.a.example TXT"
	reject  = "v=DMARC1; p=reject; rua=mailto:d@a.example"
	none    = "v=DMARC1; p=none; rua=mailto:d@a.example"
)

// TestChanges: what changes is told once, a failure is no change, and a restart tells nothing
// again.
func TestChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example")
		o := Options{Domains: []string{"a.example"}, File: filepath.Join(t.TempDir(), "watch.json"), Repeat: time.Hour}
		w := start(t, z, o)
		w.told(round)
		z.set(dmarcID, none)
		w.told(round, "_dmarc.a.example TXT ["+reject+"] -> ["+none+"] (1)")
		w.told(round)
		z.fail(true)
		w.told(round)
		z.set(dmarcID)
		w.told(round) // nobody knows
		z.fail(false)
		w.told(round, "_dmarc.a.example TXT ["+none+"] -> [] (1)", "error: no DMARC record: receivers are told nothing about forged mail of a.example")
		z.set("a.example TXT", "proof=2")
		w.stop()

		w = start(t, z, o)
		w.told(round, "a.example TXT [v=spf1 mx -all] -> [] (1)", "error: "+nobody)
		z.set("a.example TXT", "v=spf1 mx -all", "proof=3")
		z.set("new._domainkey.a.example TXT", "v=DKIM1; p=") // nobody knows its name
		z.set("dkim._domainkey.a.example TXT", "v=DKIM1; p=")
		w.told(round, "a.example TXT [] -> [v=spf1 mx -all] (1)", "dkim._domainkey.a.example TXT [] -> [v=DKIM1; p=] (1)", "gone: "+nobody)
		w.stop()

		w = start(t, z, o)
		w.told(round)
		w.stop()
		s, err := Load(o.File)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range s.Domains["a.example"].Since(time.Time{}) {
			got = append(got, fmt.Sprint(x.N, " ", x.String()))
		}
		want := []string{
			"2 _dmarc.a.example TXT: " + reject + " -> none", "2 a.example TXT: v=spf1 mx -all -> v=spf1 mx -all",
			"1 dkim._domainkey.a.example TXT: none -> v=DKIM1; p=",
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// TestFlapping: a record that changes to and fro is told once in a time, also over restarts,
// and in the end it is told as it is.
func TestFlapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z := newZone("a.example")
		o := Options{Domains: []string{"a.example"}, File: filepath.Join(t.TempDir(), "watch.json"), Every: time.Hour}
		w := start(t, z, o)
		w.told(2*time.Hour + time.Minute)
		told := 0
		for i := range 50 {
			z.set(dmarcID, []string{none, reject}[i%2])
			z.set("a.example TXT", [][]string{{"x"}, {"v=spf1 mx -all"}}[i%2]...)
			time.Sleep(70 * time.Minute)
			if i%10 == 9 {
				w.stop()
				before := w.log
				w = start(t, z, o)
				told += before.FilterField(zap.String("name", "_dmarc.a.example")).Len()
			}
		}
		told += w.log.FilterField(zap.String("name", "_dmarc.a.example")).Len()
		if most := 50*70/60/24 + 1; told == 0 || told > most {
			t.Errorf("told %d times within 58 hours, at most %d", told, most)
		}
		z.set(dmarcID, none)
		time.Sleep(2 * day)
		w.stop()
		s, err := Load(o.File)
		if err != nil {
			t.Fatal(err)
		}
		if r := s.Domains["a.example"].Records[dmarcID]; !slices.Equal(r.Told, []string{none}) {
			t.Errorf("told last: %v", r.Told)
		}
	})
}

// TestSchedule: each domain is inspected once in a time, few at the same time, and again
// soon if its lookups failed.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var names []string
		for i := range 40 {
			names = append(names, fmt.Sprintf("d%d.example", i))
		}
		z := newZone(names...)
		w := start(t, z, Options{Domains: append(names, names...), File: filepath.Join(t.TempDir(), "watch.json")})
		time.Sleep(4 * day)
		w.stop()
		for _, n := range names {
			if got := z.asked[n]; got < 14 || got > 20 {
				t.Errorf("%s was inspected %d times in 4 days", n, got)
			}
		}
		if z.most > atOnce {
			t.Errorf("%d at a time", z.most)
		}
		s := w.Stats()
		if s.Oldest > 7*time.Hour || len(s.Errors) != 40 {
			t.Errorf("%+v", s)
		}
		z.fail(true)
		z.asked = map[string]int{}
		w = start(t, z, Options{Domains: names[:1], File: w.o.File})
		time.Sleep(day)
		w.stop()
		if got := z.asked[names[0]]; got < 30 || got > 55 {
			t.Errorf("inspected %d times within a day of failures", got)
		}
		if s := w.Stats(); s.Oldest < 20*time.Hour || s.Domains["undetermined"] != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestStop: a stop waits for no lookup.
func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, newZone(), Options{Domains: []string{"a.example"}})
		time.Sleep(begin)
		began := time.Now()
		w.stop()
		if d := time.Since(began); d > 0 {
			t.Errorf("a stop took %v", d)
		}
	})
}
