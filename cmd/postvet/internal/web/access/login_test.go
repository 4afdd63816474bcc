package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logIn logs in, and returns the cookie.
func logIn(t *testing.T, a *Authenticator, remote, name, password string) (*http.Cookie, error) {
	t.Helper()
	_, c, err := a.LogIn(t.Context(), request(remote, nil), name, password)
	return c, err
}

// as returns who a request with a cookie comes from.
func as(a *Authenticator, c *http.Cookie) (User, error) {
	r := request("192.0.2.1:1", nil)
	r.AddCookie(c)
	return a.Identify(r)
}

func TestLogIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ann, bob := account(t, "ann", Admin), account(t, "bob", Viewer)
		a := New(Settings{Accounts: []Account{ann, bob}, Base: "/postvet", TLS: true})
		c, err := logIn(t, a, "192.0.2.1:1", "ann", "ann")
		if err != nil {
			t.Fatal(err)
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/postvet" || c.MaxAge != 12*3600 || len(c.Value) != 43 {
			t.Errorf("the cookie is %s", c)
		}
		u, err := as(a, c)
		if err != nil || u.Name != "ann" || u.Role != Admin || u.Session == "" || strings.Contains(c.Value, u.Session) {
			t.Fatalf("%+v, %v", u, err)
		}
		if again, _ := logIn(t, a, "192.0.2.1:1", "ann", "ann"); again.Value == c.Value {
			t.Error("two sessions have one token")
		}
		if _, err := as(a, &http.Cookie{Name: sessionCookie, Value: u.Session}); !errors.Is(err, ErrLogin) {
			t.Errorf("the name of the session logs in: %v", err)
		}

		// A reload takes effect at once.
		ann.Role = Support
		a.Change(Settings{Accounts: []Account{ann, bob}})
		if u, err := as(a, c); err != nil || u.Role != Support {
			t.Errorf("with another role: %+v, %v", u, err)
		}
		other := account(t, "other", Admin)
		a.Change(Settings{Accounts: []Account{{"ann", other.Hash, Admin}, bob}})
		if _, err := as(a, c); !errors.Is(err, ErrLogin) {
			t.Errorf("with another password: %v", err)
		}
		a.Change(Settings{Accounts: []Account{ann, bob}})

		// A session ends.
		time.Sleep(12*time.Hour - time.Second)
		if _, err := as(a, c); err != nil {
			t.Errorf("before 12 hours: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := as(a, c); !errors.Is(err, ErrLogin) {
			t.Errorf("after 12 hours: %v", err)
		}
		c, err = logIn(t, a, "192.0.2.1:1", "bob", "bob")
		if err != nil || c.Secure || c.Path != "/" {
			t.Fatalf("%v, %v", c, err)
		}
		r := request("192.0.2.1:1", nil)
		r.AddCookie(c)
		if gone := a.LogOut(r); gone.MaxAge >= 0 || gone.Value != "" || gone.Path != c.Path {
			t.Errorf("the cookie of a log-out is %s", gone)
		}
		if _, err := as(a, c); !errors.Is(err, ErrLogin) {
			t.Errorf("after the log-out: %v", err)
		}
	})
}

// TestSessionsBounded: the oldest sessions of a user end, and then the oldest of all.
func TestSessionsBounded(t *testing.T) {
	t.Parallel()
	var s sessions
	now := time.Unix(1_800_000_000, 0)
	var tokens []string
	alive := func(token string) bool {
		r := request("", nil)
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: token})
		_, _, ok := s.of(r, now)
		return ok
	}
	for range maxSessionsOfUser + 2 {
		now = now.Add(time.Second)
		tokens = append(tokens, s.begin(Account{Name: "ann"}, now))
	}
	for i, token := range tokens {
		if alive(token) != (i >= 2) {
			t.Errorf("session %d of ann: %v", i, alive(token))
		}
	}
	for i := range maxSessions {
		now = now.Add(time.Millisecond)
		s.begin(Account{Name: fmt.Sprint(i)}, now)
	}
	if len(s.all) != maxSessions || alive(tokens[maxSessionsOfUser+1]) {
		t.Errorf("%d sessions, the oldest lives: %v", len(s.all), alive(tokens[maxSessionsOfUser+1]))
	}
	now = now.Add(sessionTime)
	s.begin(Account{Name: "ann"}, now)
	if len(s.all) != 1 {
		t.Errorf("%d sessions after their time", len(s.all))
	}
}

