// Package filter connects Postfix and Sendmail with package policy. It passes each
// message from the MTA to policy, has the rules decide, and returns the verdict to the
// MTA.
//
// A [Server] has a [Handler], which decides and which a reload replaces. Each
// connection of an MTA has a session (session.go), which has one message at a time
// (mail.go). The verdict becomes changes to the header (edits.go), other recipients
// (recipients.go) and a reply (reply.go). Each message results in a [Decision], one
// line in the log (log.go) and a count (stats.go). Messages for certain recipients are
// copied while they arrive (copy.go).
//
// Package filter/milter speaks the protocol, package filter/socket opens the sockets.
//
// # Failure
//
// A message whose evaluation panics gets a temporary failure and is never accepted
// silently (panic.go). The next message on the connection is evaluated anew.
package filter
