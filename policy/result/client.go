package result

// ClientResult is the client that was evaluated. If a trusted relay connected, it is
// the client of the outermost trusted relay, according to their Received fields.
type ClientResult struct {
	IP   string `json:"ip"`
	Helo string `json:"helo"`
	PTR  string `json:"ptr"` // verified by iprev, or ""
	// Listener is the MTA's {daemon_name}, TLS the protocol version of the SMTP
	// session.
	Listener string `json:"listener"`
	TLS      string `json:"tls"`
	// Socket is the address of our socket that the MTA connected to, as in
	// message.Client.
	Socket string `json:"socket"`

	// Relay is the address of the trusted relay that connected, RelayHelo its HELO;
	// "" if the client connected itself.
	Relay     string `json:"relay"`
	RelayHelo string `json:"relay_helo"`
	// Hops is the number of trusted relays between the client and us.
	Hops int `json:"hops"`
	// Hidden says why the client behind the relay is not known; "" if it is known. IP
	// and Helo of a hidden client are "".
	Hidden string `json:"hidden"`
	// Inside is true if the message was made on a trusted relay and has no client.
	Inside bool `json:"inside"`
}
