package config

import "github.com/postvet/postvet/policy/addrlist"

// Exempt is which messages are not checked.
type Exempt struct {
	Addresses     List
	Names         List
	Authenticated bool
	Local         bool
}

func (e *Exempt) section() section {
	return section{name: "exempt", comment: `Which messages are accepted unchecked. Trusted addresses and local submissions
keep fields in our name, which may be our own work.`, keys: []key{
		{
			name: "addresses", value: entries(&e.Addresses, addrlist.Addresses, addrlist.Names, "127.0.0.0/8", "::1/128"), environment: true,
			comment: "Clients that are trusted, as addresses or prefixes.",
		},
		{
			name: "names", value: entries(&e.Names, addrlist.Names, addrlist.Addresses),
			comment: `Clients that are trusted by the name of their address, if the name leads back
to the address: "mx.example.org", or ".example.org" for the names below it.
The owner of the name's DNS zone can send anything. Fields in our name are
removed all the same.`,
		},
		{
			name: "authenticated", value: truth(&e.Authenticated, true),
			comment: "Clients that logged in.",
		},
		{
			name: "local", value: truth(&e.Local, true),
			comment: "Messages submitted on this machine without SMTP (sendmail, cron).",
		},
	}}
}

func (e *Exempt) conflicts(x *conflicts) {
	const remedy = "list your own hosts and networks; mode = \"monitor\" refuses nothing"
	x.everybody("exempt.addresses", e.Addresses, "exempts", remedy)
	x.everybody("exempt.names", e.Names, "exempts", remedy)
}
