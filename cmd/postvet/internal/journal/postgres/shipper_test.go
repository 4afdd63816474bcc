package postgres

import (
	"testing"

	"github.com/postvet/postvet/contrib/keyservers"
)

// TestServer has the tests that share a server, each with a database of its own.
func TestServer(t *testing.T) {
	t.Parallel()
	s := keyservers.PostgreSQL(t, "secret")
	t.Run("ship", func(t *testing.T) {
		d := newDatabase(t, s, "ship")
		n := newNode(t, "mx1", d, nil)
		n.add(5000)
		n.sent(t, d)
		n.add(10)
		n.sent(t, d)
	})
}
