package milter

import (
	"sync"
	"time"
)

// actProgress is SMFIR_PROGRESS, which restarts the timeout of the MTA. It is valid only
// while the MTA waits for a verdict. go-milter cannot send it.
const actProgress = 'p'

// progressInterval is the interval of SMFIR_PROGRESS. Sendmail waits ten seconds without
// one.
const progressInterval = 3 * time.Second

// progressGrace is how long after the verdict's deadline SMFIR_PROGRESS is still sent.
// After that the MTA's own timeout applies.
const progressGrace = 15 * time.Second

// progress sends SMFIR_PROGRESS at intervals while a verdict is under way.
type progress struct {
	mu    sync.Mutex
	timer *time.Timer
	on    bool
}

// start sends the first packet after one interval. It calls lost if the connection to the
// MTA is lost.
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

// stop ends the packets. After it returns, none is sent.
func (p *progress) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = false
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
}
