package config

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/filter/socket"
)

// webConflicts finds settings that let in everybody, or nobody.
func (c *Config) webConflicts(x *conflicts) {
	w := &c.Web
	at, ok := w.address()
	if !ok {
		return
	}
	users := len(w.Users) > 0 || w.UsersFile != ""
	c.webListenConflicts(x, at, users)
	c.webProxyConflicts(x, users)
	switch {
	case w.TLSCert != "" && w.TLSKey == "":
		x.noEffect("web.tls_cert", "web.tls_key", "name the file of the private key in tls_key")
	case w.TLSKey != "" && w.TLSCert == "":
		x.noEffect("web.tls_key", "web.tls_cert", "name the file of the certificate in tls_cert")
	case w.TLSCert != "" && w.IsUnix():
		x.fault("web.tls_cert", "web.listen", "a unix socket needs no TLS", "remove tls_cert and tls_key, and have the proxy speak TLS")
	}
	if strings.HasSuffix(at.Address, ":0") {
		return
	}
	others := map[string][]string{"listen": c.Listen, "metrics.listen": {c.Metrics.Listen}, "peers.listen": {c.Peers.Listen}, "control.socket": {"unix:" + c.Control.Socket}}
	for _, name := range sortedKeys(others) {
		for _, s := range others[name] {
			if a, err := socket.Parse(s); err == nil && a == at {
				x.fault("web.listen", name, cite(w.Listen)+" is a socket of "+name+" too", "give each a socket of its own")
			}
		}
	}
}

// webListenConflicts finds listeners that programs or machines without rights could reach.
func (c *Config) webListenConflicts(x *conflicts, at socket.Address, users bool) {
	w := &c.Web
	if at.Network == "unix" {
		return
	}
	remote := Metrics{Listen: w.Listen}.remote()
	if !users && w.UserHeader == "" {
		who := "every program and user of this machine"
		if remote {
			who = "everybody who can connect to it"
		}
		x.fault("web.listen", "web.users", cite(w.Listen)+" has neither users nor a proxy that names them, so that "+who+" would be an admin",
			`write users = [...] with lines of "postvet web passwd NAME", or proxy and user_header, or listen on a unix socket, whose rights say who may connect`)
	}
	if !remote {
		return
	}
	if !w.AllowRemote {
		x.fault("web.listen", "web.allow_remote", cite(w.Listen)+" can be reached from other machines",
			`write a loopback address such as "inet:127.0.0.1:8895" or a unix socket, or allow it with allow_remote = true and TLS`)
	}
	if w.TLSCert == "" && len(w.Proxy) == 0 {
		x.fault("web.listen", "web.allow_remote", cite(w.Listen)+" can be reached from other machines without TLS, so that passwords and sessions can be read on the way",
			"write tls_cert and tls_key, or put a proxy in front that speaks TLS and name it in proxy")
	}
}

// webProxyConflicts finds settings by which no proxy is believed, or every program is.
func (c *Config) webProxyConflicts(x *conflicts, users bool) {
	w := &c.Web
	unix := slices.Contains(w.Proxy, webUnix)
	switch {
	case w.UserHeader != "" && len(w.Proxy) == 0:
		x.fault("web.user_header", "web.proxy", "nobody is believed what "+w.UserHeader+" says, since proxy is empty", `name the proxy, such as proxy = ["unix"] or ["192.0.2.10/32"]; never all networks, since everybody could be anybody then`)
	case len(w.Proxy) > 0 && w.UserHeader == "" && !users:
		x.fault("web.proxy", "web.user_header", "neither the proxy nor a log-in says who a user is, so that everybody whom the proxy lets pass would be an admin", `write user_header = "Remote-User" if the proxy says it, or users`)
	case w.IsUnix() && len(w.Proxy) > 0 && (!unix || len(w.Proxy) > 1):
		x.fault("web.proxy", "web.listen", "a unix socket does not tell addresses", `write proxy = ["unix"]`)
	case !w.IsUnix() && unix:
		x.fault("web.proxy", "web.listen", `"unix" stands for the clients of a unix socket, and `+cite(w.Listen)+" is none", `write the address of the proxy, such as ["127.0.0.1/32"], or listen on a unix socket`)
	}
	switch {
	case w.GroupsHeader != "" && w.UserHeader == "":
		x.noEffect("web.groups_header", "web.user_header", `write user_header = "Remote-User", or remove groups_header`)
	case w.GroupsHeader != "" && w.GroupsHeader == w.UserHeader:
		x.fault("web.groups_header", "web.user_header", "is the field of user_header too", `write another one, such as "Remote-Groups"`)
	case len(w.Roles) > 0 && w.GroupsHeader == "":
		x.noEffect("web.roles", "web.groups_header", `write groups_header = "Remote-Groups", or remove roles`)
	case w.UserHeader != "" && len(w.Roles) == 0 && w.ProxyRole == "nobody":
		x.fault("web.user_header", "web.proxy_role", "nobody whom the proxy names has a role", `write groups_header and roles, or a proxy_role such as "support"`)
	}
}

