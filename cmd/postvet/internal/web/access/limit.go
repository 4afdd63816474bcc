package access

import (
	"net/netip"
	"sync"
	"time"
)

// How many log-ins may fail within failureTime: from one network, and for one user from all of
// them together. Beyond the second one, each network may still fail once for that user, so that
// nobody can lock a user out from elsewhere.
const (
	failureTime        = 10 * time.Minute
	maxFailuresOfHost  = 10
	maxFailuresOfUser  = 30
	maxFailuresInFlood = 1
	// maxFailures bounds the memory. Others beyond it take the place of some.
	maxFailures = 20000
)

// failures counts log-ins that failed. It is safe for concurrent use.
type failures struct {
	mu  sync.Mutex
	all map[failureKey]failure
}

// failureKey is a network, a user, or both.
type failureKey struct{ host, user string }

type failure struct {
	began time.Time
	n     int
}

// hostOf returns the network of an address whose log-ins are counted together: a household has
// a whole /64.
func hostOf(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	p, err := a.Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// siteOf returns the /48 of a network of IPv6, "" for others.
func siteOf(host string) string {
	p, err := netip.ParsePrefix(host)
	if err != nil {
		return ""
	}
	site, err := p.Addr().Prefix(48)
	if err != nil {
		return ""
	}
	return site.String()
}

// try counts an attempt as one that failed, until forget is called. It returns for how long the
// attempt must wait if there were too many, 0 if it may go on.
func (f *failures) try(host, user string, now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[failureKey]failure{}
	}
	of := func(k failureKey) failure {
		x := f.all[k]
		if now.Sub(x.began) >= failureTime || now.Before(x.began) {
			return failure{began: now}
		}
		return x
	}
	keys := [...]failureKey{{host: host}, {user: user}, {host, user}}
	byHost, byUser, both := of(keys[0]), of(keys[1]), of(keys[2])
	switch {
	case byHost.n >= maxFailuresOfHost:
		return byHost.began.Add(failureTime).Sub(now)
	case byUser.n >= maxFailuresOfUser && both.n >= maxFailuresInFlood:
		return both.began.Add(failureTime).Sub(now)
	}
	for i, x := range [...]failure{byHost, byUser, both} {
		x.n++
		f.makeRoom(keys[i], now)
		f.all[keys[i]] = x
	}
	return 0
}

// forget takes an attempt back that did not fail.
func (f *failures) forget(host, user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range [...]failureKey{{host: host}, {user: user}, {host, user}} {
		if x := f.all[k]; x.n > 1 {
			x.n--
			f.all[k] = x
		} else {
			delete(f.all, k)
		}
	}
}

// makeRoom forgets failures that are past among some of them, and if there are none, any. It
// looks at few, since each attempt of an attacker would take its time otherwise.
func (f *failures) makeRoom(next failureKey, now time.Time) {
	if _, ok := f.all[next]; ok || len(f.all) < maxFailures {
		return
	}
	const most = 16
	var any failureKey
	n := 0
	for k, x := range f.all {
		if now.Sub(x.began) >= failureTime {
			delete(f.all, k)
		}
		any = k
		if n++; n == most {
			break
		}
	}
	if len(f.all) >= maxFailures {
		delete(f.all, any)
	}
}
