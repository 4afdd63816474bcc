// Package filter speaks the milter protocol with Postfix and Sendmail: it
// listens, tells package policy what the MTA tells it, and carries out the
// verdict. It is the only importer of go-milter, and all traps of the protocol
// are absorbed here and nowhere else.
//
// # How go-milter is used
//
// Each connection gets a [milter.Server] of its own, so that its options can
// follow what this MTA offers and its backend survives rejected recipients.
// Between go-milter and the socket stands a wire, which
//
//   - masks the options by the offer and answers with the MTA's own version,
//   - lets the MTA wait for an answer only where there may be one to give,
//   - buffers reads, collects replies and sends them before it waits,
//   - keeps deadlines, sends progress packets, and ends between messages when
//     the server drains,
//   - drops a reply where none is due and makes one where one is due,
//   - repairs what go-milter cannot read: Sendmail's "IPv6:" prefix, Postfix's
//     unix family, unknown SMTP commands, QUIT_NC,
//   - streams macros, header fields and the body past go-milter, which would
//     keep every field of a Sendmail connection for ever, copy every chunk into
//     fresh memory, and drop a field that is larger than 1 MiB or holds a NUL,
//   - takes the commands between connect and a message's end past it too, since
//     it makes each answer in a buffer of 4 KiB.
//
// What stays with it is the negotiation, the connect, and the verdict.
//
// go-milter then has nothing to complain about to the standard log package.
// A program that wants to be sure redirects that package to its own log, as
// with zap.RedirectStdLogAt.
//
// # Failure
//
// A message whose evaluation panics gets a temporary failure, never a silent
// acceptance. A connection that breaks the protocol is closed, which to the MTA
// is its own default action: configure tempfail there.
package filter