// TestFailures: failures cost time, are bounded for a network, and lock nobody out elsewhere.
func TestFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(Settings{Accounts: []Account{account(t, "ann", Admin)}})
		fail := func(remote, name, password string) (took time.Duration, err error) {
			began := time.Now()
			_, err = logIn(t, a, remote, name, password)
			return time.Since(began), err
		}
		var many *TooMany
		for i := range maxFailuresOfHost {
			took, err := fail(fmt.Sprintf("[2001:db8::%x]:1", i), []string{"ann", "none", "ann ", ""}[i%4], "wrong")
			if !errors.Is(err, ErrCredentials) || took != loginTime {
				t.Errorf("failure %d: %v after %s", i, err, took)
			}
		}
		if _, err := fail("[2001:db8::ffff]:1", "ann", "ann"); !errors.As(err, &many) || many.Wait <= 9*time.Minute || many.Wait > failureTime {
			t.Errorf("after the last failure: %v", err)
		}
		if _, err := fail("[2001:db8:0:1::1]:1", "ann", "ann"); err != nil {
			t.Errorf("the next network: %v", err)
		}
		time.Sleep(failureTime)
		if _, err := fail("[2001:db8::ffff]:1", "ann", "ann"); err != nil {
			t.Errorf("after a while: %v", err)
		}

		// Many networks try one user. Each tries once more, and the user still gets in from another.
		for i := range maxFailuresOfUser {
			if _, err := fail(fmt.Sprintf("198.51.100.%d:1", i/3), "ann", "wrong"); !errors.Is(err, ErrCredentials) {
				t.Fatalf("failure %d: %v", i, err)
			}
		}
		if _, err := fail("198.51.100.0:1", "ann", "ann"); !errors.As(err, &many) {
			t.Errorf("one of the networks: %v", err)
		}
		if _, err := fail("203.0.113.1:1", "ann", "wrong"); !errors.Is(err, ErrCredentials) {
			t.Errorf("a new network: %v", err)
		}
		if _, err := fail("203.0.113.1:1", "ann", "wrong"); !errors.As(err, &many) {
			t.Errorf("a new network, again: %v", err)
		}
		if _, err := fail("203.0.113.2:1", "ann", "ann"); err != nil {
			t.Errorf("ann from elsewhere: %v", err)
		}
		if _, err := fail("203.0.113.1:1", "bob", "wrong"); !errors.Is(err, ErrCredentials) {
			t.Errorf("another user: %v", err)
		}
		if _, err := fail("203.0.113.3:1", "ann", "ann"+strings.Repeat("x", MaxPassword)); !errors.Is(err, ErrCredentials) {
			t.Errorf("a long password: %v", err)
		}
	})
}

// TestLogInsAtOnce: few log-ins wait, and few of one network.
func TestLogInsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(Settings{Accounts: []Account{account(t, "ann", Admin)}})
		a.hashing.turn <- struct{}{} // a password is being compared
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		refused, ended := 0, make(chan error, 100)
		for i := range 20 {
			go func() {
				_, _, err := a.LogIn(ctx, request(fmt.Sprintf("192.0.2.%d:1", i/4), nil), "ann", "ann")
				ended <- err
			}()
		}
		synctest.Wait()
		for len(ended) > 0 {
			if err := <-ended; !errors.As(err, new(*TooMany)) {
				t.Errorf("refused with %v", err)
			}
			refused++
		}
		if refused != 20-maxLogins {
			t.Errorf("%d are refused", refused)
		}
		for host, n := range a.hashing.of {
			if n > maxLoginsOfHost {
				t.Errorf("%d wait from %s", n, host)
			}
		}
		<-a.hashing.turn
		for range maxLogins {
			if err := <-ended; err != nil {
				t.Errorf("after waiting: %v", err)
			}
		}
		a.hashing.turn <- struct{}{}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := a.LogIn(short, request("192.0.2.1:1", nil), "ann", "ann"); !errors.As(err, new(*TooMany)) {
			t.Errorf("without a turn: %v", err)
		}
		<-a.hashing.turn
		if a.hashing.all != 0 || len(a.hashing.of) != 0 || len(a.failures.all) != 0 {
			t.Errorf("left: %d, %v, %v", a.hashing.all, a.hashing.of, a.failures.all)
		}
	})
}

// TestLogInFlood: strangers who log in without end from very many networks keep nobody out who
// was in before, and those of one site do not even keep out others.
func TestLogInFlood(t *testing.T) {
	t.Parallel()
	h := newHashing()
	h.succeeded("203.0.113.1")
	var leave []func()
	enter := func(address string) bool {
		end, err := h.enter(hostOf(address))
		if err == nil {
			leave = append(leave, end)
		}
		return err == nil
	}
	n := 0
	for i := range 50 {
		if enter(fmt.Sprintf("2001:db8:1:%x::1", i)) {
			n++
		}
	}
	if n != maxLoginsOfSite || !enter("203.0.113.2") {
		t.Errorf("%d of one site keep out others", n)
	}
	for i := range 50 {
		if enter(fmt.Sprintf("2001:db8:%x::1", 2+i)) {
			n++
		}
	}
	if n != maxLogins-1 || enter("203.0.113.3") {
		t.Errorf("%d of very many sites, and one more, wait", n)
	}
	for i := range maxLoginsOfHost + 1 {
		if enter("203.0.113.1") != (i < 2) {
			t.Errorf("log-in %d from where one succeeded", i)
		}
	}
	for _, end := range leave {
		end()
	}
	if h.all != 0 || len(h.of) != 0 {
		t.Errorf("left: %d, %v", h.all, h.of)
	}
	for i := range 2 * maxKnown {
		h.succeeded(fmt.Sprint(i))
	}
	if len(h.known) != maxKnown {
		t.Errorf("%d networks are known", len(h.known))
	}
}

// TestFailuresBounded: many names and networks take no more memory than there is room for.
func TestFailuresBounded(t *testing.T) {
	t.Parallel()
	var f failures
	now := time.Unix(1_800_000_000, 0)
	for i := range maxFailures {
		f.try(fmt.Sprint("h", i), fmt.Sprint("u", i), now)
	}
	if len(f.all) != maxFailures {
		t.Errorf("%d failures", len(f.all))
	}
	f.try("x", "y", now.Add(failureTime))
	if len(f.all) >= maxFailures {
		t.Errorf("%d failures after their time", len(f.all))
	}
}

// TestNoHash: the hash of users who do not exist takes the time of one, and no password fits.
func TestNoHash(t *testing.T) {
	t.Parallel()
	h := newHashing()
	for _, password := range []string{"", "x"} {
		if fits, err := h.fits(t.Context(), noHash(4), password); fits || err != nil {
			t.Errorf("%q: %v, %v", password, fits, err)
		}
	}
	if (Account{Hash: noHash(12)}).Cost() != 12 {
		t.Error("another cost")
	}
}
