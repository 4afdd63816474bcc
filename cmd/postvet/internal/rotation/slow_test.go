package rotation

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/servers"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/states"
	"github.com/postvet/postvet/cmd/postvet/internal/publication"
)

// slowPublisher takes as long as a provider of DNS may, unless it is stopped.
type slowPublisher struct{ stopped error }

func (p *slowPublisher) String() string { return "slow" }

func (p *slowPublisher) Publish(ctx context.Context, _ publication.Change) error {
	select {
	case <-time.After(50 * time.Minute):
	case <-ctx.Done():
		p.stopped = ctx.Err()
	}
	return p.stopped
}

// TestSlowPublisher: a program has the time of sign.publish_timeout, up to an hour, and not
// that of a question to name servers.
func TestSlowPublisher(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "keys")
	key, err := keys.Create(dir, "example.org", "s1", "rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		known, err := states.Open("")
		if err != nil {
			t.Fatal(err)
		}
		known.Found(states.ID(key.Fingerprint(), key.Name()), key.Name(), key.Type())
		p := &slowPublisher{}
		k := New(Options{States: known, Dir: dir, Strict: true, Publisher: p, Plan: Plan{Publishes: true}, Ask: func(_ context.Context, name string) (*servers.View, error) {
			return &servers.View{Name: name, Answers: []servers.Answer{{Server: "ns"}}}, nil
		}})
		defer k.Close()
		began := time.Now()
		k.Step(t.Context())
		if took := time.Since(began); took != 50*time.Minute || p.stopped != nil {
			t.Errorf("it was stopped after %v: %v", took, p.stopped)
		}
	})
}
