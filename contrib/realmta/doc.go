// Package realmta runs the real Postfix and the real Sendmail of Debian side
// by side on loopback, each with its own configuration, queue, log and
// mailboxes in a folder of its own, for the project's end-to-end tests and
// its demonstration. It also brings what stands around them: an SMTP client
// for raw scripts, a zone of test domains with keys made at run time, and the
// postvet binary as a child process that can be killed and restarted.
//
// # What it needs
//
// Linux, root, Debian's postfix package, the sendmail packages (installed, or
// unpacked by install.sh, as they conflict with Postfix), m4, and the right to
// make namespaces. In one of mounts, Sendmail's syslog socket, host name and SASL
// configuration are put in place, so that nothing outside is touched.
// [Postfix] and [Sendmail] need different things; [MissingPostfix] and
// [MissingSendmail] say what is not there.
//
// # What it is configured with
//
// The lines that configure the MTAs' milter are those of contrib/postfix and
// contrib/sendmail, read from there. Postvet opens its socket itself, or gets it
// passed as systemd does ([SiteOptions.Passed]).
//
// # What it leaves behind
//
// Nothing: Stop ends every process, and removes the one folder per MTA under
// which everything lies. Should the program die first, by whatever signal, the
// kernel kills them: an MTA is alone in a namespace of process ids, whose first
// process dies with us (PR_SET_PDEATHSIG) and takes all others with it; Postvet
// dies as that first process does. The folders stay until the next one is made:
// a folder is removed then if nobody holds its lock, since its maker is gone.
//
// # Addresses
//
// All of 127.0.0.0/8 is loopback, so clients are told apart by the address
// that they bind: Postvet exempts 127.0.0.1 alone, and the clients
// come from 127.0.0.2 and up, and from ::1.
package realmta
