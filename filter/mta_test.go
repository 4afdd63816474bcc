package filter

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// offer is what an MTA offers.
type offer struct{ version, actions, protocol uint32 }

var (
	// Both MTAs of today offer everything.
	offerAll = offer{6, 0x1ff, 0x1fffff}
	// Postfix with milter_protocol set lower, and Sendmail before 8.14.
	offer4 = offer{4, 0x3f, 0x3ff &^ 0x80}
	offer3 = offer{3, 0x3f, 0x1ff &^ 0x80}
	offer2 = offer{2, 0x3f, 0x7f}
)

// mta plays the MTA's side of one milter connection, byte by byte.
type mta struct {
	net.Conn
	t        testing.TB
	r        *bufio.Reader
	got      offer
	lists    map[uint32]string
	progress int
	// queue is told with each command if it is set, as by Postfix.
	queue string
}

// dialer opens connections to the server under test.
type dialer func() (net.Conn, error)

func newMTA(t testing.TB, dial dialer) *mta {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &mta{Conn: c, t: t, r: bufio.NewReader(c)}
}

// connectMTA negotiates.
func connectMTA(t testing.TB, dial dialer, o offer) *mta {
	t.Helper()
	m := newMTA(t, dial)
	m.negotiate(o)
	return m
}

func (o offer) bytes() []byte {
	b := binary.BigEndian.AppendUint32(nil, o.version)
	b = binary.BigEndian.AppendUint32(b, o.actions)
	return binary.BigEndian.AppendUint32(b, o.protocol)
}

func (m *mta) negotiate(o offer) {
	m.t.Helper()
	m.send('O', o.bytes())
	code, d := m.recv()
	if code != 'O' || len(d) < 12 {
		m.t.Fatalf("answer to the offer is %q %x", code, d)
	}
	m.got = offer{binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:]), binary.BigEndian.Uint32(d[8:])}
	m.lists = map[uint32]string{}
	for d = d[12:]; len(d) >= 4; {
		list, rest, _ := bytes.Cut(d[4:], []byte{0})
		m.lists[binary.BigEndian.Uint32(d)] = string(list)
		d = rest
	}
}

func pkt(cmd byte, parts ...[]byte) []byte { return packet(cmd, bytes.Join(parts, nil)) }

func (m *mta) send(cmd byte, parts ...[]byte) {
	m.t.Helper()
	if _, err := m.Write(pkt(cmd, parts...)); err != nil {
		m.t.Fatalf("send %q: %v", cmd, err)
	}
}

func z(ss ...string) []byte {
	var b []byte
	for _, s := range ss {
		b = append(append(b, s...), 0)
	}
	return b
}

// try reads one packet, counting progress.
func (m *mta) try() (byte, []byte, error) {
	for {
		var h [5]byte
		if _, err := io.ReadFull(m.r, h[:]); err != nil {
			return 0, nil, err
		}
		d := make([]byte, binary.BigEndian.Uint32(h[:])-1)
		if _, err := io.ReadFull(m.r, d); err != nil {
			return 0, nil, err
		}
		if h[4] == 'p' {
			m.progress++
			continue
		}
		return h[4], d, nil
	}
}

func (m *mta) recv() (byte, []byte) {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(10 * time.Second))
	code, d, err := m.try()
	if err != nil {
		m.t.Fatalf("receive: %v", err)
	}
	return code, d
}

// want reads one packet and checks its code.
func (m *mta) want(code byte) []byte {
	m.t.Helper()
	got, d := m.recv()
	if got != code {
		m.t.Fatalf("reply is %q %q, want %q", got, d, code)
	}
	return d
}

// silence checks that nothing arrives for a while.
func (m *mta) silence() {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(40 * time.Millisecond))
	if b, err := m.r.ReadByte(); err == nil {
		m.t.Fatalf("octet %x where nothing was due", b)
	}
	m.SetReadDeadline(time.Time{})
}

// closed checks that the server ends the connection.
func (m *mta) closed() {
	m.t.Helper()
	m.SetReadDeadline(time.Now().Add(10 * time.Second))
	code, d, err := m.try()
	if err == nil {
		m.t.Fatalf("packet %q %q, want the end", code, d)
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		m.t.Fatal("the connection is still open")
	}
}

