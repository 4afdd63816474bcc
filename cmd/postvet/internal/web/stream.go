package web

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/postvet/postvet/cmd/postvet/internal/idle"
)

// The bounds of the pages that stay open and show what happens. Their connections come on top
// of maxConns.
const (
	maxStreams       = 256
	maxStreamsOfUser = 32
	// streamRetry is after how many seconds a browser tries again.
	streamRetry = 30
)

// streams counts the answers that stay open. It is safe for concurrent use.
type streams struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by user
}

// open counts an answer of a user until end is called, unless there are too many. A user
// without a name, who came in by the rights of the socket alone, has no bound of his own.
func (s *streams) open(user string) (end func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || user != "" && s.of[user] >= maxStreamsOfUser {
		return nil, false
	}
	if s.of == nil {
		s.of = map[string]int{}
	}
	s.all++
	s.of[user]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		if s.of[user]--; s.of[user] == 0 {
			delete(s.of, user)
		}
	}), true
}

// Streams returns the number of answers that stay open.
func (h *Handler) Streams() int {
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	return h.streams.all
}

// openStream counts an answer that stays open until end is called. If there are too many, it
// answers the request itself.
//
// This bound also holds for the connections of streams. Connections that wait for a request do
// not replace them. Otherwise each refused client would end the stream of another.
func (h *Handler) openStream(w http.ResponseWriter, q *request) (end func(), ok bool) {
	end, ok = h.streams.open(q.user.Name)
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(streamRetry))
		h.fail(w, q, &problem{
			Status: http.StatusServiceUnavailable, Title: "Too many watch",
			Text: fmt.Sprintf("Up to %d pages show mail as it comes, and up to %d of one user. Close some of yours, or wait for others to leave.", maxStreams, maxStreamsOfUser),
		})
		return nil, false
	}
	w.Header().Set("Connection", "close") // a further request on it would have no bound
	if c := idle.ConnOf(q.http.Context()); c != nil {
		c.Keep()
	}
	return end, true
}
