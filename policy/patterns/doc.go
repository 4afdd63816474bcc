// Package patterns learns from mail that passes DMARC how mail of a domain looks: from which
// networks it comes, which domains sign it, whether all of it is signed, and through which
// networks it comes that SPF does not authenticate. Package judgement uses that when a
// message fails.
//
// Mail that fails teaches nothing. So a forger can teach nothing about a domain but by
// replaying its signed messages. A replay never passes SPF for the author's domain. It
// therefore counts neither as volume nor as signed, but only as a network through which mail
// of the domain came, once a day for any number of messages. Such a network is known as a forwarder
// if it did so for several registered domains on several days. That saves failing mail of it
// from being refused, and never gets any accepted.
//
// [Learner] has the numbers of a day. [Known] has what the rows of a month say, and never
// changes, so that the mail path reads it without a lock. Somebody else keeps the rows.
package patterns
