// Package dnscache answers DNS questions from a cache, and asks resolvers for what
// the cache does not have.
//
// A mail server asks the same few thousand names over and over, and acts on the
// answers. So answers should come at once, and the failure of a resolver must
// never be taken for something that the owner of a domain said. The package knows
// nothing of mail. It is the only one that imports miekg/dns.
//
// # Answers
//
// [Resolver.Lookup] returns an [Answer], whatever happens, with one [Outcome].
// Found, NoData and NXDomain are what the DNS says about a name. ServFail, Refused
// and Timeout say nothing about it: no answer could be had.
//
// # Lookups
//
// A lookup that finds its answer in the cache takes no lock and allocates nothing.
// Otherwise it waits for a flight, which is one question while it is asked;
// lookups of the same question share it. A flight has its own deadline, and goes
// on when a caller gives up. It follows the CNAME chain, over several messages if
// it must, and puts the answer into the cache. The best upstream is asked first,
// the next one when that fails or is late.
//
// Upstreams are asked over UDP, over a TCP connection that stays open if the
// response is truncated, or over TLS alone. If Options names none, those of
// resolv.conf are asked, also when that file changes.
//
// # Time
//
// An answer is kept for the least TTL of its chain, between MinTTL and MaxTTL. A
// negative one is kept as RFC 2308 says, at most for NegativeTTL, and a failure
// for FailureTTL (RFC 9520). An answer in demand is refreshed in the last tenth of
// its TTL. When the servers fail, a Found answer is served after its TTL for
// MaxStale, marked as [Answer.Stale] (RFC 8767). Negative answers are not, since
// an outage must not turn "there was none" into evidence.
//
// An NXDOMAIN answers for every type of its name. It answers for names below only
// if it is authentic (RFC 8020), as servers exist that answer NXDOMAIN for a name
// with others below it.
//
// # Memory
//
// MaxBytes bounds the answers, the values derived from them ([Derive]) and the
// index. Eviction is S3-FIFO: names that are asked for once displace only one
// another. [Resolver.Save] and [Resolver.Load] carry the answers over a restart.
//
// # Failures
//
// Strangers choose the names, so many failed lookups do not prove that the
// resolvers fail. [Resolver.Degraded] reports that only if lookups in most zones
// fail and so does one of a random name below com or org, which is always
// answered. It is looked up at most once in five seconds, and only when most zones
// fail.
//
// A panic in a lookup is a fault of this program. It makes that lookup fail with a
// [PanicError], and hurts no other. It is counted and logged, and the failure is
// not kept.
//
// # Forged answers
//
// Each query over UDP has a socket, and so a port, and an id of its own; to other
// hosts it has random case. Responses to another id or question are ignored, and
// so are records that are not on the chain from the name asked for. The AD bit
// counts only from loopback or with TrustAD, and for a chain only if every part
// had it.
package dnscache
