//go:build linux

package keyservers

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// DSN returns the DSN of a database of PostgreSQL, by way of the socket.
func (s *Server) DSN(name string) string {
	return "host=" + s.Socket + " port=" + s.port() + " user=postgres dbname=" + name
}

// NetworkDSN returns the DSN of a database of PostgreSQL, by way of the network, where the server
// asks for the password.
func (s *Server) NetworkDSN(name string) string {
	return "postgres://postgres:" + s.password + "@" + s.Address + "/" + name
}

// DialSocket connects to PostgreSQL by way of the socket.
func (s *Server) DialSocket() (net.Conn, error) {
	return net.DialTimeout("unix", filepath.Join(s.Socket, ".s.PGSQL."+s.port()), time.Minute)
}

// NewDatabase creates an empty database of PostgreSQL and returns its DSN.
func (s *Server) NewDatabase(t testing.TB, name string) string {
	t.Helper()
	createdb := command(t.Context(), find(t, "usr/lib/postgresql/*/bin/createdb"), "-h", s.Socket, "-p", s.port(), "-U", "postgres", "-T", "template0", "-E", "UTF8", name)
	if out, err := createdb.CombinedOutput(); err != nil {
		t.Fatalf("createdb: %v\n%s", err, out)
	}
	return s.DSN(name)
}

func (s *Server) port() string {
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		panic(err) // it is no server of PostgreSQL
	}
	return port
}
