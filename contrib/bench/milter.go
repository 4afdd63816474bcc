package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// The MTA's side of the milter protocol, version 6, as Postfix speaks it.

// patience bounds the wait for one answer of a milter.
const patience = 60 * time.Second

// maxReply bounds what a milter may send in one packet.
const maxReply = 1 << 20

// Bits of the protocol word: steps that the MTA leaves out, and answers that
// the milter does not send.
const (
	noConnect = 1 << 0
	noHelo    = 1 << 1
	noMail    = 1 << 2
	noRcpt    = 1 << 3
	noBody    = 1 << 4
	noHeaders = 1 << 5
	noEOH     = 1 << 6
	nrHeaders = 1 << 7
	noData    = 1 << 9
	nrConnect = 1 << 12
	nrHelo    = 1 << 13
	nrMail    = 1 << 14
	nrRcpt    = 1 << 15
	nrData    = 1 << 16
	nrEOH     = 1 << 18
	nrBody    = 1 << 19
	leadSpace = 1 << 20

	offeredActions  = 0x1ff
	offeredProtocol = 0x1fffff
)

// Stages of macro lists in the answer to the offer.
const (
	stageConnect = iota
	stageHelo
	stageMail
	stageRcpt
	stageData
	stageEOM
	stageEOH
	stages
)

// defaultMacros are those that Postfix sends unasked.
var defaultMacros = [stages][]string{
	stageConnect: {"j", "{daemon_name}", "{daemon_addr}", "v", "_"},
	stageMail:    {"{auth_type}", "{auth_authen}", "{mail_addr}", "{mail_host}", "{mail_mailer}"},
	stageRcpt:    {"i", "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}"},
	stageData:    {"i"},
	stageEOM:     {"i"},
	stageEOH:     {"i"},
}

// answer is one packet of a milter.
type answer struct {
	cmd  byte
	data []byte
}

// goOn reports whether the conversation goes on after the answer.
func (a answer) goOn() bool { return a.cmd == 'c' || a.cmd == 's' }

var silence = answer{cmd: 'c'} // where a step is left out or not answered

// link is a connection to one milter.
type link struct {
	conn     net.Conn
	r        *bufio.Reader
	w        *bufio.Writer
	protocol uint32
	macros   [stages][]string
	buf      []byte // of the last answer
	// doneMessage and doneConnection say that the milter wants to see no more
	// of the message or of the connection.
	doneMessage, doneConnection bool
}

// dialMilter connects and negotiates.
func dialMilter(path string) (*link, error) {
	c, err := dialUnix(path)
	if err != nil {
		return nil, err
	}
	l := &link{conn: c, r: bufio.NewReaderSize(c, 16<<10), w: bufio.NewWriterSize(c, 80<<10), macros: defaultMacros}
	var offer [12]byte
	binary.BigEndian.PutUint32(offer[0:], 6)
	binary.BigEndian.PutUint32(offer[4:], offeredActions)
	binary.BigEndian.PutUint32(offer[8:], offeredProtocol)
	l.send('O', offer[:])
	a, err := l.receive()
	if err == nil && (a.cmd != 'O' || len(a.data) < 12) {
		err = fmt.Errorf("milter: answer %q to the offer", a.cmd)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	l.protocol = binary.BigEndian.Uint32(a.data[8:])
	for list := a.data[12:]; len(list) >= 4; {
		stage := binary.BigEndian.Uint32(list)
		names, rest, ok := bytes.Cut(list[4:], []byte{0})
		if !ok {
			break
		}
		if stage < stages {
			l.macros[stage] = strings.Fields(string(names))
		}
		list = rest
	}
	return l, nil
}

// dialUnix connects, and waits while the queue of the listening socket is full,
// as a connect that blocks does.
func dialUnix(path string) (net.Conn, error) {
	end := time.Now().Add(patience)
	for {
		c, err := net.DialTimeout("unix", path, patience)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return c, err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

func (l *link) close() {
	l.send('Q')
	l.w.Flush()
	l.conn.Close()
}

// send buffers a packet. Errors stay in the writer until it is flushed.
func (l *link) send(cmd byte, data ...[]byte) {
	n := 1
	for _, d := range data {
		n += len(d)
	}
	var h [5]byte
	binary.BigEndian.PutUint32(h[:], uint32(n))
	h[4] = cmd
	l.w.Write(h[:])
	for _, d := range data {
		l.w.Write(d)
	}
}

// receive flushes and returns the next packet that does not only report
// progress. The packet's data is valid until the next call.
func (l *link) receive() (answer, error) {
	l.conn.SetDeadline(time.Now().Add(patience))
	if err := l.w.Flush(); err != nil {
		return answer{}, err
	}
	for {
		var h [5]byte
		if _, err := io.ReadFull(l.r, h[:]); err != nil {
			return answer{}, err
		}
		n := binary.BigEndian.Uint32(h[:4])
		if n == 0 || n > maxReply {
			return answer{}, fmt.Errorf("milter: packet of %d bytes", n)
		}
		if cap(l.buf) < int(n) {
			l.buf = make([]byte, n)
		}
		data := l.buf[:n-1]
		if _, err := io.ReadFull(l.r, data); err != nil {
			return answer{}, err
		}
		if h[4] != 'p' {
			return answer{h[4], data}, nil
		}
	}
}

// step sends the macros of a stage and a command, unless the milter left out
// that step. It returns the answer, unless the milter sends none.
func (l *link) step(no, nr uint32, macros []string, values map[string]string, cmd byte, data ...[]byte) (answer, error) {
	if l.protocol&no != 0 {
		return silence, nil
	}
	l.define(cmd, macros, values)
	l.send(cmd, data...)
	if l.protocol&nr != 0 {
		return silence, nil
	}
	return l.receive()
}

// define sends macros for a command, without those that have no value.
func (l *link) define(cmd byte, macros []string, values map[string]string) {
	var b []byte
	for _, m := range macros {
		if v := values[m]; v != "" {
			b = append(append(append(append(b, m...), 0), v...), 0)
		}
	}
	if b != nil {
		l.send('D', []byte{cmd}, b)
	}
}

func cstring(s string) []byte { return append([]byte(s), 0) }

// errTruncated is the error of an edit that ends too early.
var errTruncated = errors.New("milter: truncated edit")

// edit returns a header with one change applied. It knows the changes that the
// peers use: add, insert, change and delete.
func edit(fields []Field, a answer) ([]Field, error) {
	data := a.data
	index := 0
	if a.cmd == 'i' || a.cmd == 'm' {
		if len(data) < 4 {
			return fields, errTruncated
		}
		index = int(binary.BigEndian.Uint32(data))
		data = data[4:]
	}
	parts := bytes.SplitN(data, []byte{0}, 3)
	if len(parts) < 2 {
		return fields, errTruncated
	}
	f := Field{string(parts[0]), string(parts[1])}
	switch a.cmd {
	case 'h':
		return append(fields[:len(fields):len(fields)], f), nil
	case 'i':
		at := min(index, len(fields))
		return append(append(append(make([]Field, 0, len(fields)+1), fields[:at]...), f), fields[at:]...), nil
	}
	n := 0
	for i := range fields {
		if !strings.EqualFold(fields[i].Name, f.Name) {
			continue
		}
		if n++; n < index {
			continue
		}
		changed := append(make([]Field, 0, len(fields)), fields[:i]...)
		if f.Value != "" {
			changed = append(changed, f)
		}
		return append(changed, fields[i+1:]...), nil
	}
	return fields, nil
}
