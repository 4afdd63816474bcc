package dkim

import (
	"context"
	"fmt"
	"sync"

	"github.com/postvet/postvet/dnscache"
)

// Keys looks up the keys of one message at the same time, each name once.
type Keys struct {
	ctx    context.Context
	cancel context.CancelFunc // nil as long as no look-up was begun
	r      Resolver
	most   int // look-ups at the same time, 0 for any number
	byName map[string]*keyAnswer
	group  sync.WaitGroup

	mu      sync.Mutex
	running int
	waiting []func() // look-ups not begun, in the order in which they were asked for
	futile  bool     // no more are to be begun
}

type keyAnswer struct {
	key   *Key
	err   error
	fault string // the panic that stands behind err
}

var errNotAsked = &Error{Status: TempError, Failure: FailureDNS, Reason: "the key was not asked for"}

// StartKeys returns a Keys whose look-ups end with ctx or at the end of Wait.
func StartKeys(ctx context.Context, r Resolver) *Keys { return StartKeysInTurn(ctx, r, 0) }

// StartKeysInTurn is StartKeys with at most so many look-ups at the same time,
// which are begun in the order in which the keys were asked for; 0 for no limit.
func StartKeysInTurn(ctx context.Context, r Resolver, most int) *Keys {
	return &Keys{ctx: ctx, r: r, most: most, byName: map[string]*keyAnswer{}}
}

// Ask begins the look-up of a key unless it was asked for before. It must not
// be called after Wait.
func (k *Keys) Ask(selector, domain string) { k.ask(selector, domain, false) }

// Require is Ask for a key without which all others are of no use: once it is
// known that there is none, no further look-up is begun.
func (k *Keys) Require(selector, domain string) { k.ask(selector, domain, true) }

func (k *Keys) ask(selector, domain string, required bool) {
	name := KeyName(selector, domain)
	if k.byName[name] != nil {
		return
	}
	a := &keyAnswer{err: errNotAsked}
	k.byName[name] = a
	// A key in the cache needs no goroutine.
	cached, recall := dnscache.CacheOnly(k.ctx)
	k.settle(a, required, func() (*Key, error) { return LookupKey(cached, k.r, selector, domain) })
	if !recall.Missed() {
		return
	}
	a.key, a.err = nil, errNotAsked
	k.begin(func() {
		k.settle(a, required, func() (*Key, error) { return LookupKey(k.ctx, k.r, selector, domain) })
	})
}

// settle fills in an answer. If it is that a required key is missing, no further
// look-up begins.
func (k *Keys) settle(a *keyAnswer, required bool, find func() (*Key, error)) {
	Guard(func() { a.key, a.err = find() },
		func(fault any) { a.key, a.err, a.fault = nil, errInternal, fmt.Sprint(fault) })
	if required && a.err != nil && !temporary(a.err) {
		k.mu.Lock()
		k.futile, k.waiting = true, nil
		k.mu.Unlock()
	}
}

// begin runs a look-up, or has it wait for its turn.
func (k *Keys) begin(lookup func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cancel == nil {
		k.ctx, k.cancel = context.WithCancel(k.ctx)
	}
	switch {
	case k.futile:
	case k.most > 0 && k.running == k.most:
		k.waiting = append(k.waiting, lookup)
	default:
		k.running++
		k.group.Go(func() {
			for lookup != nil {
				lookup()
				lookup = k.next()
			}
		})
	}
}

// next returns the look-up whose turn it is, nil if there is none.
func (k *Keys) next() func() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		k.running--
		return nil
	}
	lookup := k.waiting[0]
	k.waiting = k.waiting[1:]
	return lookup
}

// Wait waits for all keys. If ctx ends first, so do the look-ups. Nothing of
// them is left when it returns.
func (k *Keys) Wait(ctx context.Context) {
	if k.cancel == nil {
		return // nothing had to be looked up
	}
	stop := context.AfterFunc(ctx, k.cancel)
	k.group.Wait()
	stop()
	k.cancel()
}

// Get returns a key that was asked for; call it after Wait. Errors are those of
// [LookupKey].
func (k *Keys) Get(selector, domain string) (*Key, error) {
	if k != nil {
		if a := k.byName[KeyName(selector, domain)]; a != nil {
			return a.key, a.err
		}
	}
	return nil, errNotAsked
}

// Faults are the panics in look-ups, which only a fault of ours can cause. Call
// it after Wait.
func (k *Keys) Faults() []string {
	var faults []string
	if k != nil {
		for _, a := range k.byName {
			if a.fault != "" {
				faults = append(faults, a.fault)
			}
		}
	}
	return faults
}
