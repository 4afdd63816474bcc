//go:build linux

package realmta

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// The one login that both MTAs accept.
const (
	User     = "alice"
	Password = "correct horse"
)

// authServer is a socket at which an MTA asks whether a login is good.
type authServer struct {
	l     net.Listener
	conns sync.WaitGroup
	mu    sync.Mutex
	open  map[net.Conn]bool
}

// listenAuth serves each connection with answer.
func listenAuth(socket string, answer func(io.ReadWriter) error) (*authServer, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		l.Close()
		return nil, err
	}
	a := &authServer{l: l, open: map[net.Conn]bool{}}
	a.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.open[c] = true
			a.mu.Unlock()
			a.conns.Go(func() {
				c.SetDeadline(time.Now().Add(10 * time.Minute))
				answer(c)
				c.Close()
				a.mu.Lock()
				delete(a.open, c)
				a.mu.Unlock()
			})
		}
	})
	return a, nil
}

// close ends the server and its connections.
func (a *authServer) close() {
	if a == nil {
		return
	}
	a.l.Close()
	a.mu.Lock()
	for c := range a.open {
		c.Close()
	}
	a.mu.Unlock()
	a.conns.Wait()
}

// answerDovecot speaks as Dovecot's auth service does to Postfix: tab-separated
// lines, a greeting that ends in DONE, then AUTH requests with the client's
// initial response in base64.
func answerDovecot(rw io.ReadWriter) error {
	greeting := "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t" + strings.Repeat("0", 32) + "\nDONE\n"
	if _, err := io.WriteString(rw, greeting); err != nil {
		return err
	}
	sc := bufio.NewScanner(rw)
	for sc.Scan() {
		f := strings.Split(sc.Text(), "\t")
		if f[0] != "AUTH" || len(f) < 3 {
			continue
		}
		user, good := "", false
		for _, p := range f[3:] {
			if resp, ok := strings.CutPrefix(p, "resp="); ok {
				raw, _ := base64.StdEncoding.DecodeString(resp)
				if parts := bytes.Split(raw, []byte{0}); len(parts) == 3 {
					user = string(parts[1])
					good = user == User && string(parts[2]) == Password
				}
			}
		}
		line := "FAIL\t" + f[1] + "\tuser=" + user + "\n"
		if good {
			line = "OK\t" + f[1] + "\tuser=" + user + "\n"
		}
		if _, err := io.WriteString(rw, line); err != nil {
			return err
		}
	}
	return sc.Err()
}

// answerSaslauthd speaks as Cyrus saslauthd does to a SASL library: login,
// password, service and realm as strings with a 16-bit length before them, one
// question per connection.
func answerSaslauthd(rw io.ReadWriter) error {
	var f [4]string
	for i := range f {
		var n uint16
		if err := binary.Read(rw, binary.BigEndian, &n); err != nil {
			return err
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(rw, b); err != nil {
			return err
		}
		f[i] = string(b)
	}
	answer := "NO"
	if f[0] == User && f[1] == Password {
		answer = "OK"
	}
	_, err := rw.Write(append([]byte{0, byte(len(answer))}, answer...))
	return err
}
