package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

// The bounds of sessions. They are in memory alone: a restart ends them.
const (
	sessionTime       = 12 * time.Hour
	maxSessions       = 1000
	maxSessionsOfUser = 10

	sessionCookie = "postvet_session"
)

// sessionKey is the hash of what the browser has, so that the time which a search in the map
// takes tells nothing about it.
type sessionKey [sha256.Size]byte

// session is the log-in of a user.
type session struct {
	name string
	// hash is that of the password at the log-in. The session ends when it changes.
	hash  string
	began time.Time
}

// sessions are the users who have logged in. It is safe for concurrent use.
type sessions struct {
	mu  sync.Mutex
	all map[sessionKey]session
}

// begin begins a session, and returns what the browser has to send. If there are too many,
// the oldest one of the user ends, or of all.
func (s *sessions) begin(a Account, now time.Time) (token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := 0
	var oldest, oldestOf sessionKey
	for k, x := range s.all {
		if now.Sub(x.began) >= sessionTime {
			delete(s.all, k)
			continue
		}
		if first, ok := s.all[oldest]; !ok || x.began.Before(first.began) {
			oldest = k
		}
		if x.name != a.Name {
			continue
		}
		if first, ok := s.all[oldestOf]; of == 0 || !ok || x.began.Before(first.began) {
			oldestOf = k
		}
		of++
	}
	switch {
	case of >= maxSessionsOfUser:
		delete(s.all, oldestOf)
	case len(s.all) >= maxSessions:
		delete(s.all, oldest)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails
	token = base64.RawURLEncoding.EncodeToString(random[:])
	if s.all == nil {
		s.all = map[sessionKey]session{}
	}
	s.all[sha256.Sum256([]byte(token))] = session{a.Name, string(a.Hash), now}
	return token
}

// of returns the session that a request has, and its name.
func (s *sessions) of(r *http.Request, now time.Time) (x session, id string, ok bool) {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, "", false
	}
	key := sessionKey(sha256.Sum256([]byte(c.Value)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok = s.all[key]; ok && now.Sub(x.began) >= sessionTime {
		delete(s.all, key)
		ok = false
	}
	return x, base64.RawURLEncoding.EncodeToString(key[:16]), ok
}

// end ends the session of a request.
func (s *sessions) end(r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.all, sha256.Sum256([]byte(c.Value)))
	}
}
