//go:build linux

package main

import (
	"bytes"
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

	"github.com/postvet/postvet/contrib/child"
	"github.com/postvet/postvet/contrib/realmta"
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
	binary   string // of Postvet
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
	p := &page{dir: dir, binary: binary, password: rand.Text()[:12]}
	if err := realmta.Give(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	port, err := child.FreePort()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p.listen = net.JoinHostPort("127.0.0.1", port)
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
		p.journal(), p.listen, p.user)
}

// await waits until the journal, which the page shows, has n messages. The service writes them
// within a second.
func (p *page) await(ctx context.Context, n int) error {
	has := 0
	for range 20 {
		history := exec.CommandContext(ctx, p.binary, "history", "--journal", p.journal(), "--json")
		text, err := history.Output()
		var exited *exec.ExitError
		if errors.As(err, &exited) && exited.ExitCode() != 1 { // 1 says that there are none
			return fmt.Errorf("postvet history: %w: %s", err, bytes.TrimSpace(exited.Stderr))
		}
		if has = bytes.Count(text, []byte("\n")); has >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
	return fmt.Errorf("the journal has %d of %d messages", has, n)
}

func (p *page) journal() string { return filepath.Join(p.dir, "journal") }

// show tells where the page is, and waits until the time is over or ctx ends.
func (p *page) show(ctx context.Context, shown time.Duration) {
	stays := shown.String()
	if shown >= time.Minute && shown%time.Minute == 0 {
		stays = fmt.Sprintf("%d minutes", shown/time.Minute)
	}
	fmt.Printf("\nThe web page of these messages is http://%s/ (user %s, password %s).\nIt stays for %s, or until Ctrl-C.\n", p.listen, pageUser, p.password, stays)
	select {
	case <-ctx.Done():
	case <-time.After(shown):
	}
}

func (p *page) remove() { _ = os.RemoveAll(p.dir) }
