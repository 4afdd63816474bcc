package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Proxy says which clients are proxies, whose header fields name the user of a request.
type Proxy struct {
	// From are the networks of the proxies. Unix means that every client of the unix
	// socket is a proxy.
	From []netip.Prefix
	Unix bool
	// User is the name of the header field with the user, "" if users log in here.
	// Groups is that of the field with the user's groups, "" for none.
	User, Groups string
	// Roles are those of the groups. A user of several groups has the highest one.
	Roles map[string]Role
	// Role is that of users in no such group.
	Role Role
}

// maxForwarded bounds the addresses that are read of X-Forwarded-For, from its end.
const maxForwarded = 16

// peer returns the address of the client of the connection. It is not valid for a unix socket.
func peer(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// lists reports whether a proxy has an address.
func (p *Proxy) lists(a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(p.From, func(n netip.Prefix) bool { return n.Contains(a) })
}

// believes reports whether a request comes from a proxy.
func (s *Settings) believes(r *http.Request) bool {
	if s.Unix {
		return s.Proxy.Unix
	}
	return s.Proxy.lists(peer(r))
}

// client returns the address that a request comes from: that of the connection or, from
// proxies, the last one in X-Forwarded-For that is no proxy. The nearest proxy wrote its end.
func (s *Settings) client(r *http.Request) string {
	at := peer(r)
	if s.believes(r) {
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(all) - 1; i >= max(0, len(all)-maxForwarded); i-- {
			a, err := forwarded(strings.TrimSpace(all[i]))
			if err != nil {
				break
			}
			if at = a.Unmap().WithZone(""); !s.Proxy.lists(at) {
				break
			}
		}
	}
	if !at.IsValid() {
		return ""
	}
	return at.String()
}

// forwarded returns an address of X-Forwarded-For. Some proxies write the port of the client
// behind it.
func forwarded(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr(), nil
	}
	return netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
}

// secure reports whether the browser sent a request by TLS. In a chain of proxies the first one
// speaks to the browser. A browser that writes the field itself changes only its own cookie.
func (s *Settings) secure(r *http.Request) bool {
	first, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Proto"), ",")
	return s.TLS || s.believes(r) && strings.EqualFold(strings.TrimSpace(first), "https")
}

// ofThisMachine reports whether the Host of a request is one that no other site can have: a name
// without a dot, below localhost, or an IP address. A site can have its own name lead to this
// machine (DNS rebinding), and the browser takes the pages for those of the site then.
func ofThisMachine(host string) bool {
	if name, port, err := net.SplitHostPort(host); err == nil && strings.Trim(port, "0123456789") == "" {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	_, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}

// proxied returns the user whom a proxy names, known false if it names none. A request that
// names a user without coming from a proxy is refused: somebody tries, or the configuration
// does not say what is meant.
func (s *Settings) proxied(r *http.Request) (name string, role Role, known bool, err error) {
	p := &s.Proxy
	if p.User == "" {
		return "", Nobody, false, nil
	}
	names, groups := r.Header.Values(p.User), []string(nil)
	if p.Groups != "" {
		groups = r.Header.Values(p.Groups)
	}
	switch {
	case len(names)+len(groups) > 0 && !s.believes(r):
		return "", Nobody, false, fmt.Errorf("the request says in %s who its user is, and does not come from a proxy that web.proxy names", p.User)
	case len(names) > 1:
		return "", Nobody, false, fmt.Errorf("the request has the field %s twice; the proxy must replace what the browser sends", p.User)
	case len(names) == 0 || names[0] == "":
		return "", Nobody, false, nil
	}
	name = names[0]
	if len(name) > 4*maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", Nobody, false, fmt.Errorf("the name of the user in %s is too long, or has control characters", p.User)
	}
	role = p.Role
	for _, group := range strings.Split(strings.Join(groups, ","), ",") {
		role = max(role, p.Roles[strings.TrimSpace(group)])
	}
	return name, role, true, nil
}
