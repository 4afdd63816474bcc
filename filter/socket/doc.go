// Package socket opens the sockets on which Postvet listens: for MTAs, and for
// its own control and metrics.
//
// An address may be written as in Postfix's main.cf, as in sendmail.mc and
// libmilter, or as a socket that systemd passes; [Parse] lists the notations.
// Every error names the address and says what to do about it.
//
// # Socket files
//
// A socket file takes the mode and the group that [Options] ask for before the
// MTA can connect. A file that a killed process left behind is replaced; one on
// which somebody still listens is an error. Closing the listener removes the
// file, unless another process has replaced it meanwhile.
package socket
