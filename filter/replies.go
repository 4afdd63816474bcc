package filter

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/emersion/go-milter"
)

// actProgress is SMFIR_PROGRESS: the MTA starts to wait anew. It is valid only
// while the MTA waits for a verdict.
const actProgress = 'p'

// maxOut is how much is collected before it is sent.
const maxOut = 64 << 10

// expect notes what the next reply answers.
func (w *wire) expect(cmd byte) {
	w.command = cmd
	w.owed = w.agreed.replyDue(cmd)
}

// settle makes up a reply that was due and not given, for which the MTA would
// wait until its own limit.
func (w *wire) settle() {
	if !w.owed {
		return
	}
	w.srv.count.owed.Add(1)
	w.srv.log.Error("a reply was due and none was given", w.zapQueue(), zapCommand(w.command))
	if milter.Code(w.command) == milter.CodeEOB {
		w.reply(byte(milter.ActTempFail))
		return
	}
	w.reply(byte(milter.ActContinue))
}

func (w *wire) reply(code byte) { w.emit([]byte{0, 0, 0, 1, code}) }

// Write takes what go-milter writes. It never fails: an error of the socket
// ends the next Read.
func (w *wire) Write(p []byte) (int, error) {
	if len(w.partial) == 0 && len(p) >= 5 && int(binary.BigEndian.Uint32(p)) == len(p)-4 {
		w.emit(p)
		return len(p), nil
	}
	w.partial = append(w.partial, p...)
	for len(w.partial) >= 5 {
		n := int(binary.BigEndian.Uint32(w.partial)) + 4
		if len(w.partial) < n {
			break
		}
		w.emit(w.partial[:n])
		w.partial = append(w.partial[:0], w.partial[n:]...)
	}
	return len(p), nil
}

// emit sends one packet of ours, unless the MTA does not wait for it: it would
// take it for the answer to its next question.
func (w *wire) emit(p []byte) {
	code := p[4]
	if modification(code) {
		if milter.Code(w.command) == milter.CodeEOB && w.owed {
			w.append(p)
		} else {
			w.stray(code)
		}
		return
	}
	if !w.owed {
		if code != byte(milter.ActContinue) && w.saved == nil {
			w.saved = append([]byte(nil), p...)
		}
		w.stray(code)
		return
	}
	w.owed = false
	switch milter.Code(w.command) {
	case milter.CodeOptNeg:
		p = append([]byte(nil), p...)
		if len(p) >= 9 {
			binary.BigEndian.PutUint32(p[5:], w.agreed.version)
		}
	case milter.CodeMail:
		w.saved = nil
	case milter.CodeEOB:
		if w.saved != nil && (code == byte(milter.ActContinue) || code == byte(milter.ActAccept)) {
			p = w.saved
		}
		w.saved = nil
		w.append(p)
		w.session.answered(w.flush())
		w.setInside(false)
		return
	}
	w.append(p)
}

func (w *wire) stray(code byte) {
	w.srv.count.stray.Add(1)
	w.srv.log.Error("a reply was given and none was due", w.zapQueue(), zapCommand(w.command), zapReply(code))
}

func modification(code byte) bool {
	switch milter.ModifyActCode(code) {
	case milter.ActAddRcpt, milter.ActDelRcpt, milter.ActReplBody, milter.ActAddHeader,
		milter.ActChangeHeader, milter.ActInsertHeader, milter.ActQuarantine, milter.ActChangeFrom:
		return true
	}
	return false
}

func (w *wire) append(p []byte) {
	w.wmu.Lock()
	defer w.wmu.Unlock()
	w.out = append(w.out, p...)
	if len(w.out) > maxOut {
		w.flushLocked()
	}
}

func (w *wire) flush() error {
	w.wmu.Lock()
	defer w.wmu.Unlock()
	return w.flushLocked()
}

func (w *wire) flushLocked() error {
	if len(w.out) == 0 || w.writing != nil {
		return w.writing
	}
	w.Conn.SetWriteDeadline(time.Now().Add(w.srv.opt.WriteTimeout))
	_, w.writing = w.Conn.Write(w.out)
	w.out = w.out[:0]
	if cap(w.out) > maxOut {
		w.out = nil
	}
	return w.writing
}

// progress tells the MTA at intervals that a verdict is under way.
type progress struct {
	mu    sync.Mutex
	timer *time.Timer
	on    bool
}

// progressGrace is for how long after the verdict's deadline the MTA is still
// asked for patience; then its own limit is to count.
const progressGrace = 15 * time.Second

// start begins with the first packet after one interval. lost is called when
// the MTA turns out to be gone.
func (p *progress) start(w *wire, lost func()) {
	interval := w.srv.opt.ProgressInterval
	end := time.Now().Add(w.srv.opt.VerdictTimeout + progressGrace)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = true
	p.timer = time.AfterFunc(interval, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.on || time.Now().After(end) {
			return
		}
		w.wmu.Lock()
		w.out = append(w.out, 0, 0, 0, 1, actProgress)
		err := w.flushLocked()
		w.wmu.Unlock()
		if err != nil {
			lost()
			return
		}
		w.srv.count.progress.Add(1)
		p.timer.Reset(interval)
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
