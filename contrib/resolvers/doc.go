// Resolvers puts Postvet's evaluation before the DNS resolvers that admins run, and
// into the troubles that they meet: Debian's unbound, named, kresd, pdns_recursor,
// dnsmasq, dnsdist and systemd-resolved, and CoreDNS, in normal operation and while
// they are killed, stopped, short of a quota, lossy or lying.
//
//	go run ./contrib/resolvers                       the whole table; what "make resolvers" does
//	go run ./contrib/resolvers -program dnsmasq      the cells of one program
//	go run ./contrib/resolvers -trouble killed       the cells of one trouble
//
// Half of the messages are honest, and half are forgeries in the name of domains
// that ask for p=reject. They are evaluated by policy and decided by policy/rules,
// with a dnscache.Resolver that asks the program. No MTA is needed. Behind the
// program stands the DNS server of dnscache/dnstest with the zone.
//
// # What each cell must show
//
// No forgery is accepted, and no honest message is refused for good. In normal
// operation each verdict is the expected one. The table also counts the messages
// that were deferred (451), the queries, and the time of a message.
//
// # What it needs
//
// Linux, root, the right to make namespaces of mounts and processes, and the
// programs, which install.sh unpacks without installing anything. CoreDNS is not in
// Debian, so install.sh builds it from its Go module.
//
// A program runs as nobody on a loopback address of its own, in a namespace of
// mounts in which the unpacked packages lie over /usr. It ends with us, however we
// end.
package main
