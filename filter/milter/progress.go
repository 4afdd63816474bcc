package milter

import (
	"sync"
	"time"
)

// actProgress is SMFIR_PROGRESS: the MTA starts to wait anew. It is valid only
// while the MTA waits for a verdict. go-milter cannot send it.
const actProgress = 'p'

// progressInterval is how often an MTA that waits for a verdict is asked for
// patience; Sendmail's own is 10 s.
const progressInterval = 3 * time.Second

// progressGrace is for how long after the verdict's deadline the MTA is still
// asked for patience; then its own limit is to count.
const progressGrace = 15 * time.Second

// progress tells the MTA at intervals that a verdict is under way.
type progress struct {
	mu    sync.Mutex
	timer *time.Timer
	on    bool
}

// start has the first packet sent after one interval. lost is called when the MTA
// turns out to be gone.
func (p *progress) start(c *Conn, lost func()) {
	end := time.Now().Add(c.server.opt.VerdictTimeout + progressGrace)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = true
	p.timer = time.AfterFunc(progressInterval, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.on || time.Now().After(end) {
			return
		}
		if err := c.out.send(0, 0, 0, 1, actProgress); err != nil {
			lost()
			return
		}
		c.server.count.progress.Add(1)
		p.timer.Reset(progressInterval)
	})
}

// stop returns when no further packet can be sent.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = false
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
