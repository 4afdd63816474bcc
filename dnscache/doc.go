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
package dnscache
