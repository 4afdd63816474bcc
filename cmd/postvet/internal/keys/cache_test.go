package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// remote are the options of a database.
var remote = CacheOptions{
	Fresh: 5 * time.Minute, Missing: 30 * time.Second, Retry: 5 * time.Second, Stale: 24 * time.Hour,
	Timeout: 2 * time.Second, Patience: 250 * time.Millisecond, Parallel: 2, OneSource: true,
}

// TestCache follows a source through good and bad days.
func TestCache(t *testing.T) {
	t.Parallel()
	key, err := NewKey("example.org", "s1", "", edKey())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // of what the test tells the source
		var asked int
		var answer []*Key
		var failure error
		var takes time.Duration
		c := NewCache(remote, func(ctx context.Context, _ string, _ []*Key) ([]*Key, error) {
			mu.Lock()
			asked++
			keys, err, delay := answer, failure, takes
			mu.Unlock()
			select {
			case <-time.After(delay):
				return keys, err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		down := errors.New("connection refused")
		steps := []struct {
			name        string
			wait        time.Duration
			answer      []*Key
			failure     error
			takes       time.Duration
			keys, asked int
			err         string
		}{
			{"no key", 0, nil, nil, 0, 0, 1, ""},
			{"that is remembered", 29 * time.Second, []*Key{key}, nil, 0, 0, 1, ""},
			{"a key", time.Second, []*Key{key}, nil, 0, 1, 2, ""},
			{"that is remembered, too", 299 * time.Second, nil, nil, 0, 1, 2, ""},
			{"down: the key stays", time.Second, nil, down, 0, 1, 3, "connection refused"},
			{"and it is not asked for each message", 4 * time.Second, nil, down, 0, 1, 3, "connection refused"},
			{"but again later", time.Second, nil, down, 0, 1, 4, "connection refused"},
			{"a day later", 24 * time.Hour, nil, down, 0, 0, 5, "connection refused"},
			{"back", 5 * time.Second, []*Key{key}, nil, time.Second, 1, 6, ""},
			{"slow: the known key is used", 5 * time.Minute, []*Key{key}, nil, time.Second, 1, 7, ""},
			{"the late answer counts", time.Second, nil, nil, 0, 1, 7, ""},
			{"hanging", 5 * time.Minute, nil, nil, time.Hour, 1, 8, ""},
			{"removed", 2*time.Second + 5*time.Second, nil, nil, 0, 0, 9, ""},
		}
		for _, s := range steps {
			time.Sleep(s.wait)
			mu.Lock()
			answer, failure, takes = s.answer, s.failure, s.takes
			mu.Unlock()
			got, err := c.Keys(t.Context(), "example.org")
			mu.Lock()
			count := asked
			mu.Unlock()
			text := ""
			if err != nil {
				text = err.Error()
			}
			if len(got) != s.keys || count != s.asked || text != s.err {
				t.Fatalf("%s: %d keys, asked %d times, error %q; want %d, %d, %q", s.name, len(got), count, text, s.keys, s.asked, s.err)
			}
		}
	})
}

// TestCacheDown: a source that is down is not asked for each further name.
func TestCacheDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := NewCache(remote, func(ctx context.Context, _ string, _ []*Key) ([]*Key, error) {
			asked++
			<-ctx.Done()
			return nil, ctx.Err()
		})
		began := time.Now()
		for i := range 100 {
			if got, err := c.Keys(t.Context(), fmt.Sprint(i)); len(got) > 0 || err == nil {
				t.Fatalf("%d keys, %v", len(got), err)
			}
		}
		if took := time.Since(began); asked != 1 || took != 2*time.Second {
			t.Errorf("asked %d times in %s", asked, took)
		}
	})
}

// TestCacheFlights: one name is asked for once, a hanging one delays no other, and a
// caller that gives up stops nothing.
func TestCacheFlights(t *testing.T) {
	t.Parallel()
	key, err := NewKey("example.org", "s1", "", edKey())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		o := files
		o.Parallel = 2
		c := NewCache(o, func(ctx context.Context, name string, _ []*Key) ([]*Key, error) {
			asked.Add(1)
			if name == "hangs" {
				time.Sleep(time.Minute)
			}
			return []*Key{key}, nil
		})
		results := make(chan error, 100)
		for range 100 {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_, err := c.Keys(ctx, "hangs")
				results <- err
			}()
		}
		synctest.Wait()
		if got, err := c.Keys(t.Context(), "works"); len(got) != 1 || err != nil {
			t.Fatalf("%d keys, %v", len(got), err)
		}
		for range 100 {
			if err := <-results; !errors.Is(err, errLate) {
				t.Fatal(err)
			}
		}
		if n := asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		time.Sleep(time.Minute)
		if got, err := c.Keys(t.Context(), "hangs"); len(got) != 1 || err != nil || asked.Load() != 2 {
			t.Errorf("afterwards %d keys, %v, asked %d times", len(got), err, asked.Load())
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	key, err := NewKey("example.org", "s1", "", edKey())
	if err != nil {
		t.Fatal(err)
	}
	c := NewCache(files, func(_ context.Context, name string, _ []*Key) ([]*Key, error) {
		if name[0] == 'k' {
			return []*Key{key, key}, nil
		}
		return nil, nil
	})
	for i := range maxMissing + 100 {
		for _, kind := range []string{"k", "m"} {
			if _, err := c.Keys(t.Context(), fmt.Sprint(kind, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.keys > maxCachedKeys || c.found.Len() != maxCachedKeys/2 || c.missing.Len() != maxMissing || len(c.entries) != c.found.Len()+c.missing.Len() {
		t.Errorf("%d keys, %d and %d entries, %d by name", c.keys, c.found.Len(), c.missing.Len(), len(c.entries))
	}
}

// TestPanic: a source that panics fails, and the keys that it gave before stay.
func TestPanic(t *testing.T) {
	t.Parallel()
	key, err := NewKey("example.org", "s1", "", edKey())
	if err != nil {
		t.Fatal(err)
	}
	var bad atomic.Bool
	c := NewCache(CacheOptions{Timeout: time.Minute, Patience: time.Minute}, func(_ context.Context, name string, _ []*Key) ([]*Key, error) {
		if bad.Load() {
			panic("with a secret")
		}
		return []*Key{key}, nil
	})
	for _, name := range []string{"example.org", "example.net"} {
		known := name == "example.org"
		if known {
			if keys, err := c.Keys(t.Context(), name); len(keys) != 1 || err != nil {
				t.Fatalf("%v, %v", keys, err)
			}
			bad.Store(true)
		}
		keys, err := c.Keys(t.Context(), name)
		if err == nil || err.Error() != "an internal error in the source of keys" || (len(keys) > 0) != known {
			t.Errorf("%s: %v, %v", name, keys, err)
		}
	}
}
