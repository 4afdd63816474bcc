package web

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/policy/result"
)

// liveMessage returns a message whose texts are s.
func liveMessage(s string) *live.Message {
	return &live.Message{Ref: result.FirstReference(testNow), At: testNow, From: live.Text(s), To: live.Text(s), Author: live.Text(s), Action: result.Reject, Reason: live.Text(s)}
}

func newLive() (*Handler, *live.Ring) {
	r := &live.Ring{}
	return New(Options{Source: source{}, Gate: socketRights{}, Version: "1.0", Now: func() time.Time { return testNow }, Live: r}), r
}

func TestLive(t *testing.T) {
	t.Parallel()
	h, r := newLive()
	if w := get(t, h, "/live"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No message yet") {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	r.Add(liveMessage("example.org"))
	w := get(t, h, "/live")
	holds(t, "the page", w.Body.String(),
		"1 message in the last minute, 1 of them refused.", `<meta http-equiv="refresh" content="5">`, `/static/live.js?v=1.0`, `data-events="/live/events"`,
		`<li data-action="reject"><a href="/messages/`+result.FirstReference(testNow).String()+`"><time datetime="2026-11-29T16:00:00Z">16:00:00</time></a>`,
	)
	for range live.Size {
		r.Add(liveMessage("a.quite.ordinary.example"))
	}
	if w := get(t, h, "/live"); w.Body.Len() > 100<<10 {
		t.Errorf("a usual page has %d octets", w.Body.Len())
	}
	for range live.Size {
		r.Add(liveMessage(hostile))
	}
	checkHarmless(t, get(t, h, "/live").Body.String())
	if w := get(t, newTest(source{}), "/live"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a ring: %d", w.Code)
	}
	for _, path := range []string{"/live", "/live.json", "/live/events"} {
		h.opt.Gate = viewer{}
		if w := get(t, h, path); w.Code != http.StatusForbidden {
			t.Errorf("a viewer gets %s: %d", path, w.Code)
		}
	}
}

// watcher reads the events of a stream.
type watcher struct {
	lines *bufio.Scanner
	id    string
}

func watch(t *testing.T, url, id string) *watcher {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id != "" {
		q.Header.Set("Last-Event-ID", id)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %s", answer.Status, answer.Header.Get("Content-Type"))
	}
	return &watcher{lines: bufio.NewScanner(answer.Body)}
}

// data returns the data of the next event that has some.
func (w *watcher) data(t *testing.T) string {
	t.Helper()
	var data []string
	for w.lines.Scan() {
		line := w.lines.Text()
		if d, ok := strings.CutPrefix(line, "data: "); ok {
			data = append(data, d)
		}
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			w.id = id
		}
		if line == "" && len(data) > 0 {
			return strings.Join(data, "\n")
		}
	}
	t.Fatalf("the stream ended: %v", w.lines.Err())
	return ""
}

// TestLiveEvents: a stream outlives the time for a page, goes on where it was, and ends with
// the server.
func TestLiveEvents(t *testing.T) {
	t.Parallel()
	h, r := newLive()
	server := httptest.NewUnstartedServer(h)
	server.Config.WriteTimeout = 4 * time.Second // more than the machine stands still
	server.Config.RegisterOnShutdown(h.feed.Close)
	server.Start()
	defer server.Close()
	w := watch(t, server.URL+"/live/events?after="+h.feed.ID(0), "")
	for i := range 3 {
		time.Sleep(1500 * time.Millisecond)
		r.Add(liveMessage(fmt.Sprintf("a%d.example", i)))
		if data := w.data(t); !strings.HasPrefix(data, `<li data-action="reject">`) || !strings.Contains(data, fmt.Sprintf("a%d.example", i)) {
			t.Fatalf("event %d is %q", i, data)
		}
	}
	if w.id != h.feed.ID(3) {
		t.Errorf("the last id is %s", w.id)
	}
	again := watch(t, server.URL+"/live/events?after="+h.feed.ID(0), h.feed.ID(2))
	if data := again.data(t); strings.Contains(data, "a1.example") || !strings.Contains(data, "a2.example") {
		t.Errorf("after a break %q", data)
	}
	r.Add(liveMessage(hostile))
	checkHarmless(t, "<!doctype html><ol>"+w.data(t)+"</ol>")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("streams keep the server from its end: %v", err)
	}
}

// BenchmarkLive measures the CPU time of 100 viewers at 200 messages a second, those who read
// included. A second of it is an operation.
func BenchmarkLive(b *testing.B) {
	h, r := newLive()
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithCancel(b.Context())
	var group sync.WaitGroup
	var octets atomic.Int64
	for range 100 {
		group.Go(func() {
			q, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/live/events?after="+h.feed.ID(0), nil)
			answer, err := http.DefaultClient.Do(q)
			if err != nil {
				b.Error(err)
				return
			}
			defer answer.Body.Close()
			for buf := make([]byte, 64<<10); ; {
				n, err := answer.Body.Read(buf)
				octets.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
	}
	for h.Streams() < 100 {
		time.Sleep(10 * time.Millisecond)
	}
	before, began := cpuTime(), time.Now()
	b.ResetTimer()
	for b.Loop() {
		for range 20 {
			for range 10 {
				r.Add(liveMessage("mail.example.org"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	b.ReportMetric(100*(cpuTime()-before).Seconds()/time.Since(began).Seconds(), "%core")
	b.ReportMetric(float64(octets.Load())/100/time.Since(began).Seconds(), "octets/s/viewer")
	cancel()
	group.Wait()
}

// cpuTime returns the CPU time of the process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
