// Package dnscache answers DNS questions: a sharded cache in front, an upstream
// client behind. It exists because a program that judges mail asks the same few
// thousand names over and over, and must never mistake a resolver in trouble
// for a statement of a domain's owner.
//
// The package knows nothing of mail. It is the only importer of miekg/dns.
//
// # Outcomes
//
// Every question ends in an [Answer] with one [Outcome]. Found, NoData and
// NXDomain are statements of the DNS; ServFail, Refused and Timeout are trouble
// on the way to it and say nothing about the name. They stay apart from the
// wire to the caller.
//
// # The way of a question
//
// [Resolver.Lookup] looks into the store; a hit takes no lock and allocates
// nothing. A miss joins the flight of the same question, or starts it. The
// flight is nobody's: it has its own deadline, and a caller who gives up leaves
// it to the others. It follows the CNAME chain, over several messages if need
// be, asks the upstreams in the order of their health, the second when the
// first is late, and leaves the answer in the store.
//
// An upstream is asked over UDP, over a kept TCP connection after truncation,
// or over TLS alone. Without Upstreams those of resolv.conf are asked, also when
// it changes.
//
// # Trouble
//
// Failures alone do not tell the resolvers' trouble from that of the names, which
// strangers choose. [Resolver.Degraded] therefore reports trouble only when most
// zones fail and a random name below com and org fails too, which is always
// answered. At most one such test in five seconds goes out, and only then.
//
// # Panics
//
// A panic in a lookup is a fault of this program. It ends that lookup, as ServFail
// with a [PanicError], and neither the program nor the lookups of others. It is
// counted, logged, and not kept in the cache.
//
// # Memory
//
// MaxBytes holds for entries, what consumers derived from them, and the index.
// Eviction is S3-FIFO: names that come once displace only one another.
// [Resolver.Save] and [Resolver.Load] carry the answers over a restart.
//
// # Time
//
// Answers are kept for the least TTL of their chain, between MinTTL and MaxTTL;
// negative ones by RFC 2308 up to NegativeTTL, trouble for FailureTTL (RFC
// 9520). Names in demand are asked for again in the last tenth of their TTL.
// When the servers fail, a Found answer is served past its end, marked as
// [Answer.Stale], for MaxStale (RFC 8767); a negative one is not, for an outage
// must not turn into evidence. An NXDOMAIN answers for every type of its name and,
// if it is authentic, for the names below it (RFC 8020); without DNSSEC's word it
// does not, for servers exist that deny a name with others below it.
//
// # What is believed
//
// Each query over UDP has a socket, so a port, and an id of its own, and towards
// other hosts random case. A response to another id or question is passed over;
// records that are not on the chain from the name asked for are not read. The
// AD bit is kept only from loopback or with TrustAD, and of a chain only if
// every part had it.
package dnscache
