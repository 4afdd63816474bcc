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
	// maxLoginsOfSite bounds those of all networks of a /48, which is what one customer has.
	maxLoginsOfSite = 4
	// maxLoginsOfKnown come on top of maxLogins, for networks from which a log-in succeeded
	// before. Strangers who take all the others do not keep those users out.
	maxLoginsOfKnown = 2
	hashPause        = 3
)

// errBusy means that too many log-ins are under way.
var errBusy = errors.New("access: too many log-ins at once")

// maxKnown bounds the networks that are known for a log-in. A further one takes the place of
// another.
const maxKnown = 1000

// hashing bounds the log-ins under way. It is safe for concurrent use.
type hashing struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by host, and by site
	// known are the hosts from which a log-in succeeded.
	known map[string]bool
	// turn has room for one.
	turn chan struct{}
}

func newHashing() *hashing {
	return &hashing{of: map[string]int{}, known: map[string]bool{}, turn: make(chan struct{}, 1)}
}

// enter counts a log-in under way from a host until leave is called.
func (h *hashing) enter(host string) (leave func(), err error) {
	site := siteOf(host)
	h.mu.Lock()
	defer h.mu.Unlock()
	most := maxLogins
	if h.known[host] {
		most += maxLoginsOfKnown
	}
	if h.all >= most || h.of[host] >= maxLoginsOfHost || site != "" && h.of[site] >= maxLoginsOfSite {
		return nil, errBusy
	}
	h.count(host, site, 1)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.count(host, site, -1)
	}, nil
}

// count adds a number of log-ins of a host and its site, "" for none.
func (h *hashing) count(host, site string, n int) {
	h.all += n
	add := func(key string) {
		if h.of[key] += n; h.of[key] == 0 {
			delete(h.of, key)
		}
	}
	add(host)
	if site != "" {
		add(site)
	}
}

// succeeded notes the host of a log-in that succeeded.
func (h *hashing) succeeded(host string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for other := range h.known {
		if len(h.known) < maxKnown || h.known[host] {
			break
		}
		delete(h.known, other)
	}
	h.known[host] = true
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
