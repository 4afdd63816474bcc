package message

import "net/netip"

// Envelope is what the MTA knows about a message besides its text.
type Envelope struct {
	Client Client
	// Helo is the client's argument of HELO or EHLO; "" if it gave none.
	Helo   string
	Sender Sender
	// Recipients are the forward-paths without angle brackets.
	Recipients []string
}

// Client is the SMTP client as the MTA describes it.
type Client struct {
	// IP is the client's address, never an IPv4-mapped one. It is invalid if
	// the MTA gave none.
	IP netip.Addr
	// Name is the MTA's name for the client; "" or "[192.0.2.1]" if it found
	// none.
	Name string
	// Port is the client's port; 0 if unknown.
	Port uint16
	// Local is true if the message was submitted on this machine without SMTP.
	Local bool
	// Listener is the value of the MTA's macro {daemon_name}.
	Listener string
	// Socket is our address that the MTA connected to, in Postfix's notation:
	// "inet:127.0.0.1:8890" or "unix:/path".
	Socket string
	// MTA is what the MTA calls itself, its macro v: "Postfix 3.9.0", and Sendmail
	// "8.18.1"; "" if unknown.
	MTA string
}

// OfSendmail reports whether the MTA is Sendmail.
func (c Client) OfSendmail() bool { return c.MTA != "" && '0' <= c.MTA[0] && c.MTA[0] <= '9' }

// Sender is the MAIL FROM command and what the MTA knows about the session.
type Sender struct {
	// Path is the reverse-path without angle brackets; "" for the null sender.
	Path string
	// Unknown is true if nobody gave a reverse-path, as for some stored messages. The
	// message is evaluated as one of the null sender.
	Unknown bool
	// User is the name that the client authenticated with ({auth_authen}); ""
	// for none.
	User string
	// TLS is the TLS version of the SMTP session ({tls_version}); "" for none.
	TLS string
}
