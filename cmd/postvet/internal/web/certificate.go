package web

import (
	"crypto/tls"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// certificateAge is how long a certificate is used before its files are looked at again.
const certificateAge = 10 * time.Second

// Certificate is what the page speaks TLS with. It follows its files.
type Certificate struct {
	chain, key string
	log        *zap.Logger

	mu      sync.Mutex
	looked  time.Time
	changed [2]time.Time // when the files were
	current *tls.Certificate
}

// NewCertificate returns the certificate in two files in PEM.
func NewCertificate(chain, key string, log *zap.Logger) (*Certificate, error) {
	c := &Certificate{chain: chain, key: key, log: log, looked: time.Now()}
	return c, c.load()
}

// load reads the files, unless they are those that were read before.
func (c *Certificate) load() error {
	var changed [2]time.Time
	for i, name := range [...]string{c.chain, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		changed[i] = info.ModTime()
	}
	if c.current != nil && changed == c.changed {
		return nil
	}
	current, err := tls.LoadX509KeyPair(c.chain, c.key)
	if err != nil {
		return err
	}
	c.current, c.changed = &current, changed
	return nil
}

// get returns the certificate for a connection. If the files cannot be read, it is the one
// before.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= certificateAge || now.Before(c.looked) {
		c.looked = now
		if err := c.load(); err != nil {
			c.log.Warn("the certificate of the web page could not be read again, the one before is used", zap.Error(err))
		}
	}
	return c.current, nil
}
