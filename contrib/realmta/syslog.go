//go:build linux

package realmta

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"sync"
)

// syslogServer writes the datagrams of a /dev/log to a file.
type syslogServer struct {
	conn *net.UnixConn
	done sync.WaitGroup
}

func listenSyslog(socket, file string) (*syslogServer, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("realmta: %w", err)
	}
	os.Remove(socket)
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("realmta: %w", err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return nil, err
	}
	l := &syslogServer{conn: conn}
	l.done.Go(func() {
		defer f.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			f.Write(append(bytes.TrimRight(buf[:n], "\x00\n"), '\n'))
		}
	})
	return l, nil
}

func (l *syslogServer) close() {
	if l == nil {
		return
	}
	l.conn.Close()
	l.done.Wait()
}
