package access

import (
	"net/http"
	"net/netip"
	"testing"
)

// FuzzIdentify sends requests with every kind of field that a proxy writes. A client that is no
// proxy is nobody whatever it writes, and each address is one.
func FuzzIdentify(f *testing.F) {
	for _, s := range []string{"", "ann", "ann,bob", "127.0.0.1", "::1%eth0, [::1]:80", "https,http", "\u202eann", "10.0.0.1:http", "[[::1]]", ",,,", "unknown, _hidden"} {
		f.Add("10.0.0.1:4000", "localhost", s, s, s, s)
		f.Add("192.0.2.1:4000", "evil.example:80", s, s, s, s)
		f.Add("@", "[::1]", s, s, s, s)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	proxy := Proxy{From: networks, User: "Remote-User", Groups: "Remote-Groups", Roles: map[string]Role{"mail": Admin}, Role: Viewer}
	gates := []*Authenticator{
		New(Settings{Proxy: proxy}), New(Settings{Unix: true, Proxy: Proxy{Unix: true, User: proxy.User, Groups: proxy.Groups, Role: Viewer}}), New(Settings{Unix: true}),
		New(Settings{Accounts: []Account{{Name: "ann", Hash: noHash(4), Role: Admin}}, Proxy: Proxy{From: networks}}),
	}
	f.Fuzz(func(t *testing.T, remote, host, user, groups, client, proto string) {
		r := &http.Request{RemoteAddr: remote, Host: host, Header: http.Header{}}
		for name, value := range map[string]string{"Remote-User": user, "Remote-Groups": groups, "X-Forwarded-For": client, "X-Forwarded-Proto": proto, "Cookie": "postvet_session=" + user} {
			r.Header[name] = []string{value}
		}
		for i, gate := range gates {
			s := gate.current.Load()
			u, err := gate.Identify(r)
			if (err != nil) != (u.Role == Nobody) {
				t.Errorf("gate %d: %+v, %v", i, u, err)
			}
			if u.Role > Nobody && !s.believes(r) && (i != 2 || !ofThisMachine(host)) {
				t.Errorf("gate %d takes a client for %+v", i, u)
			}
			if _, err := netip.ParseAddr(u.Address); u.Address != "" && err != nil {
				t.Errorf("gate %d: the address %q", i, u.Address)
			}
			if s.cookie(r, "x", 1).Valid() != nil {
				t.Errorf("gate %d: a broken cookie", i)
			}
		}
	})
}
