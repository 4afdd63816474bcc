package rotation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// quick is a pace that makes each step due at once.
var quick = Pace{Pending: time.Millisecond, Slow: time.Millisecond, Settled: time.Millisecond, Published: time.Millisecond, Failed: time.Millisecond}

// clock is the time of a test. It goes on by itself, so that every look is a new one.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(2 * time.Millisecond)
	return c.at
}

// pass lets some time pass.
func (c *clock) pass(d time.Duration) { c.set(func(at time.Time) time.Time { return at.Add(d) }) }

func (c *clock) set(to func(time.Time) time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = to(c.at)
}

// steps makes steps until the keys are in the wanted states, each by a Keeper and States of
// its own, as after a restart. elapse passes between them.
func (s *site) steps(o Options, c *clock, elapse time.Duration, want map[string]string) {
	s.t.Helper()
	var got map[string]string
	for range 80 {
		got = s.step(o, c)
		if cmp.Equal(want, got) {
			return
		}
		c.pass(elapse)
	}
	s.t.Fatalf("(-want +got):\n%s", cmp.Diff(want, got))
}

// step makes a step of two looks or three, since the first one of a process observes no time.
func (s *site) step(o Options, c *clock) map[string]string {
	s.t.Helper()
	o.States, o.Now, o.Pace = s.open().States(), c.now, quick
	k := New(s.options(o))
	defer k.Close()
	for range 3 {
		k.Step(s.t.Context())
		c.pass(time.Minute)
		k.watchesDue()
	}
	return s.lives(s.open().States())
}

// watchesDue lets the next step look at all keys.
func (k *Keeper) watchesDue() {
	for _, w := range k.watches {
		w.next, w.publish = w.last.Add(time.Minute), time.Time{}
	}
}

var wholePlan = Plan{Every: 90 * day, Keep: 10 * time.Minute, Revoked: 10 * time.Minute, Publishes: true}

// TestWholeLife: a key gets a successor, which takes over; the old one is revoked, removed,
// revealed and its file deleted. Each step is made by another process: all that counts is
// in the files and in the DNS.
func TestWholeLife(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &clock{at: noon}
	reveal := t.TempDir()
	old := s.create("old", "rsa2048")
	s.put(old.Name(), old.Record())
	s.source.States().Found(states.ID(old.Fingerprint(), old.Name()), old.Name(), "rsa")
	if err := s.source.Save(); err != nil {
		t.Fatal(err)
	}
	o := Options{Plan: wholePlan, Publisher: s}
	s.steps(o, c, time.Second, map[string]string{"old": "active"})
	c.set(func(time.Time) time.Time { return noon.Add(91 * day) })
	s.steps(o, c, time.Second, map[string]string{"old": "retiring", "pv-2027q1": "active"})
	s.steps(o, c, time.Second, map[string]string{"old": "revoked", "pv-2027q1": "active"})
	s.steps(o, c, time.Second, map[string]string{"old": "gone", "pv-2027q1": "active"})
	o.Plan.Reveal, o.RevealDir = true, reveal
	if d := cmp.Diff([]string{"published", "revoked", "removed"}, unique(s.changes)); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	s.step(Options{Plan: wholePlan, Publisher: s}, c)
	if _, err := os.Stat(old.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the old key is left: %v", err)
	}
	if entries, _ := os.ReadDir(reveal); len(entries) > 0 {
		t.Errorf("revealed without being asked: %v", entries)
	}
	for range 3 { // nothing happens any more
		s.step(o, c)
	}
	if d := cmp.Diff([]string{"published", "revoked", "removed"}, unique(s.changes)); d != "" {
		t.Errorf("changes afterwards (-want +got):\n%s", d)
	}
}

func unique(list []string) []string {
	var out []string
	for _, x := range list {
		if len(out) == 0 || out[len(out)-1] != x {
			out = append(out, x)
		}
	}
	return out
}

