package web

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/cmd/postvet/internal/web/live"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/result"
)

const (
	// heartbeat is how often an open page hears something, and its user is identified again.
	heartbeat = 15 * time.Second
	// writeTime bounds how long a viewer may take to read.
	writeTime = 10 * time.Second
)

// livePage answers what happens this second.
type livePage struct {
	Lead string `json:"summary"`
	// Messages are the last ones, the newest first.
	Messages []live.Message `json:"messages"`
	// Last is the id of the last event that the page has.
	Last    string   `json:"last_event"`
	Actions []choice `json:"actions"`
	Zone    string   `json:"zone"`
}

// noLive is the problem of a service that keeps no last messages.
var noLive = &problem{Status: http.StatusServiceUnavailable, Title: "Nothing to watch", Text: "This service does not show mail as it comes in."}

// newFeed returns what passes messages on to those who watch, nil without a ring.
func (h *Handler) newFeed() *live.Feed {
	if h.opt.Live == nil {
		return nil
	}
	p := place{Base: h.opt.Base, Zone: time.UTC}
	return live.NewFeed(h.opt.Live, h.opt.Now(), func(b *bytes.Buffer, m *live.Message) error {
		return templateOf("live").ExecuteTemplate(b, "live-row", []any{p, m})
	})
}

// live shows the last messages.
func (h *Handler) live(q *request) (any, error) {
	if h.feed == nil {
		return nil, noLive
	}
	all, last, _ := h.opt.Live.After(0)
	p := livePage{Messages: make([]live.Message, 0, len(all)), Last: h.feed.ID(last), Actions: []choice{}, Zone: q.zone.String()}
	var inMinute, refused int
	for i := len(all) - 1; i >= 0; i-- {
		p.Messages = append(p.Messages, all[i])
		if q.now.Sub(all[i].At) < time.Minute {
			inMinute++
			if all[i].Action == result.Reject {
				refused++
			}
		}
	}
	p.Lead = fmt.Sprintf("%s in the last minute, %d of them refused.", layout.Count(inMinute, "message"), refused)
	for _, a := range []result.Action{result.Accept, result.Reject, result.Quarantine, result.TempFail, result.Redirect, result.Discard} {
		p.Actions = append(p.Actions, choice{Title: explain.Done(a), Path: string(a)})
	}
	return p, nil
}

// liveEvents passes new messages on as server-sent events, until the viewer leaves, is too
// slow, or may not see them any more.
func (h *Handler) liveEvents(w http.ResponseWriter, r *http.Request) {
	q, ok := h.begin(w, r, access.Support, true) // the script shows what is wrong
	if !ok {
		return
	}
	if h.feed == nil {
		h.fail(w, q, noLive)
		return
	}
	end, ok := h.openStream(w, q)
	if !ok {
		return
	}
	defer end()
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = q.get("after")
	}
	v, first, ok := h.feed.Watch(id)
	if !ok {
		h.fail(w, q, &problem{Status: http.StatusServiceUnavailable, Title: "The service stops", Text: "Try again in a moment."})
		return
	}
	defer v.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes events on at once
	out := stream{w: w, control: http.NewResponseController(w)}
	if !out.write([]byte("retry: 3000\n\n")) || len(first) > 0 && !out.write(first) {
		return
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var part []byte
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if user, err := h.opt.Gate.Identify(r); err != nil || !user.May(access.Support) {
				return
			}
			part = []byte(": here\n\n")
		case part, ok = <-v.Parts:
			if !ok {
				out.write([]byte("event: dropped\ndata:\n\n"))
				return
			}
		}
		if !out.write(part) {
			return
		}
	}
}

// stream writes parts of an answer that stays open.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// write writes a part at once, within the time that a viewer has to read. The time that a
// page may take does not count for a stream.
func (s *stream) write(part []byte) bool {
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime)) // a test's recorder has none
	if _, err := s.w.Write(part); err != nil {
		return false
	}
	return s.control.Flush() == nil
}
