package miltertest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Letter is a message to send.
type Letter struct {
	From   string
	Rcpts  []string
	Addrs  []string // {rcpt_addr} of each; nil if the MTA does not send it
	Fields [][2]string
	Body   string
}

// Usual returns a message with one recipient and two fields.
func Usual() Letter {
	return Letter{
		From:   "<a@example.org>",
		Rcpts:  []string{"<b@example.net>"},
		Fields: [][2]string{{"From", " a@example.org"}, {"Subject", " hello"}},
		Body:   "hello\r\n",
	}
}

// Outcome is what the MTA was told to do.
type Outcome struct {
	Code  byte
	Text  string
	Edits []string // "del name#n", "ins n name:value", "quarantine reason", "+<rcpt>", "-<rcpt>"
}

// Hello plays connect and HELO of a usual client.
func (m *MTA) Hello() {
	m.t.Helper()
	m.Send('D', []byte("C"), Strings("j", "mx.example.net", "{daemon_name}", "smtpd", "{client_addr}", "192.0.2.1"))
	m.Command('C', Inet("client.example.org", "192.0.2.1", 40000))
	m.Command('H', Strings("helo.example.org"))
}

// Envelope plays MAIL, RCPT and, where it is asked for, DATA.
func (m *MTA) Envelope(l Letter) {
	m.t.Helper()
	m.Command('M', Strings(l.From))
	for i, r := range l.Rcpts {
		if l.Addrs != nil {
			m.Send('D', []byte("R"), Strings("{rcpt_addr}", l.Addrs[i]))
		}
		m.Command('R', Strings(r))
	}
	if m.Agreed.Protocol&0x200 == 0 && m.Agreed.Version > 3 {
		m.Command('T')
	}
}

// Rcpt says RCPT and returns the reply, 'c' where none is due.
func (m *MTA) Rcpt(path string) (code byte, text string) {
	m.t.Helper()
	m.Send('R', Strings(path))
	if !m.Awaits('R') {
		return 'c', ""
	}
	code, d := m.Receive()
	return code, strings.TrimSuffix(string(d), "\x00")
}

// Content plays the header and the body.
func (m *MTA) Content(l Letter) {
	m.t.Helper()
	for _, f := range l.Fields {
		m.Command('L', Strings(f[0], f[1]))
	}
	m.Command('N')
	for b := l.Body; b != ""; {
		n := min(len(b), 65535)
		m.Command('B', []byte(b[:n]))
		b = b[n:]
	}
}

// Deliver plays a whole message.
func (m *MTA) Deliver(l Letter) Outcome {
	m.t.Helper()
	m.Envelope(l)
	m.Content(l)
	if m.Queue != "" {
		m.Send('D', []byte("E"), Strings("i", m.Queue))
	}
	m.Send('E')
	return m.Verdict()
}

// Verdict reads all that answers a message's end.
func (m *MTA) Verdict() Outcome {
	m.t.Helper()
	var o Outcome
	for {
		code, d := m.Receive()
		switch code {
		case 'm', 'i':
			name, value, _ := bytes.Cut(d[4:], []byte{0})
			value = bytes.TrimSuffix(value, []byte{0})
			n := binary.BigEndian.Uint32(d)
			if code == 'm' && len(value) == 0 {
				o.Edits = append(o.Edits, fmt.Sprintf("del %s#%d", name, n))
			} else if code == 'i' {
				o.Edits = append(o.Edits, fmt.Sprintf("ins %d %s:%s", n, name, value))
			} else {
				m.t.Fatalf("change of %s to %q", name, value)
			}
		case 'q':
			o.Edits = append(o.Edits, "quarantine "+strings.TrimSuffix(string(d), "\x00"))
		case '+', '-':
			o.Edits = append(o.Edits, string(code)+strings.TrimSuffix(string(d), "\x00"))
		default:
			o.Code, o.Text = code, strings.TrimSuffix(string(d), "\x00")
			return o
		}
	}
}
