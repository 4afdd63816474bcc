package addrlist_test

import (
	"fmt"
	"net/netip"

	"github.com/postvet/postvet/policy/addrlist"
)

func Example() {
	const hosts = `# Clients that we trust.
192.0.2.0/24, 2001:db8::/32
!192.0.2.7            # but not the test machine
.example.org
`
	var b addrlist.Builder
	if err := b.File("trusted-hosts", []byte(hosts), addrlist.Addresses|addrlist.Names); err != nil {
		fmt.Println(err)
		return
	}
	list := b.List()
	for _, ip := range []string{"192.0.2.25", "192.0.2.7", "2001:db8::25", "198.51.100.7"} {
		fmt.Println(ip, list.Address(netip.MustParseAddr(ip)))
	}
	for _, name := range []string{"mx.example.org", "example.org"} {
		fmt.Println(name, list.Name(name))
	}

	// A prefix with bits beyond its length is an error.
	_, err := addrlist.New(addrlist.Addresses, "192.0.2.1/24")
	fmt.Println(err)
	// Output:
	// 192.0.2.25 true
	// 192.0.2.7 false
	// 2001:db8::25 true
	// 198.51.100.7 false
	// mx.example.org true
	// example.org false
	// "192.0.2.1/24" has bits beyond its length; write "192.0.2.0/24", or "192.0.2.1" for the one address
}