// command sends a command and takes its reply where one is due.
func (m *mta) command(cmd byte, parts ...[]byte) {
	m.t.Helper()
	if m.queue != "" {
		m.send('D', []byte{cmd}, z("i", m.queue))
	}
	m.send(cmd, parts...)
	if m.due(cmd) {
		m.want('c')
	}
}

// due reports whether the MTA waits for an answer to a command.
func (m *mta) due(cmd byte) bool {
	silent := map[byte]uint32{'C': 0x1000, 'H': 0x2000, 'R': 0x8000, 'L': 0x80, 'N': 0x40000, 'B': 0x80000}[cmd]
	return m.got.protocol&silent == 0
}

func inet(host, ip string, port uint16) []byte {
	family := byte('4')
	if strings.Contains(ip, ":") {
		family = '6'
	}
	b := append(z(host), family)
	b = binary.BigEndian.AppendUint16(b, port)
	return append(b, z(ip)...)
}

// hello plays connect and HELO of a usual client.
func (m *mta) hello() {
	m.t.Helper()
	m.send('D', []byte("C"), z("j", "mx.example.net", "{daemon_name}", "smtpd", "{client_addr}", "192.0.2.1"))
	m.command('C', inet("client.example.org", "192.0.2.1", 40000))
	m.command('H', z("helo.example.org"))
}

// letter is a message to send.
type letter struct {
	from   string
	rcpts  []string
	read   []string // {rcpt_addr} of each; nil if the MTA does not send it
	fields [][2]string
	body   string
}

var usual = letter{
	from:   "<a@example.org>",
	rcpts:  []string{"<b@example.net>"},
	fields: [][2]string{{"From", " a@example.org"}, {"Subject", " hello"}},
	body:   "hello\r\n",
}

// outcome is what the MTA was told to do.
type outcome struct {
	code  byte
	text  string
	edits []string // "del name#n", "ins n name:value", "quarantine reason", "+<rcpt>", "-<rcpt>"
}

func (m *mta) envelope(l letter) {
	m.t.Helper()
	m.command('M', z(l.from))
	for i, r := range l.rcpts {
		if l.read != nil {
			m.send('D', []byte("R"), z("{rcpt_addr}", l.read[i]))
		}
		m.command('R', z(r))
	}
	if m.got.protocol&0x200 == 0 && m.got.version > 3 {
		m.command('T')
	}
}

// content plays the header and the body.
func (m *mta) content(l letter) {
	m.t.Helper()
	for _, f := range l.fields {
		m.command('L', z(f[0], f[1]))
	}
	m.command('N')
	for b := l.body; b != ""; {
		n := min(len(b), 65535)
		m.command('B', []byte(b[:n]))
		b = b[n:]
	}
}

func (m *mta) deliver(l letter) outcome {
	m.t.Helper()
	m.envelope(l)
	m.content(l)
	if m.queue != "" {
		m.send('D', []byte("E"), z("i", m.queue))
	}
	m.send('E')
	return m.verdict()
}

func (m *mta) verdict() outcome {
	m.t.Helper()
	var o outcome
	for {
		code, d := m.recv()
		switch code {
		case 'm', 'i':
			name, value, _ := bytes.Cut(d[4:], []byte{0})
			value = bytes.TrimSuffix(value, []byte{0})
			n := binary.BigEndian.Uint32(d)
			if code == 'm' && len(value) == 0 {
				o.edits = append(o.edits, fmt.Sprintf("del %s#%d", name, n))
			} else if code == 'i' {
				o.edits = append(o.edits, fmt.Sprintf("ins %d %s:%s", n, name, value))
			} else {
				m.t.Fatalf("change of %s to %q", name, value)
			}
		case 'q':
			o.edits = append(o.edits, "quarantine "+strings.TrimSuffix(string(d), "\x00"))
		case '+', '-':
			o.edits = append(o.edits, string(code)+strings.TrimSuffix(string(d), "\x00"))
		default:
			o.code, o.text = code, strings.TrimSuffix(string(d), "\x00")
			return o
		}
	}
}

// pipes is a listener in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (p *pipes) dial() (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.conns <- b:
		return a, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-time.After(10 * time.Second):
		return nil, errors.New("nobody accepts")
	}
}

func newReader(c net.Conn) *bufio.Reader { return bufio.NewReader(c) }
