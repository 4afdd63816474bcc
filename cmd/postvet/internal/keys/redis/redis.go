// Package redis asks a Redis or Valkey server for keys as Rspamd stores them: one hash
// has the selectors by domain, another the keys by SELECTOR.DOMAIN.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
)

// Options say where the server is and what the keys are called there.
type Options struct {
	// Address is "unix:/path", "host:port", or "tls://host:port".
	Address string
	// CAFile has the certificates that sign the server's, "" for those of the system.
	CAFile string
	// Username and PasswordFile are the login; the file is read at each connection.
	Username, PasswordFile string
	Database               int
	// Keys and Selectors are the names of the hashes; Selectors may be "". Selector is
	// that of domains which the hash lacks.
	Keys, Selectors, Selector string
}

// Server is the server. It connects when it is first asked.
type Server struct {
	opt Options

	mu     sync.Mutex
	client valkey.Client
	closed bool
}

// timeout bounds a connection attempt and an answer.
const timeout = 2 * time.Second

// New returns the server.
func New(o Options) *Server { return &Server{opt: o} }

// Close ends the connections.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.client != nil {
		s.client.Close()
	}
}

// Ask returns the key of a domain. The error holds nothing of the password or the key.
func (s *Server) Ask(ctx context.Context, domain string) ([]stored.Key, error) {
	client, err := s.connect()
	if err != nil {
		return nil, err
	}
	selector := s.opt.Selector
	if s.opt.Selectors != "" {
		found, err := client.Do(ctx, client.B().Hget().Key(s.opt.Selectors).Field(domain).Build()).ToString()
		switch {
		case err == nil:
			selector = found
		case !valkey.IsValkeyNil(err):
			return nil, s.fault(err)
		}
	}
	text, err := client.Do(ctx, client.B().Hget().Key(s.opt.Keys).Field(selector+"."+domain).Build()).ToString()
	switch {
	case valkey.IsValkeyNil(err):
		return nil, nil
	case err != nil:
		return nil, s.fault(err)
	case len(text) > stored.MaxText:
		return nil, fmt.Errorf("the key of %s is longer than %d octets", domain, stored.MaxText)
	}
	return []stored.Key{{Domain: domain, Selector: selector, Text: text, Origin: s.opt.Address + " " + s.opt.Keys}}, nil
}

// connect returns the connections, which mend themselves.
func (s *Server) connect() (valkey.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil || s.closed {
		if s.closed {
			return nil, errors.New("closed")
		}
		return s.client, nil
	}
	o := valkey.ClientOption{
		Username: s.opt.Username, SelectDB: s.opt.Database, ClientName: "postvet",
		Dialer: net.Dialer{Timeout: timeout}, ConnWriteTimeout: timeout,
		ForceSingleClient: true, DisableCache: true, DisableRetry: true, PipelineMultiplex: -1,
	}
	network, address := "tcp", s.opt.Address
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	if plain, ok := strings.CutPrefix(address, "tls://"); ok {
		host, _, err := net.SplitHostPort(plain)
		if err != nil {
			return nil, err
		}
		if o.TLSConfig, err = stored.TLS(host, s.opt.CAFile); err != nil {
			return nil, err
		}
		address = plain
	}
	o.InitAddress = []string{address}
	o.DialCtxFn = func(ctx context.Context, at string, d *net.Dialer, c *tls.Config) (net.Conn, error) {
		dial := d.DialContext
		if c != nil {
			dial = (&tls.Dialer{NetDialer: d, Config: c}).DialContext
		}
		conn, err := dial(ctx, network, at)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn}, nil
	}
	o.AuthCredentialsFn = func(valkey.AuthCredentialsContext) (valkey.AuthCredentials, error) {
		password, err := stored.Secret(s.opt.PasswordFile)
		return valkey.AuthCredentials{Username: s.opt.Username, Password: password}, err
	}
	client, err := valkey.NewClient(o)
	if err != nil {
		return nil, s.fault(err)
	}
	s.client = client
	return client, nil
}

// fault returns an error without what the server says of a login.
func (s *Server) fault(err error) error {
	if e, ok := valkey.IsValkeyErr(err); ok {
		word, _, _ := strings.Cut(e.Error(), " ")
		return fmt.Errorf("%s refuses: %s", s.opt.Address, word)
	}
	return fmt.Errorf("%s: %w", s.opt.Address, err)
}
