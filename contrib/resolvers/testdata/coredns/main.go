// Coredns is CoreDNS with the plugins that the cells of contrib/resolvers need. It is a
// module of its own, so that Postvet does not depend on CoreDNS. install.sh builds it, as
// CoreDNS is not in Debian.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
)

func main() {
	dnsserver.Directives = []string{"bind", "errors", "forward"}
	coremain.Run()
}
