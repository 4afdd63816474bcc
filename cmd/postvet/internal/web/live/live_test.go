package live

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/policy/result"
)

// rendered counts how often messages were rendered.
func rendering(n *int) func(*bytes.Buffer, *Message) error {
	return func(b *bytes.Buffer, m *Message) error {
		*n++
		b.WriteString("<li>" + m.Reason)
		return nil
	}
}

func add(r *Ring, from, to int) {
	for i := from; i <= to; i++ {
		r.Add(&Message{Action: result.Accept, Reason: fmt.Sprint(i)})
	}
}

func TestRing(t *testing.T) {
	t.Parallel()
	var r Ring
	if all, last, missed := r.After(0); len(all) != 0 || last != 0 || missed != 0 {
		t.Errorf("empty: %d, %d, %d", len(all), last, missed)
	}
	add(&r, 1, 5)
	if all, last, missed := r.After(3); len(all) != 2 || all[0].Reason != "4" || last != 5 || missed != 0 {
		t.Errorf("%+v, %d, %d", all, last, missed)
	}
	add(&r, 6, 3*Size)
	all, last, missed := r.After(3)
	if len(all) != Size || all[Size-1].Reason != fmt.Sprint(3*Size) || last != 3*Size || missed != 2*Size-3 {
		t.Errorf("%d, %d, %d", len(all), last, missed)
	}
	if all, _, missed := r.After(1 << 60); len(all) != Size || missed != 2*Size {
		t.Errorf("of another process: %d, %d", len(all), missed)
	}
}

// TestFeed: each viewer gets the same octets, and a message is rendered once.
func TestFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		n := 0
		f := NewFeed(&r, time.Now(), rendering(&n))
		defer f.Close()
		var all []*Viewer
		for range 10 {
			v, first, ok := f.Watch(f.ID(0))
			if !ok || len(first) != 0 {
				t.Fatalf("%q, %t", first, ok)
			}
			all = append(all, v)
		}
		add(&r, 1, 3)
		time.Sleep(Every)
		synctest.Wait()
		want := "id: " + f.ID(3) + "\ndata: <li>3\ndata: <li>2\ndata: <li>1\n\n"
		one := <-all[0].Parts
		for _, v := range all[1:] {
			if part := <-v.Parts; string(part) != want || &part[0] != &one[0] {
				t.Errorf("%q", part)
			}
		}
		if n != 3 {
			t.Errorf("rendered %d times", n)
		}
		late, first, _ := f.Watch(f.ID(2))
		if string(first) != "id: "+f.ID(3)+"\ndata: <li>3\n\n" {
			t.Errorf("one who was away gets %q", first)
		}
		other, first, _ := f.Watch("zzz-2")
		if !strings.HasPrefix(string(first), "event: reset\ndata:\n\nid: "+f.ID(3)+"\n") || strings.Count(string(first), "<li>") != 3 {
			t.Errorf("one of another process gets %q", first)
		}
		for _, v := range append(all, late, other) {
			v.Close()
			v.Close()
		}
	})
}

// TestSlowViewer: one who does not read is dropped and keeps nobody waiting, and what was
// too fast for the ring is told.
func TestSlowViewer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r Ring
		n := 0
		f := NewFeed(&r, time.Now(), rendering(&n))
		slow, _, _ := f.Watch(f.ID(0))
		quick, _, _ := f.Watch(f.ID(0))
		for i := range maxWaiting + 1 {
			add(&r, i, i)
			time.Sleep(Every)
			synctest.Wait()
			if part := <-quick.Parts; !strings.Contains(string(part), "<li>"+fmt.Sprint(i)) {
				t.Fatalf("%q", part)
			}
		}
		for range maxWaiting {
			<-slow.Parts
		}
		if _, ok := <-slow.Parts; ok {
			t.Error("a slow viewer is not dropped")
		}
		add(&r, 1, Size+7)
		time.Sleep(Every)
		if part := <-quick.Parts; !strings.HasPrefix(string(part), "event: missed\ndata: 7\n\n") {
			t.Errorf("%.60q", part)
		}
		f.Close()
		if _, ok := <-quick.Parts; ok {
			t.Error("a viewer outlives the feed")
		}
		if _, _, ok := f.Watch(""); ok {
			t.Error("somebody may watch a feed that has ended")
		}
	})
}

// TestLines: no message begins an event of its own.
func TestLines(t *testing.T) {
	t.Parallel()
	var r Ring
	f := NewFeed(&r, time.Now(), func(b *bytes.Buffer, m *Message) error { b.WriteString(m.Reason); return nil })
	defer f.Close()
	r.Add(&Message{Reason: "evil\n\nevent: reset"})
	r.Add(&Message{Reason: "evil\rid: 1"})
	_, first, _ := f.Watch("")
	if strings.Contains(string(first), "evil") || strings.Count(string(first), "event:") != 1 {
		t.Errorf("%q", first)
	}
}

// TestConcurrently is for the race detector.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	var r Ring
	f := NewFeed(&r, time.Now(), func(b *bytes.Buffer, m *Message) error { b.WriteString(m.Reason); return nil })
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { add(&r, 1, 500) })
		group.Go(func() {
			for range 50 {
				v, _, ok := f.Watch("")
				if !ok {
					return
				}
				f.pass()
				v.Close()
			}
		})
	}
	group.Wait()
	f.Close()
}

// BenchmarkAdd measures what the mail path pays.
func BenchmarkAdd(b *testing.B) {
	var r Ring
	m := &Message{From: "ann@example.org", To: "user@example.net", Author: "example.org", Reason: "its author is proved"}
	for b.Loop() {
		r.Add(m)
	}
}
