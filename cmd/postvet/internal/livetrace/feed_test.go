package livetrace

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// decision returns a decision about a message with a trace.
func decision(queue string) *filter.Decision {
	return &filter.Decision{
		QueueID: queue, Traced: true, Faults: []string{"of the filter"},
		Results: &result.Results{
			MailFrom: "ann@example.org", Header: message.Header{message.NewField("From", " x")}, Faults: []string{"of a check"},
			Trace: []result.Event{{AtMS: 2, What: "spf", Text: "second"}, {AtMS: 1, What: "dns", Text: "first"}},
		},
		Verdict: result.Verdict{Action: result.Reject, Intended: result.Reject, Rule: "dmarc-reject", AuthenticationResults: " mx.test.example; none"},
	}
}

// watch begins to watch everything, and takes the first part.
func watch(t *testing.T, f *Feed, count int) *Watcher {
	t.Helper()
	w, err := f.Watch(Filter{}, time.Minute, count)
	if err != nil {
		t.Fatal(err)
	}
	if p := next(t, w); p.Begin == nil || time.Until(p.Begin.Until) <= 0 {
		t.Fatalf("%+v", p)
	}
	return w
}

func next(t *testing.T, w *Watcher) Part {
	t.Helper()
	p, err := w.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p.(Part)
}

func TestMessage(t *testing.T) {
	t.Parallel()
	var f Feed
	w := watch(t, &f, 1)
	defer w.Close()
	d := decision("4F1")
	f.Message(d)
	if len(d.Results.Trace) != 2 || d.Results.Trace[0].Text != "second" || len(d.Results.Faults) != 1 || d.Results.Header == nil {
		t.Errorf("the decision was changed: %+v", d.Results)
	}
	var m Message
	if err := json.Unmarshal(next(t, w).Message, &m); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range m.Trace {
		texts = append(texts, e.Text)
	}
	if m.QueueID != "4F1" || m.MailFrom != "ann@example.org" || m.Verdict.Rule != "dmarc-reject" || m.AuthenticationResults != "mx.test.example; none" ||
		strings.Join(m.Faults, ", ") != "of a check, of the filter" || strings.Join(texts, ", ") != `first, second, the rule "dmarc-reject" decides: reject` {
		t.Errorf("%+v, trace %q", m, texts)
	}
	if p := next(t, w); p.End != EndCount {
		t.Errorf("%+v", p)
	}
	if p, err := w.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v after the end", p, err)
	}
}

// A watcher that does not read keeps nobody waiting, and is told how much it missed.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	var f Feed
	w, other := watch(t, &f, 0), watch(t, &f, 0)
	defer w.Close()
	defer other.Close()
	for range maxMessages + 10 {
		f.Message(decision("4F1"))
		if p := next(t, other); p.Message == nil || p.LeftOut != 0 {
			t.Fatalf("one that reads gets %+v", p)
		}
	}
	if p := next(t, w); p.LeftOut != 10 {
		t.Errorf("%d are left out, want 10", p.LeftOut)
	}
	for range maxMessages - 1 {
		if p := next(t, w); p.Message == nil || p.LeftOut != 0 {
			t.Fatalf("%+v", p)
		}
	}
	if n := w.queued.Load(); n != 0 {
		t.Errorf("%d octets in an empty queue", n)
	}
	// Messages that were begun before, or are too many at once, have no trace.
	without := decision("4F2")
	without.Traced = false
	f.Message(without)
	f.Message(decision("4F3"))
	if p := next(t, w); p.LeftOut != 1 || !strings.Contains(string(p.Message), "4F3") {
		t.Errorf("%+v", p)
	}
}

// The queue is bounded in octets, and a message in lines.
func TestLargeMessages(t *testing.T) {
	t.Parallel()
	var f Feed
	w := watch(t, &f, 0)
	defer w.Close()
	large := decision("4F1")
	large.Results.Trace = nil
	for range 2000 {
		large.Results.Trace = append(large.Results.Trace, result.Event{Text: strings.Repeat("x", 700)})
	}
	for range maxMessages {
		f.Message(large)
		if n := w.queued.Load(); n > maxBytes {
			t.Fatalf("%d octets", n)
		}
	}
	var m Message
	waiting, p := len(w.queue), next(t, w)
	if err := json.Unmarshal(p.Message, &m); err != nil {
		t.Fatal(err)
	}
	if n := len(m.Trace); n != maxEvents+2 || m.Trace[maxEvents].Text != "the trace has 1000 further lines" {
		t.Errorf("%d lines, then %+v", n, m.Trace[maxEvents:])
	}
	if waiting == 0 || waiting > 12 || p.LeftOut != int64(maxMessages-waiting) {
		t.Errorf("%d messages wait, %d are left out", waiting, p.LeftOut)
	}
}

func TestWatchers(t *testing.T) {
	t.Parallel()
	var f Feed
	client, err := ParseFilter("192.0.2.0/24", "", "")
	if err != nil {
		t.Fatal(err)
	}
	in, out := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	if f.Watched() || f.Wants(in) {
		t.Error("watched by nobody")
	}
	var all []*Watcher
	for range MaxWatchers {
		w, err := f.Watch(client, time.Minute, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	if !f.Watched() || !f.Wants(in) || f.Wants(out) {
		t.Error("the filter does not decide")
	}
	if w, err := f.Watch(client, time.Minute, 0); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v, %v", w, err)
	}
	all[0].Close()
	w, err := f.Watch(Filter{}, time.Minute, 0)
	if err != nil || !f.Wants(out) {
		t.Errorf("in place of one that left: %v", err)
	}
	for _, w := range append(all[1:], w) {
		w.Close()
	}
	if f.Watched() {
		t.Error("watched after the last has left")
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f Feed
		w := watch(t, &f, 0)
		defer w.Close()
		began := time.Now()
		if p := next(t, w); p.End != EndTime || time.Since(began) != time.Minute {
			t.Errorf("%+v after %v", p, time.Since(began))
		}
		w = watch(t, &f, 0)
		defer w.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p, err := w.Next(ctx); err != nil || p.(Part).End != EndStopping {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// TestConcurrently is for the race detector.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	var f Feed
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 200 {
				f.Message(decision("4F1"))
				f.Wants(netip.Addr{})
			}
		})
		group.Go(func() {
			for range 20 {
				w := watch(t, &f, 2)
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				for {
					if _, err := w.Next(ctx); err != nil {
						break
					}
				}
				cancel()
				w.Close()
			}
		})
	}
	group.Wait()
	if f.Watched() {
		t.Error("somebody is left")
	}
}
