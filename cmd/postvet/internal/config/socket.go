package config

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/message"
)

// Socket is who may talk to unix sockets.
type Socket struct {
	Mode  fs.FileMode
	Group string
}

func (s *Socket) section() section {
	return section{name: "socket", comment: "Who may connect to unix sockets.", keys: []key{
		{
			name: "mode", value: accessRights(&s.Mode, 0o660), restart: true,
			comment: "Access rights of unix sockets, in octal. Needs a restart to change.",
		},
		{
			name: "group", value: text(&s.Group, "", checkGroup), restart: true,
			comment: `Group of unix sockets, by name or number, such as "postfix". Empty: the group
of the process. Needs a restart to change.`,
		},
	}}
}

// checkListen accepts an address to listen on.
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

// reason returns why socket.Parse refused an address, without the address.
func reason(err error) string {
	var bad *socket.AddressError
	if errors.As(err, &bad) {
		return bad.Reason
	}
	return err.Error()
}

// validHost reports whether s is a host name: no label begins or ends with a
// hyphen (RFC 952, RFC 1123 section 2.1), and 127.0.0.256 is a mistyped address.
func validHost(s string) bool {
	name, ok := message.NormalizeASCII(s)
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && strings.Trim(label, "-") == label
	}
	return ok && strings.Trim(name, "0123456789.") != ""
}

// checkGroup accepts the name or number of a group.
func checkGroup(s string) (normal, problem, remedy string) {
	if len(s) > 64 || strings.ContainsAny(s, " :/") || strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " is no name of a group", `write a name such as "postfix", or a number`
	}
	return s, "", ""
}
