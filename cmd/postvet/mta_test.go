package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// milterClient is the MTA's end of a milter connection, as small as these tests allow:
// it says what Postfix says and reads the replies.
type milterClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	// protocol is what was agreed: 0x1000, 0x2000 and 0x8000 for no reply to
	// connect, HELO and RCPT.
	protocol uint32
}

// The offer of current MTAs.
const (
	offeredActions  = 0x1ff
	offeredProtocol = 0x1fffff
)

func dialMTA(t *testing.T, network, addr string) *milterClient {
	t.Helper()
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	return greetMTA(t, conn)
}

// greetMTA negotiates on a connection that is open already.
func greetMTA(t *testing.T, conn net.Conn) *milterClient {
	t.Helper()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	m := &milterClient{t: t, conn: conn, in: bufio.NewReader(conn)}
	offer := binary.BigEndian.AppendUint32(nil, 6)
	offer = binary.BigEndian.AppendUint32(offer, offeredActions)
	offer = binary.BigEndian.AppendUint32(offer, offeredProtocol)
	m.send('O', string(offer))
	cmd, data := m.read()
	if cmd != 'O' || len(data) < 12 {
		t.Fatalf("negotiation answered with %q %q", cmd, data)
	}
	m.protocol = binary.BigEndian.Uint32([]byte(data[8:12]))
	return m
}

func (m *milterClient) send(cmd byte, data string) {
	m.t.Helper()
	p := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	if _, err := m.conn.Write(append(append(p, cmd), data...)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *milterClient) read() (cmd byte, data string) {
	m.t.Helper()
	cmd, data, err := m.tryRead()
	if err != nil {
		m.t.Fatalf("no reply: %v", err)
	}
	return cmd, data
}

func (m *milterClient) tryRead() (cmd byte, data string, err error) {
	var head [5]byte
	if _, err := io.ReadFull(m.in, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > 1<<20 {
		return 0, "", fmt.Errorf("a packet of %d octets", n)
	}
	b := make([]byte, n-1)
	_, err = io.ReadFull(m.in, b)
	return head[4], string(b), err
}

// proceed reads a reply that says continue, unless it was agreed to be silent.
func (m *milterClient) proceed(silent uint32) {
	m.t.Helper()
	if m.protocol&silent != 0 {
		return
	}
	if cmd, data := m.read(); cmd != 'c' {
		m.t.Fatalf("answered %q %q, want continue", cmd, data)
	}
}

func (m *milterClient) connect(ip, helo string) {
	m.t.Helper()
	m.send('C', "client.example\x004\x00\x19"+ip+"\x00")
	m.proceed(0x1000)
	m.send('H', helo+"\x00")
	m.proceed(0x2000)
}

// begin sends the envelope and the header of a message.
func (m *milterClient) begin(mailFrom, text string) (body string) {
	m.t.Helper()
	m.send('M', "<"+mailFrom+">\x00")
	m.proceed(0)
	m.send('R', "<user@test.example>\x00")
	m.proceed(0x8000)
	return m.content(text)
}

// content sends the header of a message.
func (m *milterClient) content(text string) (body string) {
	m.t.Helper()
	header, body, _ := strings.Cut(text, "\r\n\r\n")
	for _, f := range strings.Split(strings.NewReplacer("\r\n\t", "\n\t", "\r\n ", "\n ").Replace(header), "\r\n") {
		name, value, _ := strings.Cut(f, ":")
		m.send('L', name+"\x00"+value+"\x00") // no reply is due
	}
	m.send('N', "")
	return body
}

// end sends the body and returns what is to be changed and the verdict.
func (m *milterClient) end(body string) (changes []string, verdict string) {
	m.t.Helper()
	m.send('B', body)
	m.send('E', "")
	for {
		switch cmd, data := m.read(); cmd {
		case 'p':
		case 'y':
			return changes, "reply " + strings.TrimRight(data, "\x00")
		case 'c', 'a', 'r', 't', 'd':
			return changes, string(cmd)
		default:
			changes = append(changes, string(cmd)+strings.ReplaceAll(data, "\x00", "|"))
		}
	}
}
