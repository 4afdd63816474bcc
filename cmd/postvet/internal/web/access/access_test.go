package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"
)

// account returns an account whose password is its name, cheaply hashed.
func account(t *testing.T, name string, role Role) Account {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(name), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return Account{name, hash, role}
}

func request(remote string, header map[string]string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr, r.Host = remote, "localhost:8895"
	for name, values := range header {
		for value := range strings.SplitSeq(values, "|") {
			r.Header.Add(name, value)
		}
	}
	return r
}

func TestParseAccount(t *testing.T) {
	t.Parallel()
	hash, err := Hash([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	h := string(hash)
	for s, want := range map[string]string{
		"ann:" + h + ":admin":                         "",
		"ann@example.org:" + h + ":viewer":            "",
		"jörg:$2y$" + h[4:] + ":support":              "",
		"ann":                                         "has 1 parts",
		"ann:" + h:                                    "has 2 parts",
		"ann:" + h + ":admin:x":                       "has 4 parts",
		":" + h + ":admin":                            "has no name",
		"a b:" + h + ":admin":                         "has a name with a blank",
		"a\x1b:" + h + ":admin":                       "has a name with a blank",
		strings.Repeat("a", 65) + ":" + h + ":admin":  "more than 64 octets",
		"ann:secret:admin":                            "no hash by bcrypt",
		"ann::admin":                                  "no hash by bcrypt",
		"ann:$6$rounds=5000$abc$" + h[:40] + ":admin": "no hash by bcrypt",
		"ann:" + h[:59] + ":admin":                    "no hash by bcrypt",
		"ann:" + h[:59] + "!:admin":                   "no hash by bcrypt",
		"ann:$2a$15" + h[6:] + ":admin":               "cost 15",
		"ann:" + h + ":root":                          `role "root" is not known`,
		"ann:" + h + ":nobody":                        `role "nobody" is not known`,
		"ann:" + h + ":":                              `role "" is not known`,
		"ann:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=" + ":" + "viewer": "no hash by bcrypt",
	} {
		a, problem, remedy := ParseAccount(s)
		if (want == "") != (problem == "") || !strings.Contains(problem, want) || (problem == "") != (remedy == "") {
			t.Errorf("%q: %q; %q", s, problem, remedy)
		}
		if strings.Contains(problem, "$") && !strings.Contains(problem, "begins with $2") {
			t.Errorf("%q: %q shows the hash", s, problem)
		}
		if problem == "" && a.Cost() != hashCost {
			t.Errorf("%q: cost %d", s, a.Cost())
		}
	}
}

// TestIdentify: a request gets the user and the role that it may have, and a forged one neither.
func TestIdentify(t *testing.T) {
	t.Parallel()
	ann := account(t, "ann", Support)
	networks := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8::/32")}
	proxy := Proxy{From: networks, User: "Remote-User", Groups: "Remote-Groups", Roles: map[string]Role{"mail": Admin, "desk": Support}}
	socket := proxy
	socket.From, socket.Unix = nil, true
	viewers := proxy
	viewers.Role = Viewer
	users := Settings{Accounts: []Account{ann}, Proxy: Proxy{From: networks}}
	mixed := Settings{Accounts: []Account{ann}, Proxy: proxy}
	const local, far = "127.0.0.1:4000", "192.0.2.1:4000"
	named := map[string]string{"Remote-User": "bob", "Remote-Groups": "users, desk"}
	for name, x := range map[string]struct {
		settings Settings
		remote   string
		header   map[string]string
		want     User
		err      string
	}{
		"socket":                       {Settings{Unix: true}, "@", nil, User{Role: Admin}, ""},
		"socket, fields mean nothing":  {Settings{Unix: true}, "@", map[string]string{"Remote-User": "bob", "X-Forwarded-For": "192.0.2.9"}, User{Role: Admin}, ""},
		"socket with users":            {Settings{Unix: true, Accounts: []Account{ann}}, "@", nil, User{}, ErrLogin.Error()},
		"port without users":           {Settings{}, local, nil, User{Address: "127.0.0.1"}, "nobody may see"},
		"port with users":              {users, local, nil, User{Address: "127.0.0.1"}, ErrLogin.Error()},
		"port with users, not a field": {users, local, named, User{Address: "127.0.0.1"}, ErrLogin.Error()},
		"proxy":                        {Settings{Proxy: proxy}, local, named, User{Name: "bob", Role: Support, Address: "127.0.0.1"}, ""},
		"proxy by IPv6":                {Settings{Proxy: proxy}, "[2001:db8::1]:4000", named, User{Name: "bob", Role: Support, Address: "2001:db8::1"}, ""},
		"proxy by mapped IPv4":         {Settings{Proxy: proxy}, "[::ffff:127.0.0.1]:4000", named, User{Name: "bob", Role: Support, Address: "127.0.0.1"}, ""},
		"proxy on the socket":          {Settings{Unix: true, Proxy: socket}, "", named, User{Name: "bob", Role: Support}, ""},
		"highest group":                {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": "bob", "Remote-Groups": "desk|mail"}, User{Name: "bob", Role: Admin, Address: "127.0.0.1"}, ""},
		"no group":                     {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": "bob"}, User{Name: "bob", Address: "127.0.0.1"}, ""},
		"no group, but a role":         {Settings{Proxy: viewers}, local, map[string]string{"Remote-User": "bob", "Remote-Groups": "Mail"}, User{Name: "bob", Role: Viewer, Address: "127.0.0.1"}, ""},
		"proxy names nobody":           {Settings{Proxy: proxy}, local, nil, User{Address: "127.0.0.1"}, "does not say in Remote-User"},
		"proxy names nobody, empty":    {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": "", "Remote-Groups": "mail"}, User{Address: "127.0.0.1"}, "does not say in Remote-User"},
		"socket's proxy names nobody":  {Settings{Unix: true, Proxy: socket}, "@", nil, User{}, "does not say in Remote-User"},
		"proxy names nobody, users":    {mixed, local, nil, User{Address: "127.0.0.1"}, ErrLogin.Error()},
		"forged":                       {Settings{Proxy: proxy}, far, named, User{Address: "192.0.2.1"}, "does not come from a proxy"},
		"forged beside users":          {mixed, far, named, User{Address: "192.0.2.1"}, "does not come from a proxy"},
		"forged, empty":                {mixed, far, map[string]string{"Remote-User": ""}, User{Address: "192.0.2.1"}, "does not come from a proxy"},
		"forged groups":                {mixed, far, map[string]string{"Remote-Groups": "mail"}, User{Address: "192.0.2.1"}, "does not come from a proxy"},
		"forged in other letters":      {mixed, far, map[string]string{"REMOTE-user": "bob"}, User{Address: "192.0.2.1"}, "does not come from a proxy"},
		"from elsewhere":               {Settings{Proxy: proxy}, far, nil, User{Address: "192.0.2.1"}, "only a proxy"},
		"named twice":                  {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": "bob|root"}, User{Address: "127.0.0.1"}, "twice"},
		"hostile name":                 {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": "b\u202eob"}, User{Address: "127.0.0.1"}, "control characters"},
		"long name":                    {Settings{Proxy: proxy}, local, map[string]string{"Remote-User": strings.Repeat("b", 257)}, User{Address: "127.0.0.1"}, "too long"},
	} {
		u, err := New(x.settings).Identify(request(x.remote, x.header))
		if (x.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), x.err) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(x.want, u); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// TestClient is the address that a request comes from.
func TestClient(t *testing.T) {
	t.Parallel()
	s := Settings{Proxy: Proxy{From: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, x := range []struct{ remote, forwarded, want string }{
		{"192.0.2.1:1", "", "192.0.2.1"},
		{"192.0.2.1:1", "198.51.100.1", "192.0.2.1"}, // it is no proxy
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "1.1.1.1, 198.51.100.1", "198.51.100.1"}, // the browser wrote the first
		{"10.0.0.1:1", "1.1.1.1|198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "198.51.100.1, 10.0.0.2", "198.51.100.1"},
		{"10.0.0.1:1", "198.51.100.1, 10.0.0.2, 10.0.0.3", "198.51.100.1"},
		{"10.0.0.1:1", "::ffff:198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "fe80::1%eth0", "fe80::1"},
		{"10.0.0.1:1", "198.51.100.1:4000", "198.51.100.1"}, // some write the port
		{"10.0.0.1:1", "[2001:db8::1]:4000", "2001:db8::1"},
		{"10.0.0.1:1", "[2001:db8::1]", "2001:db8::1"},
		{"10.0.0.1:1", "[fe80::1%25eth0]:4000, 10.0.0.2:4000", "fe80::1"},
		{"10.0.0.1:1", ",,198.51.100.1", "198.51.100.1"},
		{"10.0.0.1:1", "198.51.100.1,", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1:x", "10.0.0.1"},
		{"10.0.0.1:1", "unknown", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1, <b>", "10.0.0.1"},
		{"10.0.0.1:1", "198.51.100.1" + strings.Repeat(", 10.0.0.2", 100), "10.0.0.2"},
		{"@", "198.51.100.1", ""},
	} {
		r := request(x.remote, nil)
		if x.forwarded != "" {
			r = request(x.remote, map[string]string{"X-Forwarded-For": x.forwarded})
		}
		if got := s.client(r); got != x.want {
			t.Errorf("%+v: %q", x, got)
		}
	}
	unix := Settings{Unix: true, Proxy: Proxy{Unix: true}}
	if got := unix.client(request("@", map[string]string{"X-Forwarded-For": "198.51.100.1"})); got != "198.51.100.1" {
		t.Errorf("by the socket: %q", got)
	}
}

// TestHost: where the rights of the socket let everybody in, a browser that a site has ask for
// its pages gets none.
func TestHost(t *testing.T) {
	t.Parallel()
	for host, lets := range map[string]bool{
		"": true, "localhost": true, "localhost:8895": true, "LOCALHOST": true, "localhost.": true, "postvet.localhost:80": true, "postvet": true,
		"127.0.0.1": true, "127.0.0.1:8895": true, "[::1]:8895": true, "[::1]": true, "::1": true, "192.0.2.1:80": true,
		"evil.example": false, "evil.example:8895": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "evil.example.": false, "1.2.3": false,
		"evil.example:": false, "notlocalhost.example:80": false, "[::1].evil.example": false, "localhost:80.evil.example": false, "evil.example:80:80": false,
	} {
		r := request("@", nil)
		r.Host = host
		u, err := New(Settings{Unix: true}).Identify(r)
		if (err == nil) != lets || (u.Role == Admin) != lets || err != nil && !strings.Contains(err.Error(), "localhost alone") {
			t.Errorf("%q: %+v, %v", host, u, err)
		}
		named := New(Settings{Unix: true, Proxy: Proxy{Unix: true, User: "Remote-User", Role: Admin}})
		r.Header.Set("Remote-User", "ann")
		if u, err := named.Identify(r); err != nil || u.Role != Admin {
			t.Errorf("%q behind a proxy: %+v, %v", host, u, err)
		}
	}
}

// TestSecure is whether a cookie is for HTTPS alone.
func TestSecure(t *testing.T) {
	t.Parallel()
	believed, other := Settings{Unix: true, Proxy: Proxy{Unix: true}}, Settings{}
	for proto, want := range map[string]bool{"": false, "http": false, "https": true, "HTTPS": true, "https,http": true, "https, https": true, "http, https": false, "http|https": false, "https|http": true, "httpsx": false} {
		r := request("@", nil)
		if proto != "" {
			r = request("@", map[string]string{"X-Forwarded-Proto": proto})
		}
		if got := believed.secure(r); got != want {
			t.Errorf("%q: %v", proto, got)
		}
		if other.secure(r) || !(&Settings{TLS: true}).secure(r) {
			t.Errorf("%q is believed, or TLS is not", proto)
		}
	}
}

// TestRoles: a role may do what those before it may.
func TestRoles(t *testing.T) {
	t.Parallel()
	for has := Nobody; has <= Admin; has++ {
		for needs := Nobody; needs <= Admin; needs++ {
			if (User{Role: has}).May(needs) != (has >= needs) {
				t.Errorf("%s, where %s is needed", has, needs)
			}
		}
		if got, err := ParseRole(has.String()); got != has || (err != nil) != (has == Nobody) {
			t.Errorf("%s: %s, %v", has, got, err)
		}
	}
	if Role(9).String() != "nobody" || !errors.Is(ErrLogin, ErrLogin) {
		t.Error("an unknown role is one")
	}
}
