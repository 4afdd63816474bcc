package keys

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// CacheOptions say how long a [Cache] keeps what its source said. The zero value of a
// duration asks the source each time.
type CacheOptions struct {
	// Fresh is how long keys are used without a question, Missing how long a name is
	// known to have none, and Retry how long a failed question is not repeated.
	Fresh, Missing, Retry time.Duration
	// Stale is how long keys stay in use while their source fails; 0 for as long as it
	// does.
	Stale time.Duration
	// Timeout bounds a question. Patience is how long a caller waits for an answer if it
	// could use the keys from before.
	Timeout, Patience time.Duration
	// Parallel bounds the questions at a time.
	Parallel int
	// Complete says that the source itself returns the keys from before where they are to
	// stay in use, so that an error without keys is an answer and no failure.
	Complete bool
	// OneSource says that a failed question is one of the source as a whole, so that no
	// other name is asked for either before Retry has passed.
	OneSource bool
}

// Fetch asks the source of a [Cache] for the keys of a name. before are those of the last
// answer. An error without keys is a failure, after which these stay in use.
type Fetch func(ctx context.Context, name string, before []*Key) ([]*Key, error)

// Cache remembers the keys of names. A question is asked once at a time, and outside of
// any lock: a source that hangs delays nobody who does not need it. A Cache is safe for
// concurrent use.
type Cache struct {
	opt   CacheOptions
	fetch Fetch
	slots chan struct{} // one for each question under way
	now   func() time.Time

	mu      sync.Mutex
	entries map[string]*cached
	// found are the entries with keys, missing those without, the last used in front.
	found, missing list.List
	keys           int       // in found
	failure        error     // of the source as a whole
	failed         time.Time // when
}

// cached is what is known of one name.
type cached struct {
	name    string
	keys    []*Key
	err     error
	asked   time.Time // zero if there was no answer yet
	good    time.Time // of the last answer that was no failure
	flight  chan struct{}
	element *list.Element
	in      *list.List
}

// Bounds of what is in memory. A parsed RSA key of 2048 bits has some 4.5 KB.
const (
	maxCachedKeys = 14000
	maxMissing    = 20000
)

// NewCache returns an empty cache of a source.
func NewCache(o CacheOptions, f Fetch) *Cache {
	return &Cache{opt: o, fetch: f, slots: make(chan struct{}, max(o.Parallel, 1)), now: time.Now, entries: map[string]*cached{}}
}

// Keys returns the keys of a name. The error can stand beside keys.
func (c *Cache) Keys(ctx context.Context, name string) ([]*Key, error) {
	c.mu.Lock()
	e := c.entry(name)
	if !c.due(e) {
		defer c.mu.Unlock()
		return slices.Clone(e.keys), e.err
	}
	if e.flight == nil {
		if c.down() {
			defer c.mu.Unlock()
			c.answered(e, nil, c.failure, true)
			return slices.Clone(e.keys), e.err
		}
		e.flight = make(chan struct{})
		go c.ask(e, e.keys)
	}
	flight, known := e.flight, len(e.keys) > 0
	c.mu.Unlock()
	var patience <-chan time.Time
	if known {
		t := time.NewTimer(c.opt.Patience)
		defer t.Stop()
		patience = t.C
	}
	var late error
	select {
	case <-flight:
	case <-patience:
	case <-ctx.Done():
		late = errLate
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if late != nil && len(e.keys) == 0 && e.err == nil {
		return nil, late
	}
	return slices.Clone(e.keys), e.err
}

// Renew has the source asked for a name the next time that it is wanted.
func (c *Cache) Renew(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[name]; ok {
		e.asked = time.Time{}
	}
}

// entry returns the entry of a name, which becomes the most recent one.
func (c *Cache) entry(name string) *cached {
	e, ok := c.entries[name]
	if !ok {
		e = &cached{name: name}
		c.entries[name] = e
		c.place(e)
		return e
	}
	e.in.MoveToFront(e.element)
	return e
}

// due reports whether the source is to be asked again for a name.
func (c *Cache) due(e *cached) bool {
	age := c.now().Sub(e.asked)
	if e.asked.IsZero() || age < 0 {
		return true
	}
	switch {
	case e.asked.After(e.good):
		return age >= c.opt.Retry
	case len(e.keys) > 0:
		return age >= c.opt.Fresh
	}
	return age >= c.opt.Missing
}

// down reports whether the source failed a moment ago.
func (c *Cache) down() bool {
	age := c.now().Sub(c.failed)
	return c.opt.OneSource && c.failure != nil && age >= 0 && age < c.opt.Retry
}

// ask asks the source. The question belongs to all who wait for it, so that it ends with
// none of them.
func (c *Cache) ask(e *cached, before []*Key) {
	ctx, cancel := context.WithTimeout(context.Background(), c.opt.Timeout)
	defer cancel()
	var keys []*Key
	err, failed := errBusy, true
	select {
	case c.slots <- struct{}{}:
		keys, err = c.fetched(ctx, e.name, before)
		failed = err != nil && len(keys) == 0 && !c.opt.Complete
		<-c.slots
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = nil
	if failed {
		c.failure, c.failed = err, c.now()
	}
	c.answered(e, keys, err, failed)
	close(e.flight)
	e.flight = nil
}

// fetched asks the source. A panic of a client library must not end the service.
func (c *Cache) fetched(ctx context.Context, name string, before []*Key) (keys []*Key, err error) {
	defer func() {
		if recover() != nil { // what it says may hold a key
			keys, err = before, errPanic
		}
	}()
	return c.fetch(ctx, name, before)
}

var (
	errPanic = errors.New("an internal error in the source of keys")
	errBusy  = errors.New("too many questions for keys are under way")
	errLate  = errors.New("the source of keys did not answer in time")
)

// answered notes an answer.
func (c *Cache) answered(e *cached, keys []*Key, err error, failed bool) {
	now := c.now()
	e.asked, e.err = now, err
	switch {
	case !failed:
		e.good = now
	case c.opt.Stale == 0 || now.Sub(e.good) < c.opt.Stale:
		keys = e.keys
	}
	if c.entries[e.name] != e { // it was evicted meanwhile
		e.keys = keys
		return
	}
	c.remove(e)
	e.keys = keys
	c.entries[e.name] = e
	c.place(e)
}

// place puts an entry in front of its list, and drops what is too much.
func (c *Cache) place(e *cached) {
	e.in = &c.missing
	if len(e.keys) > 0 {
		e.in = &c.found
		c.keys += len(e.keys)
	}
	e.element = e.in.PushFront(e)
	for c.keys > maxCachedKeys && c.found.Len() > 1 {
		c.remove(c.found.Back().Value.(*cached))
	}
	for c.missing.Len() > maxMissing {
		c.remove(c.missing.Back().Value.(*cached))
	}
}

func (c *Cache) remove(e *cached) {
	if e.in == &c.found {
		c.keys -= len(e.keys)
	}
	e.in.Remove(e.element)
	delete(c.entries, e.name)
}
