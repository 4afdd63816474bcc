// Package publication puts the records of keys into the DNS and takes them out again: by
// dynamic update (RFC 2136), or by a program of the administrator. Nothing is published
// unless the administrator asks for it.
package publication

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Change is what the TXT records of a name are to be.
type Change struct {
	Name string
	// Value is the text of the one record afterwards, "" for none.
	Value string
	TTL   time.Duration
	// Ours reports whether a record that stands there may be replaced or removed.
	Ours func(text string) bool
}

// Publisher makes changes.
type Publisher interface {
	// Publish returns nil when the change is made, or had been made before. Name servers
	// may show it later. It ends in bounded time: a program by the Timeout of the options.
	Publish(ctx context.Context, c Change) error
	// String says how in the words of the configuration, without secrets.
	String() string
}

// Options say how records are published.
type Options struct {
	// How is sign.publish: "nsupdate:HOST", with a port if it is not 53, or "exec:FILE"; ""
	// for not at all.
	How string
	// KeyFile has the TSIG key of updates; "" if the server knows us by our address.
	KeyFile string
	// ReadSecret reads KeyFile.
	ReadSecret func(path string) ([]byte, error)
	// Addresses finds the addresses of HOST.
	Addresses func(ctx context.Context, host string) ([]netip.AddrPort, error)
	// Timeout bounds the program.
	Timeout time.Duration
	// Log gets the lines that the program writes.
	Log func(line string)
}

// New returns a publisher; nil if nothing is published.
func New(o Options) (Publisher, error) {
	kind, rest, _ := strings.Cut(o.How, ":")
	switch {
	case o.How == "":
		return nil, nil
	case kind == "nsupdate" && rest != "":
		return &update{options: o, host: rest}, nil
	case kind == "exec" && strings.HasPrefix(rest, "/"):
		return &hook{options: o, program: rest}, nil
	}
	return nil, fmt.Errorf("%q is no way to publish; write nsupdate:HOST or exec:/path/of/a/program", o.How)
}
