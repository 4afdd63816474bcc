// Package milter speaks the milter protocol with Postfix and Sendmail. A [Server]
// accepts their connections. A [Session] receives the commands on one of them and
// returns the replies.
//
// The package is the only importer of go-milter. It hides the peculiarities of
// go-milter and of the two MTAs, so its callers need not know with which MTA they speak.
//
// # How go-milter is used
//
// Each connection gets its own Server of go-milter, so that its options can follow what
// this MTA offers, and so that its backend survives a refusal. After a refusal go-milter
// would use a new backend, which does not know the client.
//
// go-milter handles the negotiation, the connect and the end of a message. A [Conn]
// between it and the socket handles the other commands itself (commands.go, header.go).
// go-milter would answer each of them in a buffer of 4 KiB, copy each chunk of a body,
// keep all fields of a Sendmail connection until its end, and drop a field that is larger
// than 1 MiB or contains a NUL.
//
// # Peculiarities of the MTAs
//
//   - An MTA refuses a milter that asks for more than it offers, and waits for an answer
//     to each command unless the milter declined to answer it: negotiate.go.
//   - It takes a reply for which it does not wait as the answer to its next command, and
//     waits until its own timeout for one that is missing: replies.go.
//   - Sendmail waits ten seconds for a verdict, unless it is asked to wait longer:
//     progress.go. It writes macros and command separately, which over TCP costs 40 ms
//     each time: quickack_linux.go.
//   - Postfix sends Abort after each message, Sendmail sends nothing: commands.go.
//   - The MTAs send the queue id and the address of the client at different times and in
//     different ways: macros.go, connect.go.
//   - They count the fields of a header differently after deletions and insertions:
//     edits.go. They take a '%' in a reply for a format: text.go.
//   - They close a connection without notice when their client vanishes, and may send an
//     incomplete packet: input.go has the deadlines.
//
// # Failure
//
// A connection that breaks the protocol is closed, and so is one on which this
// package or its Session panics. The MTA then takes its own default action:
// configure tempfail there.
package milter
