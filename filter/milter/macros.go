package milter

import (
	"bytes"

	gomilter "github.com/emersion/go-milter"
)

// macros are the macros of the MTA that we use, by their validity. go-milter keeps only
// the latest set.
type macros struct {
	// Until the next connect.
	daemonName string // {daemon_name}
	clientAddr string // {client_addr}
	version    string // v
	// For the SMTP session. TLS begins between two HELOs and lasts.
	tls string // {tls_version}
	// From one MAIL to the next.
	queueID string // i, the last that was not empty
	user    string // {auth_authen}
	method  string // {auth_type}
	// For the next RCPT.
	rcpt string // {rcpt_addr}
	// connect and mail are true if the macros of the next connect or MAIL have been
	// read.
	connect, mail bool
}

// maxMacro bounds the value of a macro.
const maxMacro = 1024

// read reads the payload of a macro packet: the command to which the macros belong, then
// names and values.
func (m *macros) read(data []byte) {
	if len(data) == 0 {
		return
	}
	switch gomilter.Code(data[0]) {
	case gomilter.CodeConn:
		*m = macros{connect: true}
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
	case "v":
		to = &m.version
	default:
		return
	}
	if *to != string(value) {
		*to = string(value)
	}
}

// connected is called at each connect, with or without macros of its own. Without them
// nothing is known of the client, and the previous client's address, login and TLS are
// not its own.
func (m *macros) connected() {
	if !m.connect {
		*m = macros{}
	}
	m.connect = false
}

// beginMail clears the macros of the previous message, since the MTA does not send macros
// that are undefined.
func (m *macros) beginMail() { m.queueID, m.user, m.method = "", "", "" }

// mailFrom is called at each MAIL, with or without macros of its own.
func (m *macros) mailFrom() {
	if !m.mail {
		m.beginMail()
	}
	m.mail = false
}

// recipient returns the address of a RCPT as the MTA parsed it, "" if it is not known. It
// clears the address, which does not belong to the next RCPT.
func (m *macros) recipient() string {
	addr := m.rcpt
	m.rcpt = ""
	return addr
}

// login returns the name of the user who logged in or, without a name, the method; "" if
// there was no login.
func (m *macros) login() string {
	if m.user == "" {
		return m.method
	}
	return m.user
}
