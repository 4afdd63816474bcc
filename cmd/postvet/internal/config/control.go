package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/postvet/postvet/filter/socket"
)

// Control is who may talk to the running service, and where.
type Control struct {
	Socket string // a path, "auto", or "" for none
	Group  string
}

func (c *Control) section() section {
	return section{name: "control", comment: `The socket for "postvet status", "reload", "log-level", "trace", "cache",
"history", "explain" and "journal". It answers root, the user of the service
and the members of the group, and nobody else.`, keys: []key{
		{
			name: "socket", value: text(&c.Socket, ControlAuto, checkControlSocket), restart: true, environment: true,
			comment: `Path of the unix socket. auto: control.sock in systemd's RuntimeDirectory=,
and none without one. Empty: none. Needs a restart to change.`,
		},
		{
			name: "group", value: text(&c.Group, "", checkGroup), restart: true,
			comment: `Group whose members may use the socket, by name or number. In the packaged
unit it can only be "postvet" (adduser NAME postvet), since PrivateUsers=
hides the others. Empty: none. Needs a restart to change.`,
		},
	}}
}

// ControlAuto is the control.socket that is chosen at the start.
const ControlAuto = "auto"

// controlName is the name of the socket in the runtime directory.
const controlName = "control.sock"

// ControlPath returns the path of the control socket, "" for none. runtime is
// $RUNTIME_DIRECTORY, which systemd sets for RuntimeDirectory= (systemd.exec(5)).
// The first of several directories counts.
func (c *Config) ControlPath(runtime string) string {
	if c.Control.Socket != ControlAuto {
		return c.Control.Socket
	}
	dir, _, _ := strings.Cut(runtime, ":")
	if !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, controlName)
}

// ControlSocketIn returns control.socket of a file and reads no other key, since a
// command must find the running service while the file is being edited. It
// returns ControlAuto if the file does not set the key, or stops being TOML before
// it does. The error is that of reading the file.
func ControlSocketIn(path string) (string, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		// Opening a pipe could take forever.
		return "", &fs.PathError{Op: "read", Path: path, Err: errors.New("is not a file")}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", err
	}
	return controlSocketOf(text), nil
}

// controlSocketOf returns control.socket of a text, which it reads up to the first
// syntax error.
func controlSocketOf(text []byte) string {
	socket, section := ControlAuto, ""
	p := &unstable.Parser{}
	p.Reset(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	for p.NextExpression() {
		e := p.Expression()
		switch name := dotted(e); {
		case e.Kind == unstable.Table || e.Kind == unstable.ArrayTable:
			section = name + "."
		case e.Kind != unstable.KeyValue:
		case section+name == "control.socket" && e.Value().Kind == unstable.String:
			socket = string(e.Value().Data)
		case section+name == "control" && e.Value().Kind == unstable.InlineTable:
			for it := e.Value().Children(); it.Next(); {
				if n := it.Node(); dotted(n) == "socket" && n.Value().Kind == unstable.String {
					socket = string(n.Value().Data)
				}
			}
		}
	}
	return socket
}

// dotted returns the name of a table or of a key.
func dotted(n *unstable.Node) string {
	var parts []string
	if n.Kind == unstable.KeyValue || n.Kind == unstable.Table || n.Kind == unstable.ArrayTable {
		for it := n.Key(); it.Next(); {
			parts = append(parts, string(it.Node().Data))
		}
	}
	return strings.Join(parts, ".")
}

// controlConflicts finds sockets of other sections with the same path.
func (c *Config) controlConflicts(x *conflicts) {
	at := socket.Address{Network: "unix", Address: c.Control.Socket}
	compare := func(name, s string) {
		if a, err := socket.Parse(s); err == nil && a == at {
			x.fault("control.socket", name, fmt.Sprintf("%s is a socket of %s too", cite(c.Control.Socket), name), "give each a path of its own")
		}
	}
	for _, s := range c.Listen {
		compare("listen", s)
	}
	compare("metrics.listen", c.Metrics.Listen)
}

func checkControlSocket(s string) (normal, problem, remedy string) {
	remedy = `write a path such as "/run/postvet/control.sock", "auto", or "" for none`
	if s == ControlAuto {
		return s, "", ""
	}
	s = strings.TrimPrefix(s, "unix:") // as it stands in listen
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "", cite(s) + " contains a control character", remedy
	}
	if _, err := socket.Parse("unix:" + s); err != nil {
		return "", cite(s) + " is no absolute path of a socket of at most 107 octets", remedy
	}
	return s, "", ""
}
