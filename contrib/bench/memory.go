//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// memory measures Postvet's memory with many sessions at a time, and over many
// messages.
func (b *bench) memory(ctx context.Context) error {
	big, idle, many := 500, 5000, b.options.small
	if b.options.quick {
		big, idle = 50, 500
	}
	checks := []struct {
		name string
		run  func(ctx context.Context, r *running) (string, error)
	}{
		{checkBig, func(ctx context.Context, r *running) (string, error) { return b.halfSent(ctx, r, big) }},
		{checkIdle, func(ctx context.Context, r *running) (string, error) { return b.idle(ctx, r, idle) }},
		{checkMany, func(ctx context.Context, r *running) (string, error) { return b.many(ctx, r, many) }},
	}
	for _, c := range checks {
		progress("%s", c.name)
		if err := b.held(ctx, c.name, c.run); err != nil {
			return err
		}
	}
	return nil
}

// held starts Postvet, runs a check and records the memory.
func (b *bench) held(ctx context.Context, name string, run func(context.Context, *running) (string, error)) error {
	b.dns.SetDelay(0)
	r, err := launch(&contestant{name: "postvet", start: startLargePostvet}, b.bin, b.bin)
	if err != nil {
		return err
	}
	defer r.stop()
	// One round of everything first, so that all is there that is made only
	// once.
	play(ctx, r.chain, connections(b.corpus.Cases, 1), Load{Sessions: 8, Messages: len(b.corpus.Cases), Limit: time.Minute})
	time.Sleep(time.Second)
	pid := r.pids()[0]
	rec := MemoryRecord{Check: name, BeforeMB: megabytes(resident(pid))}
	if err := resetPeaks(r.pids()); err != nil {
		return err
	}
	if rec.Text, err = run(ctx, r); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	u, err := measure(r.pids())
	if err != nil {
		return err
	}
	rec.PeakMB = megabytes(u.peak)
	// Sessions take time to end, and the garbage collector to return memory.
	time.Sleep(3 * time.Second)
	rec.AfterMB = megabytes(resident(pid))
	b.report.Memory = append(b.report.Memory, rec)
	return ctx.Err()
}

// startLargePostvet starts Postvet with more connections than by default.
func startLargePostvet(p *place) ([]program, error) {
	conf, err := p.write("postvet-roomy.toml")
	if err != nil {
		return nil, err
	}
	return []program{{[]string{p.bin + "/postvet", "serve", "--config", conf}, p.socket("postvet")}}, nil
}

// resident returns VmRSS in bytes.
func resident(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.SplitSeq(string(status), "\n") {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// halfSent opens n sessions, sends half of a 10 MB message in each, and then
// closes all of them.
func (b *bench) halfSent(ctx context.Context, r *running, n int) (string, error) {
	const half = 5 << 20
	var good []*Case
	for i := range b.corpus.Cases {
		if c := &b.corpus.Cases[i]; c.Kind == "good" {
			good = append(good, c)
		}
	}
	if len(good) == 0 {
		return "", fmt.Errorf("no message in the corpus is good")
	}
	body := bytes.Repeat([]byte("A line of  text  that is neither short nor long, with blanks at its end.  \r\n"), half/76+1)[:half]
	var open sessions
	defer open.close()
	err := parallel(ctx, n, 16, func(i int) error {
		c := good[i%len(good)]
		s, err := open.add(r.chain, c.Client)
		if err != nil {
			return err
		}
		if v, err := s.envelope(c); v != nil || err != nil {
			return fmt.Errorf("envelope: %v %w", v, err)
		}
		l := s.links[0]
		if a, err := s.header(l, c.Fields); err != nil || !a.goOn() {
			return fmt.Errorf("header: %q %w", a.cmd, err)
		}
		if a, err := s.body(l, body); err != nil || !a.goOn() {
			return fmt.Errorf("body: %q %w", a.cmd, err)
		}
		return l.w.Flush()
	})
	time.Sleep(time.Second) // what is on its way arrives
	return fmt.Sprintf("%d sessions, %d MB sent in each", len(open.all), half>>20), err
}

// sessions are open at the same time.
type sessions struct {
	mu  sync.Mutex
	all []*session
}

// add opens a session.
func (o *sessions) add(chain []string, c Client) (*session, error) {
	s, err := openSession(chain, c)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, s)
	return s, nil
}

func (o *sessions) close() {
	for _, s := range o.all {
		s.close()
	}
}

// idle opens n connections, each past HELO.
func (b *bench) idle(ctx context.Context, r *running, n int) (string, error) {
	var open sessions
	defer open.close()
	err := parallel(ctx, n, 16, func(i int) error {
		s, err := open.add(r.chain, b.corpus.Cases[i%len(b.corpus.Cases)].Client)
		if err != nil {
			return err
		}
		// An MTA that waits for no answer need not flush connect and HELO.
		return s.links[0].w.Flush()
	})
	time.Sleep(time.Second)
	return fmt.Sprintf("%d connections", len(open.all)), err
}

// many plays n small messages and compares the memory after the first tenth
// with that at the end.
func (b *bench) many(ctx context.Context, r *running, n int) (string, error) {
	var small []Case
	for _, c := range b.corpus.Cases {
		if len(c.Body) < 6000 {
			small = append(small, c)
		}
	}
	if len(small) == 0 {
		return "", fmt.Errorf("no message in the corpus is small")
	}
	conns := connections(small, 10)
	start := play(ctx, r.chain, conns, Load{Sessions: 8, Messages: n / 10, Limit: 10 * time.Minute, Check: true})
	early := resident(r.pids()[0])
	rest := play(ctx, r.chain, conns, Load{Sessions: 8, Messages: n - n/10, Limit: time.Hour, Check: true})
	late := resident(r.pids()[0])
	return fmt.Sprintf("%d messages of at most 6 kB; resident after a tenth %.1f MB, at the end %.1f MB; %d wrong, %d errors",
		start.Messages+rest.Messages, megabytes(early), megabytes(late), start.Wrong+rest.Wrong, start.Errors+rest.Errors), nil
}

// parallel calls f with 0 to n-1 on some workers, until one fails.
func parallel(ctx context.Context, n, workers int, f func(i int) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("gave up after 5 minutes"))
	defer cancel()
	var next atomic.Int64
	var first error
	var once sync.Once
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(i); err != nil {
					once.Do(func() { first = err })
					cancel()
				}
			}
		})
	}
	wg.Wait()
	if first == nil && ctx.Err() != nil {
		first = context.Cause(ctx)
	}
	return first
}
