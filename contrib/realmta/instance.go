//go:build linux

package realmta

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/postvet/postvet/contrib/child"
)

// patience bounds each wait for an MTA, a daemon or a command. It only guards
// against waiting for ever: on a busy machine all of them take their time.
const patience = 2 * time.Minute

// instance is what the MTAs have in common: a folder, a port and a process.
type instance struct {
	dir, port, listen string
	version           string
	proc              *child.Process
	auth              *authServer
	stopped           bool
}

// launch starts the MTA, on another port if somebody took the first one between
// the choice and the bind.
func (m *instance) launch(start func() error, end func() error) error {
	for try := 1; ; try++ {
		err := start()
		if err == nil {
			return nil
		}
		log := m.Log()
		if ended := end(); try == 3 || !strings.Contains(log, "Address already in use") {
			m.stopped = true
			return errors.Join(fmt.Errorf("%w\n%s", err, log), ended, removeFolder(m.dir))
		}
	}
}

// choosePorts chooses where the MTA listens, and where its milter does: on a
// socket in the MTA's folder, or on a port.
func (m *instance) choosePorts(milter, socket string) error {
	var err error
	if m.port, err = child.FreePort(); err != nil {
		return err
	}
	m.listen, err = milterAddress(milter, m.path(socket))
	return err
}

// greeting is a word that no other MTA's greeting holds.
func (m *instance) greeting() string { return filepath.Base(m.dir) }

// awaitGreeting waits until the MTA greets, and returns the greeting. Another
// MTA that has taken the port is not mistaken for it.
func (m *instance) awaitGreeting(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c, err := Dial(ctx, "", m.Addr())
		if err == nil {
			c.Close()
			if strings.Contains(c.Greeting.Text, m.greeting()) {
				return c.Greeting.Text, nil
			}
			err = fmt.Errorf("realmta: another server greets with %q", c.Greeting)
		}
		if dead := m.proc.Alive(); dead != nil {
			return "", fmt.Errorf("realmta: %w", dead)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%w: waiting for %s: %w", errGaveUp, m.Addr(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (m *instance) path(name string) string { return filepath.Join(m.dir, name) }

// Version is what the MTA says about itself.
func (m *instance) Version() string { return m.version }

// Addr is where the MTA listens on 127.0.0.1.
func (m *instance) Addr() string { return net.JoinHostPort("127.0.0.1", m.port) }

// Addr6 is where the MTA listens on ::1.
func (m *instance) Addr6() string { return net.JoinHostPort("::1", m.port) }

// MilterListen is where the milter has to listen.
func (m *instance) MilterListen() string { return m.listen }

// Log is the mail log, and what the MTA printed.
func (m *instance) Log() string {
	console, _ := os.ReadFile(m.path("console"))
	log, _ := os.ReadFile(m.path("maillog"))
	return string(console) + string(log)
}

// endProcess stops the MTA's processes and its authentication service.
func (m *instance) endProcess() error {
	var err error
	if m.proc != nil {
		err = m.proc.Stop(patience)
		m.proc = nil
	}
	m.auth.close()
	m.auth = nil
	return err
}

// stop ends the MTA once and removes its folder.
func (m *instance) stop(end func() error) error {
	if m.stopped {
		return nil
	}
	m.stopped = true
	if err := end(); err != nil {
		return err
	}
	return removeFolder(m.dir)
}

// milterAddress turns Options.Milter into the address to listen on.
func milterAddress(kind, socket string) (string, error) {
	switch kind {
	case "":
		return "", nil
	case "unix":
		return "unix:" + socket, nil
	case "inet":
		port, err := child.FreePort()
		return "inet:127.0.0.1:" + port, err
	}
	return "", fmt.Errorf("realmta: milter %q: want unix, inet or nothing", kind)
}
