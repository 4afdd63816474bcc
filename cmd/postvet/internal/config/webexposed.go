package config

import (
	"fmt"
	"io/fs"
	"os"
)

// WebExposed returns the files with secrets of the web page that others can read, or that others
// than their owner can write, in the form of faults.
func (c *Config) WebExposed() Errors {
	w := &c.Web
	if w.Listen == "" {
		return nil
	}
	var list Errors
	look := func(key, name string, bits fs.FileMode, exposed, what string) {
		info, err := os.Stat(name)
		if name == "" || err != nil || info.Mode()&bits == 0 {
			return
		}
		list = append(list, c.fault(key, fmt.Sprintf("%s can be %s (mode %04o), %s", cite(name), exposed, info.Mode().Perm(), what), "run chmod 640 on it, with the service's group"))
	}
	if len(w.Users) > 0 {
		look("web.users", c.origin["web.users"].file, 0o004, "read by others", "who can guess passwords")
	}
	look("web.users_file", c.beside("web.users_file", w.UsersFile), 0o024, "read by others or written by its group", "who can guess passwords, or become an admin")
	look("web.tls_key", w.TLSKey, 0o004, "read by others", "who can pretend to be this page")
	return list
}
