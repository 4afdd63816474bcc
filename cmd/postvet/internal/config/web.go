package config

import (
	"io/fs"
	"strings"

	"github.com/postvet/postvet/filter/socket"
)

// Web is where the web page is served.
type Web struct {
	// Listen is a socket in the notations of socket.Parse, "" for none.
	Listen string
	Mode   fs.FileMode
	Group  string
	// Base is the path under which a proxy shows the pages, "" for the root.
	Base string
}

func (w *Web) section() section {
	return section{name: "web", comment: `A web page that shows what became of mail and why, and how domains, reports
and keys fare.`, keys: []key{
		{
			name: "listen", value: text(&w.Listen, "", checkWebListen), restart: true,
			comment: `Where the page is served, such as "unix:/run/postvet/web.sock". Everybody who
may connect to a unix socket sees everything, as with the control socket.
Empty: nowhere. Needs a restart to change.`,
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
			name: "base", value: text(&w.Base, "", checkWebBase), restart: true,
			comment: `The path under which a proxy shows the page, such as "/postvet". Empty: the
root. Needs a restart to change.`,
		},
	}}
}

const webRemedy = `write an address such as "unix:/run/postvet/web.sock"`

// checkWebListen accepts what checkMetricsListen does.
func checkWebListen(s string) (normal, problem, remedy string) {
	if normal, problem, _ = checkMetricsListen(s); problem != "" {
		return "", problem, webRemedy
	}
	if a, err := socket.Parse(s); err == nil && a.Network != "unix" {
		return "", cite(s) + " is not a unix socket", webRemedy
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
	if s[0] != '/' || strings.Contains(s, "//") || strings.Contains(s, "..") || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return "", cite(s) + " is no path", remedyBase
	}
	return s, "", ""
}
