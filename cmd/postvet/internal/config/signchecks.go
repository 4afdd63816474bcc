package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/keys/opendkim"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/rspamd"
	"github.com/postvet/postvet/cmd/postvet/internal/keys/sql"
	"github.com/postvet/postvet/policy/message"
)

// checkTable accepts a table in opendkim's notation.
func checkTable(s string) (normal, problem, remedy string) {
	if problem, remedy = opendkim.CheckSource(s); problem != "" {
		return "", cite(s) + " " + problem, remedy
	}
	return s, "", ""
}

func checkTemplate(s string) (normal, problem, remedy string) {
	if why := rspamd.CheckPath(s); why != "" {
		return "", cite(s) + " " + why, `write a path such as "/var/lib/rspamd/dkim/$domain.$selector.key"`
	}
	return s, "", ""
}

func checkMapFile(s string) (normal, problem, remedy string) {
	normal, problem, _ = checkRuleFile(s)
	return normal, problem, `write a path such as "/etc/rspamd/dkim_paths.map"`
}

func checkServerFile(s string) (normal, problem, remedy string) {
	return checkPath(s, "file", "/etc/postvet/secret")
}

func checkSelector(s string) (normal, problem, remedy string) {
	normal, ok := message.NormalizeDomain(s)
	if !ok || strings.ContainsAny(s, `/\`) {
		return "", cite(s) + " is no selector", `write one such as "2026a"`
	}
	return normal, "", ""
}

// checkPlain accepts a text that can stand in a protocol's line.
func checkPlain(s string) (normal, problem, remedy string) {
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return "", cite(s) + " has a blank or a control character", "write it without"
	}
	return s, "", ""
}

// checkSignFile accepts a key in a file, DOMAIN:SELECTOR:PATH.
func checkSignFile(s string) (normal, problem, remedy string) {
	remedy = `write DOMAIN:SELECTOR:PATH, such as "example.org:2026a:/etc/dkimkeys/mail.private"`
	part := strings.SplitN(s, ":", 3)
	if len(part) != 3 {
		return "", cite(s) + " has not domain, selector and path with colons between", remedy
	}
	domain, ok := message.NormalizeDomain(part[0])
	if !ok || !strings.Contains(domain, ".") || strings.ContainsAny(domain, `/\`) {
		return "", cite(part[0]) + " is no domain", remedy
	}
	selector, problem, _ := checkSelector(part[1])
	if problem != "" {
		return "", problem, remedy
	}
	path, problem, _ := checkPath(part[2], "file", "")
	if problem != "" {
		return "", problem, remedy
	}
	return domain + ":" + selector + ":" + filepath.Clean(path), "", ""
}

// checkServer accepts a socket, an address of this machine, or one with TLS.
func checkServer(s string) (normal, problem, remedy string) {
	remedy = `write "unix:/path", "127.0.0.1:6379" or "tls://redis.example.org:6379"`
	if !strings.HasPrefix(s, "unix:") && strings.Contains(s, "@") { // not cited: it may hold a password
		return "", "has a login", "write the user into username, and the password into a file that password_file names"
	}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if !filepath.IsAbs(path) {
			return "", cite(s) + " has no absolute path", remedy
		}
		return s, "", ""
	}
	plain, secure := strings.CutPrefix(s, "tls://")
	host, port, err := net.SplitHostPort(plain)
	switch {
	case err != nil || host == "" || port == "" || strings.ContainsAny(plain, "/@ "):
		return "", cite(s) + " is no address of a server", remedy
	case !secure && !isThisMachine(host):
		return "", cite(s) + " is another machine, which could read and change the keys on their way", remedy
	}
	return s, "", ""
}

// isThisMachine reports whether a host is reached without a network.
func isThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// checkDSN accepts the DSN of a database that has no password.
func checkDSN(s string) (normal, problem, remedy string) {
	u, err := url.Parse(s)
	inURL := false
	if err == nil && u.User != nil {
		_, inURL = u.User.Password()
	}
	if inURL || strings.Contains(strings.ToLower(strings.ReplaceAll(s, " ", "")), "password=") {
		return "", "has a password", "write it into a file, and name that in password_file"
	}
	if sql.CheckDSN(s) != nil {
		return "", cite(s) + " is no DSN", `write one such as "host=/run/postgresql dbname=mail user=postvet"`
	}
	return s, "", ""
}

func checkQuery(s string) (normal, problem, remedy string) {
	if !strings.Contains(s, "$1") {
		return "", cite(s) + " does not ask for a domain", `write one such as "SELECT selector, private_key FROM dkim WHERE domain = $1"`
	}
	return s, "", ""
}

func checkVaultURL(s string) (normal, problem, remedy string) {
	remedy = `write one such as "https://vault.example.org:8200"`
	u, err := url.Parse(s)
	switch {
	case strings.Contains(s, "@"): // not cited: it may hold a secret
		return "", "has a login", "write the token into a file that token_file names"
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return "", cite(s) + " is no address of a server", remedy
	case u.Scheme == "http" && !isThisMachine(u.Hostname()):
		return "", cite(s) + " is another machine, which could read and change the keys on their way", remedy
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Sprintf("%s has the scheme %s", cite(s), cite(u.Scheme)), remedy
	}
	return strings.TrimRight(s, "/"), "", ""
}

func checkVaultPath(s string) (normal, problem, remedy string) {
	clean := strings.Trim(s, "/")
	for part := range strings.SplitSeq(clean, "/") {
		if part == "" || part == "." || part == ".." || url.PathEscape(part) != part {
			return "", cite(s) + " is no path of secrets", `write one such as "secret/dkim"`
		}
	}
	return clean, "", ""
}
