// Package loginrate notices a login that sends to unusually many recipients, as one does
// whose password was stolen. It counts in memory alone and refuses nothing.
package loginrate

import (
	"sync"
	"time"
)

// Window is the time in which recipients are counted, from a login's first message on.
const Window = time.Hour

// maxLogins bounds the memory. Logins beyond it take the place of others.
const maxLogins = 20000

// Watch counts the recipients of logins. It is safe for concurrent use.
type Watch struct {
	now func() time.Time

	mu     sync.Mutex
	limit  int // 0 for none
	logins map[string]*window
}

// window is what one login has sent.
type window struct {
	began      time.Time
	recipients int
	alerted    bool
}

// New returns a watch that alerts above a number of recipients; 0 for never. Now is the
// clock.
func New(limit int, now func() time.Time) *Watch {
	return &Watch{now: now, limit: limit, logins: map[string]*window{}}
}

// SetLimit sets the number of recipients above which there is an alert.
func (w *Watch) SetLimit(limit int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit = limit; limit == 0 {
		clear(w.logins)
	}
}

// Sent counts a message of a login. It returns the recipients within the window, and
// whether they are above the limit for the first time in it.
func (w *Watch) Sent(login string, recipients int) (total int, alert bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limit == 0 || login == "" {
		return 0, false
	}
	now := w.now()
	c := w.logins[login]
	if c == nil || now.Sub(c.began) >= Window || now.Before(c.began) {
		if c == nil {
			w.makeRoom(now)
		}
		c = &window{began: now}
		w.logins[login] = c
	}
	c.recipients += recipients
	if c.recipients <= w.limit || c.alerted {
		return c.recipients, false
	}
	c.alerted = true
	return c.recipients, true
}

// makeRoom forgets windows that have ended, and if there are none, any one.
func (w *Watch) makeRoom(now time.Time) {
	if len(w.logins) < maxLogins {
		return
	}
	any := ""
	for login, c := range w.logins {
		if now.Sub(c.began) >= Window {
			delete(w.logins, login)
		}
		any = login
	}
	if len(w.logins) >= maxLogins {
		delete(w.logins, any)
	}
}
