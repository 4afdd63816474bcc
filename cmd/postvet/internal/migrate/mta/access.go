package mta

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postvet/postvet/cmd/postvet/internal/account"
)

// canConnect checks whether the account can connect to the socket at path, as seen
// from outside any chroot. It looks at permissions and does not connect.
func (c *check) canConnect(a account.Account, path string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.Error("there is no socket at "+path, "start Postvet with that socket: listen = [\"unix:"+path+"\"]")
		return
	case err != nil:
		c.Error(fmt.Sprintf("the socket %s cannot be examined: %v", path, err), "run the check as root")
		return
	case info.Mode().Type() != fs.ModeSocket:
		c.Error(path+" is no socket", "remove it, and start Postvet")
		return
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		d, err := os.Stat(dir)
		if err == nil && !a.May(dir, d, account.Execute) {
			c.Error(fmt.Sprintf("the user %s may not enter %s, where the socket is", a.Name, dir),
				fmt.Sprintf("let its group in: chgrp %s %s && chmod 2750 %s", a.Name, dir, dir))
			return
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if !a.May(path, info, account.Read|account.Write) {
		c.Error(fmt.Sprintf("the user %s may not open the socket %s (%v)", a.Name, path, info.Mode().Perm()),
			fmt.Sprintf("[socket] group = %q and mode = \"0660\", then restart Postvet", a.Name))
		return
	}
	c.OK(fmt.Sprintf("the user %s can open the socket %s", a.Name, path))
}

// isSafe checks whether Sendmail takes the path of a socket for safe: it opens none
// in a directory that others may write to.
func (c *check) isSafe(path string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if d, err := os.Stat(dir); err == nil && d.Mode().Perm()&0o022 != 0 && d.Mode()&fs.ModeSticky == 0 {
			c.Error(fmt.Sprintf("users other than its owner may write to %s: Sendmail calls the socket unsafe and does not open it", dir),
				"chmod go-w "+dir+", or use a socket elsewhere")
			return
		}
		if dir == filepath.Dir(dir) {
			return
		}
	}
}