// TestRevealed: with sign.reveal the private half of an old key is published a week after its
// record is gone, and not before; also if the process ended just before it could say so.
func TestRevealed(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash %v", crash), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c := &clock{at: noon}
			dir := t.TempDir()
			old := s.create("old", "rsa2048")
			id := states.ID(old.Fingerprint(), old.Name())
			err := s.source.States().Update(func(known map[string]states.Key) {
				known[id] = states.Key{Name: old.Name(), Type: "rsa", State: states.Gone, Since: noon, Successor: "x", Waited: revealAfter - 3*time.Minute}
			})
			if err != nil {
				t.Fatal(err)
			}
			plan := wholePlan
			plan.Every, plan.Reveal = 0, true
			o := Options{Plan: plan, Publisher: s, RevealDir: dir}
			s.step(o, c)
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Fatalf("too early: %v", entries)
			}
			path := filepath.Join(dir, old.Fingerprint()+".pem")
			if crash { // after the file was published and the other one deleted
				if _, err := Reveal(old, dir); err != nil {
					t.Fatal(err)
				}
				if err := os.Remove(old.Path); err != nil {
					t.Fatal(err)
				}
			}
			s.steps(o, c, time.Second, map[string]string{"old": "revealed"})
			text, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(text), "-----BEGIN PRIVATE KEY-----") {
				t.Errorf("%s: %v", path, err)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if _, err := os.Stat(old.Path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the other file is left: %v", err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("files: %v", entries)
			}
		})
	}
}

// TestFailuresChangeNothing: while a name server fails in any way, no key changes its state,
// and none that signs stops to.
func TestFailuresChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &clock{at: noon}
	old, next := s.create("old", "rsa2048"), s.create("next", "rsa2048")
	s.put(old.Name(), old.Record())
	s.put(next.Name(), next.Record())
	err := s.source.States().Update(func(known map[string]states.Key) {
		known[states.ID(old.Fingerprint(), old.Name())] = states.Key{Name: old.Name(), Type: "rsa", State: states.Active, Since: noon, Published: noon}
		known[states.ID(next.Fingerprint(), next.Name())] = states.Key{Name: next.Name(), Type: "rsa", State: states.Pending, Since: noon, Rotation: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Plan: wholePlan, Publisher: s}
	for _, fault := range []dnstest.Fault{dnstest.ServFail, dnstest.Refuse, dnstest.Lame, dnstest.Garbage} {
		s.servers[1].SetFault("*", "*", fault)
		for range 2 {
			if d := cmp.Diff(map[string]string{"old": "active", "next": "pending"}, s.step(o, c)); d != "" {
				t.Errorf("%s (-want +got):\n%s", fault, d)
			}
		}
	}
	s.servers[1].SetFault("*", "*", "")
	s.steps(o, c, time.Second, map[string]string{"old": "retiring", "next": "active"})
	// A key that one server does not show any more signs no more, and again when it does.
	s.servers[1].SetFault(next.Name(), "TXT", dnstest.Deny)
	s.steps(o, c, 0, map[string]string{"old": "retiring", "next": "pending"})
	s.servers[1].SetFault(next.Name(), "TXT", "")
	s.steps(o, c, 0, map[string]string{"old": "retiring", "next": "active"})
}

// TestPublisherFails: the key in use goes on, and the record is published once that works.
func TestPublisherFails(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &clock{at: noon}
	next := s.create("next", "rsa2048")
	if _, err := Begin(t.Context(), s.options(Options{Now: c.now}), "example.org", "rsa", ""); err != nil {
		t.Fatal(err)
	}
	s.fails = errors.New("the server refuses (REFUSED)")
	o := Options{Plan: wholePlan, Publisher: s}
	for range 3 {
		s.step(o, c)
	}
	k, _ := s.open().States().Get(states.ID(next.Fingerprint(), next.Name()))
	if k.Now() != states.Pending || k.Problem != "the server refuses (REFUSED)" || s.records[next.Name()] != "" {
		t.Errorf("%+v", k)
	}
	s.fails = nil
	s.steps(o, c, time.Second, map[string]string{"next": "active"})
	if s.records[next.Name()] != next.Record() {
		t.Errorf("published %q", s.records[next.Name()])
	}
}

// TestForeignRecord: a record of somebody else at the name of a new key is left alone.
func TestForeignRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &clock{at: noon}
	next := s.create("next", "rsa2048")
	s.put(next.Name(), "v=spf1 -all")
	if _, err := Begin(t.Context(), s.options(Options{Now: c.now}), "example.org", "rsa", ""); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.step(Options{Plan: wholePlan, Publisher: s}, c)
	}
	if s.records[next.Name()] != "v=spf1 -all" || len(s.changes) > 0 {
		t.Errorf("%q, changes %q", s.records[next.Name()], s.changes)
	}
}

