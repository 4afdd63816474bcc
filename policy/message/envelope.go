package message

import "net/netip"

// Client is the SMTP client as the MTA describes it.
type Client struct {
	// IP is the client's address, never IPv4-mapped; invalid if the MTA gave none.
	IP netip.Addr
	// Name is the MTA's name for the client, "" or "[192.0.2.1]" if it found none.
	Name string
	// Port is the client's port; 0 if unknown.
	Port uint16
	// Local tells that the message was submitted on this machine without SMTP.
	Local bool
	// Listener is the MTA's {daemon_name}.
	Listener string
	// Socket is the address of ours that the MTA connected to, in Postfix's
	// notation: "inet:127.0.0.1:8890", "unix:/path".
	Socket string
}

// Sender is what came with MAIL FROM.
type Sender struct {
	// Path is the reverse-path without angle brackets; "" for the null sender.
	Path string
	// User is who authenticated ({auth_authen}); "" for nobody.
	User string
	// TLS is the protocol version of the SMTP session ({tls_version}); "" for none.
	TLS string
}
