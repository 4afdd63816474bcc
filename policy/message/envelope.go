package message

import "net/netip"

// Envelope is what the MTA knows of a message besides its text.
type Envelope struct {
	Client Client
	// Helo is the name that the client gave in HELO or EHLO; "" for none.
	Helo   string
	Sender Sender
	// Recipients are the forward-paths without angle brackets.
	Recipients []string
}

// Client is the SMTP client as the MTA describes it.
type Client struct {
	// IP is the client's address, never IPv4-mapped; invalid if the MTA gave none.
	IP netip.Addr
	// Name is the MTA's name for the client, "" or "[192.0.2.1]" if it found none.
	Name string
	// Port is the client's port; 0 if unknown.
	Port uint16
	// Local reports that the message was submitted on this machine without SMTP.
	Local bool
	// Listener is the MTA's {daemon_name}.
	Listener string
	// Socket is our address that the MTA connected to, in Postfix's notation:
	// "inet:127.0.0.1:8890", "unix:/path".
	Socket string
}

// Sender is the MAIL FROM command with what the MTA knows of the session.
type Sender struct {
	// Path is the reverse-path without angle brackets; "" for the null sender.
	Path string
	// User is the name that the client logged in with ({auth_authen}); "" for none.
	User string
	// TLS is the protocol version of the SMTP session ({tls_version}); "" for none.
	TLS string
}
