// Package vault asks Vault or OpenBao for keys as Rspamd stores them: a secret for each
// domain in a KV engine.
package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/stored"
	"github.com/postvet/postvet/policy/message"
)

// Options say where the secrets are.
type Options struct {
	// URL is the server without a path.
	URL string
	// CAFile has the certificates that sign the server's, "" for those of the system.
	CAFile string
	// Path is that of the secrets below /v1, and KV the version of the engine, 1 or 2.
	Path string
	KV   int
	// TokenFile has the token. It is read at each question, as agents renew it.
	TokenFile string
	Namespace string
}

// Server is the server.
type Server struct {
	opt Options

	mu     sync.Mutex
	client *http.Client
}

const (
	timeout   = 2 * time.Second
	maxAnswer = 1 << 20 // octets
)

// New returns the server.
func New(o Options) *Server { return &Server{opt: o} }

// Close ends the connections.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
}

// answer is what Vault says of a secret. Version 2 has Data in Data.
type answer struct {
	Data struct {
		secret
		Data secret `json:"data"`
	} `json:"data"`
}

type secret struct {
	Selectors []struct {
		Selector string  `json:"selector"`
		Domain   string  `json:"domain"`
		Key      string  `json:"key"`
		From     float64 `json:"valid_start"`
		Until    float64 `json:"valid_end"`
	} `json:"selectors"`
}

// Ask returns the keys of a domain in the order of the secret. The error holds nothing of
// the token or a key.
func (s *Server) Ask(ctx context.Context, domain string) ([]stored.Key, error) {
	client, err := s.connect()
	if err != nil {
		return nil, err
	}
	token, err := stored.Secret(s.opt.TokenFile)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(domain), http.NoBody)
	if err != nil {
		return nil, errors.New("the address of the secret is no URL")
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Request", "true")
	if s.opt.Namespace != "" {
		r.Header.Set("X-Vault-Namespace", s.opt.Namespace)
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, fault(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fault(err)
	case response.StatusCode == http.StatusNotFound:
		return nil, nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %d %s", s.opt.URL, response.StatusCode, http.StatusText(response.StatusCode))
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("%s answers with more than %d octets", s.opt.URL, maxAnswer)
	}
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("%s answers with no secret", s.opt.URL)
	}
	found := a.Data.secret
	if s.opt.KV == 2 {
		found = a.Data.Data
	}
	return s.keys(domain, found)
}

func (s *Server) keys(domain string, found secret) ([]stored.Key, error) {
	var list []stored.Key
	for _, one := range found.Selectors {
		k := stored.Key{Domain: domain, Selector: one.Selector, Text: one.Key, Origin: s.opt.URL}
		if one.Domain != "" {
			d, ok := message.NormalizeDomain(one.Domain)
			// A secret speaks for its own domain and its parents, not for strangers.
			if !ok || !strings.HasSuffix("."+domain, "."+d) {
				return nil, fmt.Errorf("the secret of %s has a key of another domain", domain)
			}
			k.Domain = d
		}
		k.From, k.Until = at(one.From), at(one.Until)
		switch {
		case len(k.Text) > stored.MaxText:
			return nil, fmt.Errorf("a key of %s is longer than %d octets", domain, stored.MaxText)
		case len(list) == stored.MaxKeys:
			return nil, fmt.Errorf("%s has more than %d keys", domain, stored.MaxKeys)
		}
		list = append(list, k)
	}
	return list, nil
}

// at returns the time of a number of seconds, zero for 0.
func at(seconds float64) time.Time {
	if seconds <= 0 || seconds > 1e12 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// url returns where the secret of a domain is. Version 2 has "data" behind its mount.
func (s *Server) url(domain string) string {
	path := s.opt.Path
	if s.opt.KV == 2 {
		mount, rest, _ := strings.Cut(path, "/")
		path = mount + "/data"
		if rest != "" {
			path += "/" + rest
		}
	}
	return s.opt.URL + "/v1/" + path + "/" + url.PathEscape(domain)
}

// connect returns the client. It follows no redirection: the token must not go to another
// server than the one that is named.
func (s *Server) connect() (*http.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		return s.client, nil
	}
	u, err := url.Parse(s.opt.URL)
	if err != nil {
		return nil, errors.New("the address of the server is no URL")
	}
	c, err := stored.TLS(u.Hostname(), s.opt.CAFile)
	if err != nil {
		return nil, err
	}
	s.client = &http.Client{
		Timeout:       timeout,
		Transport:     &http.Transport{TLSClientConfig: c, MaxConnsPerHost: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: timeout, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s.client, nil
}

// fault returns the cause of an error of the client.
func fault(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("%s: %w", u.URL, u.Err)
	}
	return err
}
