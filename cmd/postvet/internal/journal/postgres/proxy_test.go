//go:build linux

package postgres

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postvet/postvet/contrib/keyservers"
)

// cut says where a proxy cuts a connection.
type cut struct {
	message string // a part of the text of a message of the client; "" for the first message
	kind    byte   // of the message; 0 for any
	after   bool   // the server gets it, and its answer is lost
	reset   bool   // the client gets a reset
	times   int    // how often
}

// proxy is a network between a node and a server that cuts connections.
type proxy struct {
	address string
	server  *keyservers.Server

	mu    sync.Mutex
	cut   cut
	cuts  int
	group sync.WaitGroup
}

// newProxy returns a proxy of a server. It leads to the socket, where no password costs time.
func newProxy(t testing.TB, s *keyservers.Server) *proxy {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{address: l.Addr().String(), server: s}
	p.group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.connection(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.group.Wait()
	})
	return p
}

// database returns a database of the server, which is reached through the proxy.
func (p *proxy) database(name string) *Database {
	host, port, _ := net.SplitHostPort(p.address)
	return &Database{DSN: "host=" + host + " port=" + port + " user=postgres sslmode=disable dbname=" + name}
}

// cutAt has the next connections cut, and returns how often that was done before.
func (p *proxy) cutAt(c cut) (cuts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cuts, p.cut, p.cuts = p.cuts, c, 0
	return cuts
}

// isCut reports whether a message of the client is where to cut, and how.
func (p *proxy) isCut(kind byte, text string) (is, after, reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &p.cut
	if c.times == 0 || c.kind != 0 && c.kind != kind || c.message == "" && c.kind == 0 && kind != 0 || !strings.Contains(text, c.message) {
		return false, false, false
	}
	c.times--
	p.cuts++
	return true, c.after, c.reset
}

// connection hands messages on between a client and the server.
func (p *proxy) connection(client net.Conn) {
	defer client.Close()
	server, err := p.server.DialSocket()
	if err != nil {
		return
	}
	defer server.Close()
	answers := make(chan struct{})
	var lost sync.Once
	deaf := make(chan struct{}) // closed when answers are lost
	go func() {
		defer close(answers)
		b := make([]byte, 64<<10)
		for {
			n, err := server.Read(b)
			if err != nil {
				client.Close()
				return
			}
			select {
			case <-deaf:
				return // one answer came, and is lost
			default:
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	defer func() { server.Close(); <-answers }()
	header := make([]byte, 5)
	for first := true; ; first = false {
		head, kind := header, byte(0)
		if first { // it has no kind
			head = header[1:]
		}
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		if !first {
			kind = head[0]
		}
		length := int(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
		if length < 0 || length > 1<<24 {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(client, body); err != nil {
			return
		}
		is, after, reset := p.isCut(kind, string(body))
		if tcp, ok := client.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		if is && !after {
			return
		}
		if is {
			lost.Do(func() { close(deaf) })
		}
		if _, err := server.Write(append(append([]byte(nil), head...), body...)); err != nil {
			return
		}
		if is {
			select {
			case <-answers:
			case <-time.After(100 * time.Millisecond): // to data of COPY there is no answer
			}
			return
		}
	}
}

// testCut cuts the connection of a node at each message of a batch, before the server has it
// and before its answer comes. Rows are there exactly once.
func testCut(t *testing.T, s *keyservers.Server) {
	d := newDatabase(t, s, "cut")
	p := newProxy(t, s)
	through := p.database("cut")
	n := newNode(t, "mx1", through, nil)
	n.recorder.Add(n.row(noon))
	n.sent(t, d)
	conn, err := d.Connect(t.Context())
	must(t, err)
	defer closeConn(conn)
	day, want := time.Now().AddDate(0, 0, 30), 1
	for i, c := range []struct {
		cut
		newDay bool // it needs a partition and a mark of its own
	}{
		{cut: cut{message: ""}},
		{cut: cut{message: "current_setting"}},
		{cut: cut{message: "goose_db_version"}},
		{cut: cut{message: "UPDATE postvet.node SET session"}},
		{cut: cut{message: "FROM postvet.shipped"}},
		{cut: cut{message: "postvet.lease"}},
		{cut: cut{message: "pg_inherits"}},
		{cut: cut{message: "CREATE TABLE IF NOT EXISTS"}, newDay: true},
		{cut: cut{message: "INSERT INTO postvet.shipped"}, newDay: true},
		{cut: cut{message: "BEGIN;"}},
		{cut: cut{message: "COPY postvet."}},
		{cut: cut{kind: 'd', message: "PGCOPY"}},
		{cut: cut{kind: 'c'}},
		{cut: cut{message: "UPDATE postvet.shipped"}},
		{cut: cut{message: "COMMIT", kind: 'Q'}},
	} {
		c.times = 2
		for _, c.after = range []bool{false, true} {
			if c.newDay {
				day = day.AddDate(0, 0, 1) // partitions of the next week exist
			}
			n.shipper.Close(t.Context())
			c.reset = i%2 == 0
			p.cutAt(c.cut)
			for range 20 {
				n.recorder.Add(n.row(day))
			}
			n.recorder.Flush(t.Context())
			n.ship(t, through, nil)
			want += 20
			there := 0
			eventually(t, "rows are sent", func() bool {
				must(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM postvet.mail").Scan(&there))
				return there >= want
			})
			if cuts := p.cutAt(cut{}); cuts == 0 || there != want {
				t.Errorf("at %q %q after %t %d connections were cut; %d rows are there, want %d", c.kind, c.message, c.after, cuts, there, want)
			}
		}
	}
	n.sent(t, d)
}
