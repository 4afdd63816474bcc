package config

import (
	"io/fs"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/filter/socket"
)

// Web is where the web page is served, and who may see it.
type Web struct {
	// Listen is a socket in the notations of socket.Parse, "" for none.
	Listen string
	// AllowRemote allows a socket that other machines reach.
	AllowRemote bool
	Mode        fs.FileMode
	Group       string
	// Base is the path under which a proxy shows the pages, "" for the root.
	Base string
	// TLSCert and TLSKey are files in PEM, "" for no TLS.
	TLSCert, TLSKey string

	// Users are the accounts in the configuration itself, FileUsers those of UsersFile.
	Users, FileUsers []access.Account
	UsersFile        string

	// Proxy are the networks of proxies, or webUnix.
	Proxy                    []string
	UserHeader, GroupsHeader string
	// Roles has a "group:role" for each group.
	Roles     []string
	ProxyRole WebRole
}

// WebRole is the role of users in no group that has one.
type WebRole string

// webUnix is the entry of web.proxy that stands for all clients of the unix socket.
const webUnix = "unix"

func (w *Web) section() section {
	return section{name: "web", comment: `A web page that shows what became of mail and why, and how domains, reports
and keys fare. postvet-web(7) compares the ways to serve it.`, keys: []key{
		{
			name: "listen", value: text(&w.Listen, "", checkWebListen), restart: true, environment: true,
			comment: `Where the page is served, such as "unix:/run/postvet/web.sock": everybody who
may connect to the socket sees everything, as with the control socket. An
address such as "inet:127.0.0.1:8895" needs users or a proxy, since every
program of this machine can connect to it. Empty: nowhere. Needs a restart to
change.`,
		},
		{
			name: "allow_remote", value: truth(&w.AllowRemote, false), restart: true, environment: true,
			comment: `Allow an address that other machines reach. It needs TLS, or a proxy in front.
Needs a restart to change.`,
		},
		{
			name: "mode", value: accessRights(&w.Mode, 0o660), restart: true,
			comment: "Access rights of a unix socket, in octal. Needs a restart to change.",
		},
		{
			name: "group", value: text(&w.Group, "", checkGroup), restart: true,
			comment: `Group of a unix socket, by name or number. Empty: the group of the process.
Needs a restart to change.`,
		},
		{
			name: "base", value: text(&w.Base, "", checkWebBase), restart: true, environment: true,
			comment: `The path under which a proxy shows the page, such as "/postvet". The proxy
must hand the path on as it is. Empty: the root. Needs a restart to change.`,
		},
		{
			name: "tls_cert", value: text(&w.TLSCert, "", checkWebFile), restart: true,
			comment: `File with the certificate and its chain (PEM), with which the page speaks
HTTPS. It and the key are read again when they change. Needs a restart to name
others.`,
		},
		{
			name: "tls_key", value: text(&w.TLSKey, "", checkWebFile), restart: true,
			comment: "File with its private key (PEM), which others must not be able to read.",
		},
		{
			name: "users", value: &webUsersValue{&w.Users},
			comment: `Users who log in on the page, each as "NAME:HASH:ROLE", which is the line
that "postvet web passwd NAME" prints. A viewer sees numbers, domains and
reports; support searches mail, explains and checks messages; an admin also
flushes the cache, forgets addresses and tries policies. Behind a proxy name
it in proxy, so that log-ins are counted by the address of the client.`,
		},
		{
			name: "users_file", value: text(&w.UsersFile, "", checkRuleFile), environment: true,
			comment: `File with more of them, one a line. Others must not be able to write it, and
should not be able to read it. A reload reads it again.`,
		},
		{
			name: "proxy", value: list(&w.Proxy, checkWebProxy, webProxyRemedy), environment: true,
			comment: `Proxies whose fields are believed: addresses and networks, or "unix" for every
client of the unix socket. X-Forwarded-For has the address of the client then,
and X-Forwarded-Proto says whether it came by HTTPS. Every program that can
connect from such an address can claim to be any user: a unix socket is safer
than 127.0.0.1.`,
		},
		{
			name: "user_header", value: text(&w.UserHeader, "", checkWebHeader),
			comment: `Field in which a proxy says who the user is, such as "Remote-User". The proxy
must remove what the browser sends in it. A request that has it and comes from
elsewhere is refused. Empty: users log in here.`,
		},
		{
			name: "groups_header", value: text(&w.GroupsHeader, "", checkWebHeader),
			comment: `Field in which a proxy says which groups the user is in, with commas between
them, such as "Remote-Groups".`,
		},
		{
			name: "roles", value: list(&w.Roles, checkWebRole, webRolesRemedy),
			comment: `The roles of those groups, such as ["mail-admins:admin", "helpdesk:support"].`,
		},
		{
			name: "proxy_role", value: oneOf(&w.ProxyRole, "nobody", "viewer", "support", "admin"),
			comment: `The role of a user whom a proxy names, in no such group. nobody: sees nothing.`,
		},
	}}
}

const webRemedy = `write an address such as "unix:/run/postvet/web.sock" or "inet:127.0.0.1:8895"`

// checkWebListen accepts what checkMetricsListen does.
func checkWebListen(s string) (normal, problem, remedy string) {
	if normal, problem, _ = checkMetricsListen(s); problem != "" {
		return "", problem, webRemedy
	}
	return normal, "", ""
}

// checkWebBase accepts the path of a URL, without a slash at its end.
func checkWebBase(s string) (normal, problem, remedy string) {
	const remedyBase = `write a path such as "/postvet"`
	s = strings.TrimRight(s, "/")
	if s == "" {
		return "", "", ""
	}
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/-_.~", r)
	}
	if s[0] != '/' || strings.Contains(s, "//") || strings.Contains(s, "..") || strings.Contains(s, "/./") || strings.HasSuffix(s, "/.") || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return "", cite(s) + " is no path", remedyBase
	}
	return s, "", ""
}

func checkWebFile(s string) (normal, problem, remedy string) {
	return checkPath(s, "file", "/etc/postvet/web.pem")
}

// address returns the socket of web.listen, ok false if there is none.
func (w *Web) address() (a socket.Address, ok bool) {
	a, err := socket.Parse(w.Listen)
	return a, w.Listen != "" && err == nil
}

// IsUnix reports whether web.listen is a unix socket.
func (w *Web) IsUnix() bool {
	a, ok := w.address()
	return ok && a.Network == "unix"
}
