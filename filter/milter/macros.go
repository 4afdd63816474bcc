package milter

import (
	"bytes"

	gomilter "github.com/emersion/go-milter"
)

// macros are the MTA's macros that we use, by how long they hold. go-milter
// keeps only the latest set.
type macros struct {
	// The connection's, until the next connect.
	daemonName string // {daemon_name}
	clientAddr string // {client_addr}
	// The SMTP session's: TLS begins between two HELOs and lasts.
	tls string // {tls_version}
	// The message's, from one MAIL to the next.
	queueID string // i, the last that was not empty
	user    string // {auth_authen}
	method  string // {auth_type}
	rcpt    string // {rcpt_addr}, of the coming RCPT
	// mail tells that the macros of the coming MAIL have been read.
	mail bool
}

// maxMacro bounds what is kept of one value.
const maxMacro = 1024

// read takes the payload of a macro packet: the command that they are for, then
// names and values.
func (m *macros) read(data []byte) {
	if len(data) == 0 {
		return
	}
	switch gomilter.Code(data[0]) {
	case gomilter.CodeConn:
		*m = macros{}
	case gomilter.CodeMail:
		m.beginMail()
		m.mail = true
	case gomilter.CodeRcpt:
		m.rcpt = ""
	}
	for data = data[1:]; len(data) > 0; {
		var name, value []byte
		name, data, _ = bytes.Cut(data, []byte{0})
		value, data, _ = bytes.Cut(data, []byte{0})
		if len(value) == 0 {
			continue
		}
		if n := len(name); n > 2 && name[0] == '{' && name[n-1] == '}' {
			name = name[1 : n-1]
		}
		m.set(name, value[:min(len(value), maxMacro)])
	}
}

func (m *macros) set(name, value []byte) {
	var to *string
	switch string(name) {
	case "i":
		to = &m.queueID
	case "auth_authen":
		to = &m.user
	case "auth_type":
		to = &m.method
	case "rcpt_addr":
		to = &m.rcpt
	case "tls_version":
		to = &m.tls
	case "daemon_name":
		to = &m.daemonName
	case "client_addr":
		to = &m.clientAddr
	default:
		return
	}
	if *to != string(value) {
		*to = string(value)
	}
}

// beginMail forgets what belonged to the message before: a client may log in,
// and the MTA leaves out what is not defined.
func (m *macros) beginMail() { m.queueID, m.user, m.method = "", "", "" }

// mailFrom is called at each MAIL, whether macros came with it or not.
func (m *macros) mailFrom() {
	if !m.mail {
		m.beginMail()
	}
	m.mail = false
}

// recipient returns the address of a RCPT as the MTA reads it, "" if it does not
// say; macros of one RCPT are not those of the next.
func (m *macros) recipient() string {
	addr := m.rcpt
	m.rcpt = ""
	return addr
}

// login returns who logged in; a method without a name is still a login.
func (m *macros) login() string {
	if m.user == "" {
		return m.method
	}
	return m.user
}
