package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Settings say who may see the pages of a listener.
type Settings struct {
	// Unix means that the listener is a unix socket. Without accounts and a proxy's user,
	// its rights are those of admins. TLS means that the listener speaks TLS.
	Unix, TLS bool
	// Base is the path below which the pages are, "" for the root.
	Base     string
	Accounts []Account
	Proxy    Proxy
}

// Authenticator is the gate of a listener. It is safe for concurrent use.
type Authenticator struct {
	current  atomic.Pointer[current]
	sessions sessions
	failures failures
	hashing  *hashing
}

// current are the settings, and what is made of them.
type current struct {
	Settings
	accounts map[string]Account
	// nobody is the hash for users who do not exist.
	nobody []byte
}

// New returns the gate of a listener.
func New(s Settings) *Authenticator {
	a := &Authenticator{hashing: newHashing()}
	a.Change(s)
	return a
}

// Change replaces the settings. It ends the sessions of accounts that are gone, or have
// another password.
func (a *Authenticator) Change(s Settings) {
	c := &current{Settings: s, accounts: map[string]Account{}}
	cost := MinCost
	for _, account := range s.Accounts {
		c.accounts[account.Name] = account
		cost = max(cost, account.Cost())
	}
	c.nobody = noHash(cost)
	a.current.Store(c)
}

// Identify implements Gate.
func (a *Authenticator) Identify(r *http.Request) (User, error) {
	s := a.current.Load()
	u := User{Address: s.client(r)}
	name, role, known, err := s.proxied(r)
	switch {
	case err != nil:
		return u, err
	case known:
		u.Name, u.Role = name, role
		return u, nil
	case len(s.accounts) > 0:
		x, id, ok := a.sessions.of(r, time.Now())
		account, stays := s.accounts[x.name]
		if !ok || !stays || x.hash != string(account.Hash) {
			return u, ErrLogin
		}
		u.Name, u.Role, u.Session = x.name, account.Role, id
		return u, nil
	case s.Proxy.User != "" && s.believes(r):
		return u, fmt.Errorf("the proxy does not say in %s who the user is; it must set this field once somebody has logged in there, and this address is for the proxy alone", s.Proxy.User)
	case s.Proxy.User != "":
		return u, fmt.Errorf("only a proxy that web.proxy names may ask for pages, and users log in there")
	case s.Unix && !ofThisMachine(r.Host):
		return u, fmt.Errorf("the request is for the host %.100q, and this page is for localhost alone, so that no site can have a browser read it; open it as http://localhost, or have a proxy say who a user is: web.proxy and web.user_header", r.Host)
	case s.Unix:
		u.Role = Admin
		return u, nil
	}
	return u, errors.New("nobody may see the pages here; set web.users or web.proxy, or restart the service if you changed web.listen")
}

// Logins is a Gate whose users log in on a page.
type Logins interface {
	Gate
	// Offered reports whether there are users who can.
	Offered() bool
	// LogIn begins a session. The cookie is for the browser. The user of an error has only
	// an address. An error is ErrCredentials, or a *TooMany.
	LogIn(ctx context.Context, r *http.Request, name, password string) (User, *http.Cookie, error)
	// LogOut ends the session of a request.
	LogOut(r *http.Request) *http.Cookie
}

// ErrCredentials means that a user does not exist, or has another password.
var ErrCredentials = errors.New("the name or the password is wrong")

// TooMany means that too many log-ins failed, or are under way.
type TooMany struct {
	// Wait is how long to wait.
	Wait time.Duration
}

func (*TooMany) Error() string { return "too many log-ins" }

// loginTime is how long a log-in that fails takes at least. If it takes longer, it takes whole
// multiples, so that the time tells nothing about the reason.
const loginTime = time.Second

// Offered implements Logins.
func (a *Authenticator) Offered() bool { return len(a.current.Load().accounts) > 0 }

// LogIn implements Logins.
func (a *Authenticator) LogIn(ctx context.Context, r *http.Request, name, password string) (User, *http.Cookie, error) {
	began := time.Now()
	s := a.current.Load()
	u := User{Address: s.client(r)}
	host := hostOf(u.Address)
	counted := name[:min(len(name), maxName+1)]
	leave, err := a.hashing.enter(host)
	if err != nil {
		return u, nil, &TooMany{loginTime}
	}
	defer leave()
	if wait := a.failures.try(host, counted, began); wait > 0 {
		return u, nil, &TooMany{wait}
	}
	account, known := s.accounts[name]
	hash := s.nobody
	if known {
		hash = account.Hash
	}
	fits, err := a.hashing.fits(ctx, hash, password)
	if err != nil {
		a.failures.forget(host, counted) // it was not tried
		return u, nil, &TooMany{loginTime}
	}
	if !known || !fits {
		took := time.Since(began)
		sleep(ctx, took.Truncate(loginTime)+loginTime-took)
		return u, nil, ErrCredentials
	}
	a.failures.forget(host, counted)
	a.hashing.succeeded(host)
	u.Name, u.Role = account.Name, account.Role
	return u, s.cookie(r, a.sessions.begin(account, time.Now()), int(sessionTime/time.Second)), nil
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// LogOut implements Logins.
func (a *Authenticator) LogOut(r *http.Request) *http.Cookie {
	a.sessions.end(r)
	return a.current.Load().cookie(r, "", -1)
}

// cookie returns the cookie of a session.
func (s *Settings) cookie(r *http.Request, token string, age int) *http.Cookie {
	path := s.Base
	if path == "" {
		path = "/"
	}
	return &http.Cookie{Name: sessionCookie, Value: token, Path: path, MaxAge: age, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteStrictMode}
}