// TestClockJumps: no jump of the clock shortens the wait for caches, or ends a state.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := &clock{at: noon}
	old, next := s.create("old", "rsa2048"), s.create("next", "rsa2048")
	s.put(old.Name(), old.Record())
	s.put(next.Name(), next.Record())
	err := s.source.States().Update(func(known map[string]states.Key) {
		known[states.ID(old.Fingerprint(), old.Name())] = states.Key{Name: old.Name(), Type: "rsa", State: states.Retiring, Successor: "x", Since: noon, Published: noon}
		known[states.ID(next.Fingerprint(), next.Name())] = states.Key{Name: next.Name(), Type: "rsa", State: states.Active, Since: noon, Published: noon}
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Keep: 7 * day, Revoked: 30 * day, Publishes: true}
	k := s.keeper(Options{Plan: plan, Publisher: s, Now: c.now, Pace: Pace{Settled: time.Hour}})
	for _, jump := range []time.Duration{0, time.Hour, 365 * day, time.Hour, -730 * day, time.Hour, time.Hour} {
		c.pass(jump)
		k.Step(t.Context())
		for _, w := range k.watches {
			w.publish = time.Time{}
		}
	}
	if d := cmp.Diff(map[string]string{"old": "retiring", "next": "active"}, s.lives(s.source.States())); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(s.changes) > 0 {
		t.Errorf("changes %q", s.changes)
	}
	x, _ := s.source.States().Get(states.ID(old.Fingerprint(), old.Name()))
	if x.Waited > 6*time.Hour {
		t.Errorf("waited %v", x.Waited)
	}
}

// TestTwoKeepers: of two processes one acts, and the other follows what it does.
func TestTwoKeepers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.create("first", "rsa2048"), s.open()
	s.put(first.Name(), first.Record())
	plan := wholePlan
	plan.Every = day
	c := &clock{at: noon}
	s.source.States().Found(states.ID(first.Fingerprint(), first.Name()), first.Name(), "rsa")
	if err := s.source.Save(); err != nil {
		t.Fatal(err)
	}
	a := s.keeper(Options{Plan: plan, Publisher: s, Now: c.now, Pace: quick})
	b := s.keeper(Options{Plan: plan, Publisher: s, Now: c.now, Pace: quick, States: second.States()})
	for range 20 {
		a.Step(t.Context())
		b.Step(t.Context())
		c.pass(6 * time.Hour)
	}
	made, err := os.ReadDir(filepath.Join(s.dir, "example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.lives(s.source.States()), s.lives(second.States())); d != "" {
		t.Errorf("the second does not follow (-first +second):\n%s", d)
	}
	if len(b.watches) > 0 {
		t.Error("both act")
	}
	published := strings.Count(strings.Join(s.changes, " "), "published")
	if published < 2 || published > len(made)+len(s.lives(second.States())) {
		t.Errorf("%d published, files %v", published, made)
	}
	a.Close() // the second takes over
	b.Step(t.Context())
	if len(b.watches) == 0 {
		t.Error("nobody acts")
	}
}

// TestBeginAgain: a rotation is begun once. A key that a process made before it ended is
// taken, and no second one is made.
func TestBeginAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.create("made", "rsa3072")
	o := s.options(Options{Now: func() time.Time { return noon }})
	own, err := Begin(t.Context(), o, "example.org", "rsa", "")
	if err != nil || own.Name() != made.Name() {
		t.Fatalf("%v, %v", own, err)
	}
	if _, err := Begin(t.Context(), o, "example.org", "rsa", ""); !errors.Is(err, ErrUnderWay) {
		t.Errorf("%v", err)
	}
	// The next one has the size of the key in use, and a name that nothing has.
	s.put(made.Name(), made.Record())
	s.put("pv-2026q4._domainkey.example.org", "v=DKIM1; p=")
	s.steps(Options{Plan: Plan{Keep: day}}, &clock{at: noon}, time.Second, map[string]string{"made": "active"})
	if err := s.source.States().Refresh(); err != nil {
		t.Fatal(err)
	}
	own, err = Begin(t.Context(), o, "example.org", "rsa", "")
	if err != nil || own.Selector != "pv-2026q4b" || own.Bits() != 3072 {
		t.Errorf("%v of %d bits, %v", own, own.Bits(), err)
	}
	if _, err := Begin(t.Context(), o, "none.example", "rsa", ""); err == nil {
		t.Error("a domain without a directory")
	}
	o.Dir = filepath.Join(s.dir, "none")
	if _, err := Begin(context.Background(), o, "example.org", "rsa", ""); err == nil {
		t.Error("no directory")
	}
}
