package rotation

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
	"github.com/postvet/postvet/dnscache/dnstest"
)

// site is a directory of keys and two real name servers, of which the second one lags behind
// the first.
type site struct {
	t       *testing.T
	dir     string
	source  *keys.Source
	servers [2]*dnstest.Server
	lag     time.Duration

	mu      sync.Mutex
	records map[string]string // on the first server
	fails   error             // of each change
	changes []string
}

const soa = "example.org. 1 IN SOA ns.example.org. h.example.org. 1 60 60 60 1\n"

func newSite(t *testing.T) *site {
	t.Helper()
	base := t.TempDir()
	s := &site{t: t, dir: filepath.Join(base, "keys"), records: map[string]string{}}
	for i := range s.servers {
		var err error
		if s.servers[i], err = dnstest.NewServer(soa); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.servers[i].Close() })
	}
	if err := os.Mkdir(s.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	s.source = s.open()
	return s
}

// open opens the keys as another process does.
func (s *site) open() *keys.Source {
	s.t.Helper()
	source, err := keys.Open(keys.Options{Dir: s.dir, State: filepath.Join(filepath.Dir(s.dir), "keys.json"), Strict: true, Ed25519: true})
	if err != nil {
		s.t.Fatal(err)
	}
	return source
}

func (s *site) String() string { return "test" }

// Publish changes the first server at once, and the second one later.
func (s *site) Publish(_ context.Context, c publication.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if old := s.records[c.Name]; old != "" && !c.Ours(old) && old != c.Value {
		return errors.New("not ours")
	}
	s.changes = append(s.changes, describe(c))
	s.set(c.Name, c.Value)
	return nil
}

// put makes a record, "" for none, at both servers.
func (s *site) put(name, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(name, text)
}

func (s *site) set(name, text string) {
	if s.records[name] = text; text == "" {
		delete(s.records, name)
	}
	var zone strings.Builder
	zone.WriteString(soa)
	for n, text := range s.records {
		zone.WriteString(strings.Replace(dnstest.TXT(n, text), ". TXT", ". 1 IN TXT", 1))
	}
	if err := s.servers[0].SetZone(zone.String()); err != nil {
		s.t.Error(err)
	}
	text = zone.String()
	if s.lag == 0 {
		_ = s.servers[1].SetZone(text)
		return
	}
	time.AfterFunc(s.lag, func() { _ = s.servers[1].SetZone(text) })
}

func (s *site) options(o Options) Options {
	asked := &servers.Servers{Only: []string{s.servers[0].Addr(), s.servers[1].Addr()}}
	o.Dir, o.Strict, o.Ask = s.dir, true, asked.Ask
	if o.States == nil {
		o.States, o.Made = s.source.States(), s.source.Renew
	}
	return o
}

func (s *site) keeper(o Options) *Keeper {
	k := New(s.options(o))
	s.t.Cleanup(k.Close)
	return k
}

func (s *site) create(selector, kind string) *keys.Key {
	s.t.Helper()
	k, err := keys.Create(s.dir, "example.org", selector, kind)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

// lives returns the states by selector.
func (s *site) lives(from *states.States) map[string]string {
	list := map[string]string{}
	from.Each(func(_ string, k states.Key) { list[k.Selector()] = string(k.Now()) })
	return list
}
