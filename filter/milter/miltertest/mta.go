// Package miltertest plays the MTA's side of a milter connection for tests,
// packet by packet, as Postfix and Sendmail do.
package miltertest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// Timeout is how long a test waits for a packet that must come. It only guards
// against hanging.
const Timeout = time.Minute

// Dialer opens connections to the server under test.
type Dialer func() (net.Conn, error)

// MTA plays one connection.
type MTA struct {
	net.Conn
	// Queue is the queue id that goes with each command, as Postfix does; "" for
	// none.
	Queue string
	// Agreed is the answer to the offer, and Lists are the macros that it asks for
	// by stage.
	Agreed Offer
	Lists  map[uint32]string
	// Progress counts the packets that asked for patience.
	Progress int

	t testing.TB
	r *bufio.Reader
}

// Dial opens a connection that is not negotiated yet. It is closed when the test
// ends.
func Dial(t testing.TB, dial Dialer) *MTA {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return New(t, c)
}

// New plays the MTA on a connection.
func New(t testing.TB, c net.Conn) *MTA {
	return &MTA{Conn: c, t: t, r: bufio.NewReader(c)}
}

// Connect opens a connection and negotiates.
func Connect(t testing.TB, dial Dialer, o Offer) *MTA {
	t.Helper()
	m := Dial(t, dial)
	m.Negotiate(o)
	return m
}

// Negotiate sends an offer and reads the answer.
func (m *MTA) Negotiate(o Offer) {
	m.t.Helper()
	m.Send('O', o.Bytes())
	d := m.Want('O')
	if len(d) < 12 {
		m.t.Fatalf("the answer to the offer is %x", d)
	}
	m.Agreed = Offer{binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:]), binary.BigEndian.Uint32(d[8:])}
	m.Lists = map[uint32]string{}
	for d = d[12:]; len(d) >= 4; {
		list, rest, _ := bytes.Cut(d[4:], []byte{0})
		m.Lists[binary.BigEndian.Uint32(d)] = string(list)
		d = rest
	}
}

// Send sends a packet.
func (m *MTA) Send(cmd byte, parts ...[]byte) {
	m.t.Helper()
	if _, err := m.Write(Packet(cmd, parts...)); err != nil {
		m.t.Fatalf("send %q: %v", cmd, err)
	}
}

// Command sends a command and takes "continue" as its reply where one is due.
func (m *MTA) Command(cmd byte, parts ...[]byte) {
	m.t.Helper()
	if m.Queue != "" {
		m.Send('D', []byte{cmd}, Strings("i", m.Queue))
	}
	m.Send(cmd, parts...)
	if m.Awaits(cmd) {
		m.Want('c')
	}
}

// Awaits reports whether the MTA waits for an answer to a command.
func (m *MTA) Awaits(cmd byte) bool { return m.Agreed.Protocol&noReply[cmd] == 0 }

var noReply = map[byte]uint32{'C': 0x1000, 'H': 0x2000, 'R': 0x8000, 'L': 0x80, 'N': 0x40000, 'B': 0x80000}

// ReadPacket reads one packet. It counts and drops those that ask for patience.
func (m *MTA) ReadPacket() (code byte, data []byte, err error) {
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
			m.Progress++
			continue
		}
		return h[4], d, nil
	}
}

// Receive reads one packet that must come.
func (m *MTA) Receive() (code byte, data []byte) {
	m.t.Helper()
	_ = m.SetReadDeadline(time.Now().Add(Timeout))
	code, data, err := m.ReadPacket()
	if err != nil {
		m.t.Fatalf("receive: %v", err)
	}
	return code, data
}

// Want reads one packet and checks its code.
func (m *MTA) Want(code byte) []byte {
	m.t.Helper()
	got, d := m.Receive()
	if got != code {
		m.t.Fatalf("reply is %q %q, want %q", got, d, code)
	}
	return d
}

// Silence checks that nothing arrives. In a bubble of testing/synctest it cannot
// miss anything; elsewhere it only waits for a moment.
func (m *MTA) Silence() {
	m.t.Helper()
	_ = m.SetReadDeadline(time.Now().Add(40 * time.Millisecond))
	if b, err := m.r.ReadByte(); err == nil {
		m.t.Fatalf("octet %x where nothing was due", b)
	}
	_ = m.SetReadDeadline(time.Time{})
}

// Closed checks that the server ends the connection.
func (m *MTA) Closed() {
	m.t.Helper()
	_ = m.SetReadDeadline(time.Now().Add(Timeout))
	code, d, err := m.ReadPacket()
	if err == nil {
		m.t.Fatalf("packet %q %q, want the end", code, d)
	}
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		m.t.Fatal("the connection is still open")
	}
}
