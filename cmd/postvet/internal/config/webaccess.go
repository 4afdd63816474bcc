package config

import (
	"fmt"
	"net/netip"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// webUsersValue is the accounts of the web page. What it says of a fault never has a hash.
type webUsersValue struct{ field *[]access.Account }

const webUsersRemedy = `write a list of the lines that "postvet web passwd NAME" prints`

func (v *webUsersValue) set(value any) (problem, remedy string) {
	entries, problem, remedy := stringsOf(value, webUsersRemedy, webUsersRemedy)
	if problem != "" {
		return problem, remedy
	}
	accounts := []access.Account{}
	for i, s := range entries {
		a, problem, remedy := access.ParseAccount(s)
		if problem != "" {
			return fmt.Sprintf("entry %d%s %s", i+1, ofUser(a.Name), problem), remedy
		}
		if hasUser(accounts, a.Name) {
			return "has the user " + cite(a.Name) + " twice", "remove one of them"
		}
		accounts = append(accounts, a)
	}
	*v.field = accounts
	return "", ""
}

func (v *webUsersValue) setDefault() { *v.field = nil }

func (v *webUsersValue) format() string {
	all := make([]string, len(*v.field))
	for i, a := range *v.field {
		all[i] = a.Name + ":" + string(a.Hash) + ":" + a.Role.String()
	}
	return formatList(all)
}

func ofUser(name string) string {
	if name == "" {
		return ""
	}
	return " (" + cite(name) + ")"
}

func hasUser(all []access.Account, name string) bool {
	return slices.ContainsFunc(all, func(a access.Account) bool { return a.Name == name })
}

// accounts returns all accounts.
func (w *Web) accounts() []access.Account { return slices.Concat(w.Users, w.FileUsers) }

const webProxyRemedy = `write a list, such as ["unix"] or ["192.0.2.10/32"]`

// checkWebProxy accepts an address, a network, or "unix".
func checkWebProxy(s string) (normal, problem, remedy string) {
	if s == webUnix {
		return s, "", ""
	}
	p, err := parsePrefix(s)
	switch {
	case err != nil:
		return "", cite(s) + " is no address or network", webProxyRemedy
	case p.Bits() == 0:
		return "", cite(s) + " believes everybody", webProxyRemedy
	}
	return p.String(), "", ""
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// notForUsers are fields that have another meaning.
var notForUsers = []string{"Host", "Cookie", "Authorization", "Connection", "Content-Length", "Content-Type", "Origin", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded"}

func checkWebHeader(s string) (normal, problem, remedy string) {
	remedy = `write the name of a field, such as "Remote-User"`
	normal = textproto.CanonicalMIMEHeaderKey(s)
	switch {
	case !httpguts.ValidHeaderFieldName(s) || len(s) > 64:
		return "", cite(s) + " is no name of a field", remedy
	case slices.Contains(notForUsers, normal):
		return "", cite(s) + " has another meaning", remedy
	}
	return normal, "", ""
}

const webRolesRemedy = `write a list, such as ["mail-admins:admin", "helpdesk:support"]`

func checkWebRole(s string) (normal, problem, remedy string) {
	group, _, err := groupRole(s)
	switch {
	case group == "" || strings.Contains(group, ","):
		return "", cite(s) + " is not a group and its role", webRolesRemedy
	case err != nil:
		return "", cite(s) + ": " + err.Error(), `write the role "viewer", "support" or "admin" behind the colon`
	}
	return s, "", ""
}

// groupRole parses "group:role". A group may have colons.
func groupRole(s string) (group string, role access.Role, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", access.Nobody, nil
	}
	role, err = access.ParseRole(strings.TrimSpace(s[i+1:]))
	return strings.TrimSpace(s[:i]), role, err
}

// Access returns who may see the pages of a listener.
func (w *Web) Access(unix, tls bool) access.Settings {
	s := access.Settings{
		Unix: unix, TLS: tls, Base: w.Base, Accounts: w.accounts(),
		Proxy: access.Proxy{User: w.UserHeader, Groups: w.GroupsHeader, Roles: map[string]access.Role{}},
	}
	s.Proxy.Role, _ = access.ParseRole(string(w.ProxyRole))
	for _, p := range w.Proxy {
		if p == webUnix {
			s.Proxy.Unix = true
		} else if prefix, err := parsePrefix(p); err == nil {
			s.Proxy.From = append(s.Proxy.From, prefix)
		}
	}
	for _, r := range w.Roles {
		group, role, _ := groupRole(r)
		s.Proxy.Roles[group] = max(role, s.Proxy.Roles[group])
	}
	return s
}

// compareUsers counts the accounts that differ, without their hashes.
func compareUsers(before, after []access.Account) EntryChange {
	byName := func(all []access.Account) map[string]string {
		m := map[string]string{}
		for _, a := range all {
			m[a.Name] = string(a.Hash) + ":" + strconv.Itoa(int(a.Role))
		}
		return m
	}
	return compareMaps(byName(before), byName(after), func(s string) string { return s })
}
