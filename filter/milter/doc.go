// Package milter speaks the milter protocol with Postfix and Sendmail. A
// [Server] accepts their connections, and a [Session] hears what the MTA says on
// one of them and answers.
//
// The package is the only importer of go-milter, and absorbs what go-milter and
// the two MTAs do otherwise than a reader of the protocol would expect. Nothing
// above it needs to know which MTA it speaks with.
//
// # How go-milter is used
//
// Each connection gets a Server of go-milter of its own, so that its options can
// follow what this MTA offers, and so that its backend survives a refusal: after
// one go-milter takes a new backend, which never heard of the client.
// go-milter does the negotiation, the connect and the end of a message. Between
// it and the socket stands a [Conn], which handles the other commands itself
// (commands.go, header.go): go-milter would answer each in a buffer of 4 KiB,
// copy each chunk of a body into fresh memory, keep every field of a Sendmail
// connection for ever, and drop a field that is larger than 1 MiB or holds a NUL.
//
// # What the MTAs do
//
//   - They refuse a milter that asks for more than they offer, and wait for an
//     answer wherever the milter did not ask to leave it out: negotiate.go.
//   - They take a reply that they did not wait for as the answer to their next
//     question, and wait for ever for one that does not come: replies.go.
//   - Sendmail waits ten seconds for a verdict, unless it is asked for patience:
//     progress.go. It writes macros and command apart, which over TCP costs 40 ms
//     each time: quickack_linux.go.
//   - Postfix says Abort after each message, Sendmail says nothing: commands.go.
//   - They know the queue id, and say the address of the client, at different
//     times and in different ways: macros.go, connect.go.
//   - They count the fields of a header differently once some are deleted or
//     inserted: edits.go. They take a '%' in a reply for a format: text.go.
//   - They close a connection without a word when their client vanishes, and may
//     send half a packet and no more: input.go has the deadlines.
//
// # Failure
//
// A connection that breaks the protocol is closed, and so is one on which this
// package or its Session panics. The MTA then takes its own default action:
// configure tempfail there.
package milter
