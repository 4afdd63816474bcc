// Package filter answers Postfix and Sendmail: it tells package policy what the
// MTA tells about a message, has the rules decide, and has the MTA carry out the
// verdict.
//
// A [Server] holds the [Handler] that decides and that a reload replaces. Each
// connection of an MTA has a session (session.go), which holds one message at a
// time (mail.go). The verdict becomes changes to the header (edits.go), other
// recipients (recipients.go) and a reply (reply.go). Each message leaves a
// [Decision], one line in the log (log.go) and a count (stats.go).
//
// Package filter/milter absorbs the traps of the protocol, package filter/socket
// opens the sockets.
//
// # Failure
//
// A message whose evaluation panics gets a temporary failure, never a silent
// acceptance (panic.go). The next message on the connection starts over.
package filter
