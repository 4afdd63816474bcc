package dkim

import (
	"context"
	"fmt"
	"sync"
)

// Keys looks up the keys of one message at the same time, each name once.
type Keys struct {
	ctx    context.Context
	cancel context.CancelFunc
	r      Resolver
	byName map[string]*keyAnswer
	group  sync.WaitGroup
}

type keyAnswer struct {
	key   *Key
	err   error
	fault string // the panic that stands behind err
}

// StartKeys returns a Keys whose look-ups end with ctx or at the end of Wait.
func StartKeys(ctx context.Context, r Resolver) *Keys {
	k := &Keys{r: r, byName: map[string]*keyAnswer{}}
	k.ctx, k.cancel = context.WithCancel(ctx)
	return k
}

// Ask begins the look-up of a key unless it was asked for before. It must not
// be called after Wait.
func (k *Keys) Ask(selector, domain string) {
	name := KeyName(selector, domain)
	if k.byName[name] != nil {
		return
	}
	a := &keyAnswer{}
	k.byName[name] = a
	k.group.Go(func() {
		Guard(func() { a.key, a.err = LookupKey(k.ctx, k.r, selector, domain) },
			func(fault any) { a.key, a.err, a.fault = nil, errInternal, fmt.Sprint(fault) })
	})
}

// Wait waits for all keys. If ctx ends first, so do the look-ups. Nothing of
// them is left when it returns.
func (k *Keys) Wait(ctx context.Context) {
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
	return nil, &Error{Status: TempError, Reason: "the key was not asked for"}
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
