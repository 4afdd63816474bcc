//go:build linux

package realmta

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Shell runs a line as root would type it on the MTA's machine, and returns what it prints.
func (s *Site) Shell(ctx context.Context, line string) (string, error) {
	switch m := s.MTA.(type) {
	case *Postfix:
		return output(ctx, func(ctx context.Context) *exec.Cmd {
			cmd := m.command("/bin/sh", "-c", line)(ctx)
			cmd.Env = append(os.Environ(), "PATH=/usr/sbin:"+os.Getenv("PATH"))
			return cmd
		})
	case *Sendmail:
		return m.shell(ctx, line)
	}
	return "", errors.New("realmta: no MTA")
}

// shell has "sendmail" and "mailq" mean this Sendmail, and /var/spool/mqueue its queue.
func (s *Sendmail) shell(ctx context.Context, line string) (string, error) {
	dir := s.path("commands")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	argv := "exec '" + strings.Join(s.argv(), "' '") + "'"
	for name, text := range map[string]string{"sendmail": argv, "mailq": argv + " -bp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+` "$@"`+"\n"), 0o755); err != nil {
			return "", err
		}
	}
	line = strings.ReplaceAll(line, "/var/spool/mqueue", s.path("queue"))
	return output(ctx, func(ctx context.Context) *exec.Cmd {
		cmd := namespaced(ctx, s.dir, s.places(), "/bin/sh", "-c", line)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		return cmd
	})
}
