package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/input"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
	"github.com/postvet/postvet/cmd/postvet/internal/mtasetup"
)

// checkUser judges whether the service's user can read a file and what it names. That
// is the user called name, or else the one of the packaged unit if the file lies in
// the folder of the unit's; for others nothing is found.
func checkUser(c *config.Config, file, name string, s mtasetup.Service) (found finding.List, err error) {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil, failed("%s: %v", file, err)
	}
	whose := "--user"
	if name == "" && filepath.Dir(path) == filepath.Dir(s.Config) {
		name, whose = s.User, s.Unit
	}
	if name == "" {
		return nil, nil
	}
	who, err := account.Named(name, s.Groups...)
	var noUser user.UnknownUserError
	var noGroup user.UnknownGroupError
	switch {
	case errors.As(err, &noUser):
		found.Error(fmt.Sprintf("the user %s of %s does not exist, so the service cannot start", name, whose),
			"adduser --system --group --no-create-home --home /var/lib/postvet --shell /usr/sbin/nologin "+account.Quoted(name))
		return found, nil
	case errors.As(err, &noGroup):
		found.Error(fmt.Sprintf("the group %s of %s does not exist, so the service cannot start", string(noGroup), whose), "addgroup --system "+account.Quoted(string(noGroup)))
		return found, nil
	case err != nil:
		return nil, failed("the user %s cannot be looked up: %v", name, err)
	}
	return readable(who, append([]config.NamedFile{{Path: path}}, c.Files()...), s.Hidden), nil
}

// readable judges whether an account can use the files. hidden are folders that the
// service does not see, whatever their rights.
func readable(who account.Account, files []config.NamedFile, hidden []string) (found finding.List) {
	for _, f := range files {
		where := ""
		if f.Key != "" {
			where = f.Place + ": " + f.Key + ": "
		}
		at, needs := f.Path, account.Read
		if f.Written {
			at, needs = filepath.Dir(f.Path), account.Write|account.Execute // it is replaced
		}
		if dir := within(hidden, f.Path); dir != "" {
			found.Error(where+f.Path+" lies below "+dir+", which systemd hides from the service (ProtectHome=, PrivateTmp=)", "move it to /etc/postvet")
			continue
		}
		o, err := who.Obstacle(at, needs)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// An absent list is a fault already, and systemd makes the folder of the snapshot.
		case err != nil:
			found.Warning(fmt.Sprintf("%swhether the user %s can read %s cannot be told: %v", where, who.Name, f.Path, input.Cause(err)), "run the check as root")
		case o == nil:
		case f.Written:
			found.Warning(where+way(o, at)+", so answers of the DNS are lost at a restart", o.Fix())
		case within([]string{"/root", "/home"}, o.Path) != "":
			found.Error(where+way(o, f.Path), "move it to /etc/postvet: others should not enter "+o.Path)
		default:
			found.Error(where+way(o, f.Path), o.Fix())
		}
	}
	if len(found) == 0 {
		found.OK(fmt.Sprintf("the user %s can read %s", who.Name, layout.Count(len(files), "file")))
	}
	return found
}

// way describes an obstacle on the way to a file.
func way(o *account.Obstacle, path string) string {
	if o.Path == path {
		return o.String()
	}
	return o.String() + " on the way to " + path
}

// within returns the one of the folders that a path lies in; "" if it lies in none.
func within(folders []string, path string) string {
	for _, dir := range folders {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return dir
		}
	}
	return ""
}
