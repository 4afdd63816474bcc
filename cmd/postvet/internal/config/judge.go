package config

import (
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
)

// checkAuthservID accepts what needs no quoting in an Authentication-Results
// field: the token of RFC 2045, as RFC 8601 section 2.2 has it.
func checkAuthservID(s string) (normal, problem, remedy string) {
	remedy = "write a name such as \"mx.example.org\""
	if len(s) > 253 {
		return "", "is longer than a host name can be", remedy
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?=`, c) >= 0 {
			return "", cite(s) + " contains a character that it must not", remedy
		}
	}
	if s == "" {
		return "", "is empty", remedy
	}
	if strings.Trim(s, ".") == "" {
		return "", cite(s) + " is no name", remedy
	}
	return s, "", ""
}

// checkHelpURL accepts what may stand in a reply.
func checkHelpURL(s string) (normal, problem, remedy string) {
	if err := explain.CheckHelpURL(s); err != nil {
		return "", cite(s) + ": " + err.Error(), `write a URL such as "https://mail.example.org/refused?why={hint}"`
	}
	return s, "", ""
}

func checkListen(s string) (normal, problem, remedy string) {
	remedy = `write an address such as "inet:127.0.0.1:8890" or "unix:/run/postvet/postvet.sock"`
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " contains a control character", remedy
	}
	a, err := socket.Parse(s)
	if err != nil {
		return "", cite(s) + ": " + reason(err), remedy
	}
	if strings.HasPrefix(a.Network, "tcp") {
		host, _, err := net.SplitHostPort(a.Address)
		if _, ipErr := netip.ParseAddr(host); err != nil || host != "" && ipErr != nil && !validHost(host) {
			return "", cite(s) + " has no valid host", remedy
		}
	}
	return s, "", ""
}

// reason returns why an address is none, without the address.
func reason(err error) string {
	var bad *socket.AddressError
	if errors.As(err, &bad) {
		return bad.Reason
	}
	return err.Error()
}

// checkListener accepts the address of a socket of ours and brings it into the one
// form in which sockets are compared, or a daemon name of an MTA.
func checkListener(s string) (normal, problem, remedy string) {
	remedy = `write an address with a number or a path, such as "inet:127.0.0.1:8891", or a daemon name`
	switch {
	case s == "" || len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || unicode.IsControl(r) }):
		return "", cite(s) + " is neither an address nor a daemon name", remedy
	case !strings.ContainsAny(s, ":/"):
		return s, "", ""
	}
	a, err := socket.Parse(s)
	if err != nil {
		return "", cite(s) + ": " + reason(err), remedy
	}
	if normal = a.Canonical(); normal == "" {
		return "", cite(s) + " does not say at which address the socket is", remedy
	}
	return normal, "", ""
}

func checkGroup(s string) (normal, problem, remedy string) {
	if len(s) > 64 || strings.ContainsAny(s, " :/") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " is no name of a group", `write a name such as "postfix", or a number`
	}
	return s, "", ""
}

// checkResolver adds the port if it is left out. A resolver has no name: who
// should look it up?
func checkResolver(s string) (normal, problem, remedy string) {
	remedy = `write an address such as "127.0.0.1:53" or "[2001:db8::53]:53"`
	addr, secure := strings.CutPrefix(s, "tls://")
	scheme, name, standard := "", "", "53"
	if secure {
		remedy = `write an address and the name in its certificate, such as "tls://9.9.9.9:853#dns.quad9.net"`
		scheme, standard = "tls://", "853"
		var named bool
		if addr, name, named = strings.Cut(addr, "#"); named {
			if _, err := netip.ParseAddr(name); err != nil && !validHost(name) || strings.HasSuffix(name, ".") {
				return "", cite(s) + " has no valid name after #", remedy
			}
			name = "#" + name
		}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"), standard
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return "", cite(s) + " is no address of a resolver", remedy
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", cite(s) + " has no valid port", remedy
	}
	return scheme + net.JoinHostPort(host, port) + name, "", ""
}

// checkFile accepts what names a file wherever the process was started.
func checkFile(s string) (normal, problem, remedy string) {
	remedy = `write a path such as "/var/lib/postvet/dns.snapshot"`
	switch {
	case strings.IndexFunc(s, unicode.IsControl) >= 0:
		return "", cite(s) + " contains a control character", remedy
	case !filepath.IsAbs(s) || strings.HasSuffix(s, "/"):
		return "", cite(s) + " is no absolute path of a file", remedy
	}
	return s, "", ""
}

// checkRuleFile accepts what may name a file; a relative path begins where the
// configuration file is.
func checkRuleFile(s string) (normal, problem, remedy string) {
	if s == "" || strings.HasSuffix(s, "/") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " names no file", `write a path such as "/etc/postvet/rules.toml"`
	}
	return s, "", ""
}

// validHost tells a host name from a typing error: no label of it begins or ends
// with a hyphen (RFC 952, RFC 1123 section 2.1), and 127.0.0.256 is a mistyped
// address.
func validHost(s string) bool {
	name, ok := message.NormalizeASCII(s)
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && strings.Trim(label, "-") == label
	}
	return ok && strings.Trim(name, "0123456789.") != ""
}
