// Package dnscache answers DNS lookups from a cache, and queries resolvers for the
// answers that are not in the cache.
//
// A mail server looks up the same few thousand names again and again, and decides by the
// answers. So answers must be fast, and the failure of a resolver must never be taken for
// a statement of a domain's owner. The package does not depend on mail. It is the only one
// that imports miekg/dns.
//
// # Answers
//
// [Resolver.Lookup] always returns an [Answer], with one [Outcome]. Found, NoData and
// NXDomain are statements of the DNS about a name. ServFail, Refused and Timeout are
// failures, which say nothing about it.
//
// # Lookups
//
// A lookup that finds its answer in the cache takes no lock and allocates nothing.
// Otherwise it waits for a flight. Lookups of the same question share a flight, which has
// its own deadline and continues when a caller gives up. It follows the CNAME chain, over
// several messages if necessary, and puts the answer into the cache. The best upstream is
// queried first, and the next one if that fails or is late.
//
// Upstreams are queried over UDP and, if a response is truncated, over a TCP connection
// that stays open. They can also be queried over TLS only. If Options names none, the
// upstreams are those of resolv.conf, which is read again when it changes.
//
// # Time
//
// An answer is kept for the least TTL of its chain, between MinTTL and MaxTTL. A
// negative one is kept as RFC 2308 says, at most for NegativeTTL, and a failure
// for FailureTTL (RFC 9520). An answer in demand is refreshed in the last tenth of
// its TTL. When the servers fail, a Found answer is served after its TTL for
// MaxStale, marked as [Answer.Stale] (RFC 8767). A negative answer is not, since a record
// may have been published meanwhile.
//
// An NXDOMAIN holds for every type of its name. It holds for names below only if it is
// authentic (RFC 8020), because some servers answer NXDOMAIN for a name with others below
// it.
//
// # Memory
//
// MaxBytes bounds the answers, the values derived from them ([Derive]) and the
// index. Eviction is S3-FIFO, so names that are looked up once displace only one another.
// [Resolver.Save] and [Resolver.Load] keep the answers over a restart. [Resolver.Export] and
// [Resolver.Import] bring them into the cache of another machine.
//
// # Failures
//
// Senders choose the names, so many failed lookups do not prove that the resolvers fail.
// When lookups in most zones fail, the package looks up a random name below com or org, at
// most once in five seconds. [Resolver.Degraded] reports a failure of the resolvers only if
// that lookup fails too, since the servers of these zones always answer.
//
// A resolver with a quota fails, refuses or drops what is too much. As soon as an upstream
// seems to have one, the queries in flight to it are limited, as TCP limits its segments.
// The lookups that wait take turns by [Group]. A lookup whose time ends meanwhile fails with
// [CauseResolver].
//
// A panic in a lookup is a fault of this program. That lookup fails with a [PanicError],
// and no other is affected. The panic is counted and logged, and the failure is not kept.
//
// # Forged answers
//
// Each query over UDP has its own socket, and so its own port, and a random id. A query to
// another host also has random case. Responses with another id or question are ignored, and
// so are records that are not on the CNAME chain. The AD bit counts only from upstreams
// that TrustAD names, and for a chain only if every part has it.
//
// A trusted upstream that validates answers SERVFAIL for records that do not pass, and says
// so by an extended error (RFC 8914), or shows it by an answer to the same question with the
// CD bit. That is the end of a lookup ([ErrBogus]). While such an upstream works, those that
// do not validate are not queried.
package dnscache
