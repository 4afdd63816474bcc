//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"
)

// pageTime returns how long the page is shown: not at all where nobody looks.
func pageTime() time.Duration {
	if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
		return 15 * time.Minute
	}
	return 0
}

// page is the web page of both sites, one after the other, and the journal that it shows.
type page struct {
	dir      string // of the journal
	listen   string // address and port
	password string
	user     string // the line of the configuration
}

const pageUser = "demo"

// newPage makes a journal, and a user with a new password.
func newPage(ctx context.Context, binary string) (*page, error) {
	dir, err := os.MkdirTemp("", "postvet-demo-")
	if err != nil {
		return nil, err
	}
	p := &page{dir: dir, password: rand.Text()[:12]}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.listen = l.Addr().String()
	_ = l.Close()
	passwd := exec.CommandContext(ctx, binary, "web", "passwd", pageUser, "--stdin")
	passwd.Stdin, passwd.Stderr = strings.NewReader(p.password+"\n"), os.Stderr
	line, err := passwd.Output()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("postvet web passwd: %w", err), os.RemoveAll(dir))
	}
	p.user = strings.TrimSpace(string(line))
	return p, nil
}

// sections returns the sections of Postvet's configuration for the page and its journal.
func (p *page) sections() string {
	return fmt.Sprintf("[journal]\ndirectory = %q\nprivacy = \"addresses\"\n[web]\nlisten = \"inet:%s\"\nusers = [%q]\n",
		filepath.Join(p.dir, "journal"), p.listen, p.user)
}

// show tells where the page is, and waits until the time is over or ctx ends.
func (p *page) show(ctx context.Context, shown time.Duration) {
	fmt.Printf("\nThe web page of these messages is http://%s/ (user %s, password %s).\nIt stays for %s, or until Ctrl-C.\n", p.listen, pageUser, p.password, shown)
	select {
	case <-ctx.Done():
	case <-time.After(shown):
	}
}

func (p *page) remove() { _ = os.RemoveAll(p.dir) }