// loadWebUsers reads the file of web.users_file.
func (c *Config) loadWebUsers() error {
	const key = "web.users_file"
	w := &c.Web
	w.FileUsers = nil
	name := c.beside(key, w.UsersFile)
	if name == "" {
		return nil
	}
	fault := func(problem, remedy string) error { return Errors{c.fault(key, problem, remedy)} }
	text, problem := readList(name)
	if problem != "" {
		return fault(problem, `name a readable file with a line of "postvet web passwd NAME" for each user`)
	}
	if info, err := os.Stat(name); err == nil && info.Mode()&0o002 != 0 {
		return fault(fmt.Sprintf("%s can be written by everybody (mode %04o), who could become an admin", cite(name), info.Mode().Perm()), "run chmod 640 on it, and make it root's")
	}
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		a, problem, remedy := access.ParseAccount(s)
		switch {
		case problem != "":
			return fault(fmt.Sprintf("%s:%d:%s %s", cite(name), n, ofUser(a.Name), problem), remedy)
		case hasUser(w.Users, a.Name):
			return fault(fmt.Sprintf("%s:%d: the user %s stands in web.users, too", cite(name), n, cite(a.Name)), "remove one of them")
		case hasUser(w.FileUsers, a.Name):
			return fault(fmt.Sprintf("%s:%d: the user %s stands there twice", cite(name), n, cite(a.Name)), "remove one of them")
		case len(w.FileUsers) == maxList:
			return fault(fmt.Sprintf("%s has more than %d users", cite(name), maxList), "let a proxy say who a user is: user_header")
		}
		w.FileUsers = append(w.FileUsers, a)
	}
	if len(w.accounts()) == 0 && w.UserHeader == "" {
		return fault(cite(name)+" names no user", `write a line of "postvet web passwd NAME" into it`)
	}
	return nil
}

// webWarnings returns settings that let in more users than they need to.
func (c *Config) webWarnings() Errors {
	w := &c.Web
	var list Errors
	wide := func(name, problem, remedy string) { list = append(list, c.fault(name, problem, remedy)) }
	if w.Listen == "" {
		return nil
	}
	if w.UserHeader != "" && slices.ContainsFunc(w.Proxy, isLoopback) {
		wide("web.proxy", "every program of this machine can connect from a loopback address, and say in "+w.UserHeader+" that it is an admin", `listen on a unix socket that only the proxy may connect to, with proxy = ["unix"]`)
	}
	if (Metrics{Listen: w.Listen}).remote() && w.TLSCert == "" {
		wide("web.listen", "the way from the proxy to "+cite(w.Listen)+" has no TLS, so that sessions can be read there", "write tls_cert and tls_key, or let the proxy run on this machine and listen on a unix socket")
	}
	if w.Mode&0o007 != 0 && w.IsUnix() && (len(w.accounts()) == 0 || slices.Contains(w.Proxy, webUnix)) {
		wide("web.mode", fmt.Sprintf("every user of this machine may connect (mode %04o)", w.Mode), `write mode = "0660" and group`)
	}
	if w.ProxyRole == "admin" {
		wide("web.proxy_role", "everybody whom the proxy lets in is an admin", `write groups_header and roles, and proxy_role = "support"`)
	}
	for _, a := range w.accounts() {
		if a.Cost() < access.MinCost {
			name := "web.users"
			if !hasUser(w.Users, a.Name) {
				name = "web.users_file"
			}
			wide(name, fmt.Sprintf("the hash of %s has the cost %d, which is guessed quickly if the file is lost", cite(a.Name), a.Cost()), access.AccountRemedy)
		}
	}
	return append(list, c.WebExposed()...)
}

func isLoopback(s string) bool {
	p, err := parsePrefix(s)
	return err == nil && p.Addr().IsLoopback()
}
