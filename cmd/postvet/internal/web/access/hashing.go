package access

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// The bounds of log-ins under way. Comparing a password takes a quarter of a second of CPU
// time, which the mail must not miss: one is compared at a time, and then there is a pause of
// hashPause times as long.
const (
	maxLogins       = 8
	maxLoginsOfHost = 2
	hashPause       = 3
)

// errBusy means that too many log-ins are under way.
var errBusy = errors.New("access: too many log-ins at once")

// hashing bounds the log-ins under way. It is safe for concurrent use.
type hashing struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by host
	// turn has room for one.
	turn chan struct{}
}

func newHashing() *hashing {
	return &hashing{of: map[string]int{}, turn: make(chan struct{}, 1)}
}

// enter counts a log-in under way from a host until leave is called.
func (h *hashing) enter(host string) (leave func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= maxLogins || h.of[host] >= maxLoginsOfHost {
		return nil, errBusy
	}
	h.all++
	h.of[host]++
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all--
		if h.of[host]--; h.of[host] == 0 {
			delete(h.of, host)
		}
	}, nil
}

// fits reports whether a password has a hash, when its turn has come.
func (h *hashing) fits(ctx context.Context, hash []byte, password string) (bool, error) {
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return false, errBusy
	}
	began := time.Now()
	err := bcrypt.CompareHashAndPassword(hash, []byte(password[:min(len(password), MaxPassword)]))
	time.AfterFunc(hashPause*time.Since(began), func() { <-h.turn })
	return err == nil && len(password) <= MaxPassword, nil
}
