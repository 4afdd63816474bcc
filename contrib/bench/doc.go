// Bench measures Postvet beside the milters that admins run today: opendkim
// with opendmarc, the same with pyspf-milter in front, Rspamd with only its
// SPF, DKIM, DMARC and ARC modules, Postvet with a journal, and, as the floor,
// milters that do nothing: of them blind-libmilter is told of nothing but a
// message's end.
//
//	go run ./contrib/bench            the milters with our own MTA, half an hour
//	go run ./contrib/bench -quick     a minute or two, to see that it works
//	go run ./contrib/bench -postfix   through a real Postfix
//	go run ./contrib/bench -memory    what Postvet holds under many sessions
//	go run ./contrib/bench -signing   those that sign: Postvet, Rspamd, opendkim, dkimpy-milter
//	go run ./contrib/bench -all       one after the other, 45 minutes; what "make bench" does
//
// It can be run in parts, of which -json keeps the results and -merge makes one
// table: by contestants (-only), caches (-cache), cells (-sessions,
// -per-connection) and rounds. Rounds of one part follow one another. To compare
// contestants within a minute, run several parts with -rounds 1.
//
//	for i in 1 2 3; do go run ./contrib/bench -cache warm -sessions 8 -rounds 1 -json warm-$i.json; done
//	go run ./contrib/bench -merge warm-*.json
//
// It builds a corpus whose shapes follow from a seed, serves its zone from a
// DNS server of its own, starts one contestant after the other, plays the MTA
// over unix sockets, and compares every verdict with what the corpus expects.
//
// # What it needs
//
// Linux, root, Go, and of Debian's packages those whose contestants are wanted;
// "make bench" brings them by install.sh here and Postfix by
// contrib/realmta/install.sh:
//
//	apt-get install --no-install-recommends rspamd opendkim opendmarc \
//		publicsuffix pyspf-milter dkimpy-milter libmilter-dev gcc libc6-dev postfix
//
// Missing contestants are named and left out. Everything runs in namespaces of its
// own and is gone when the program ends.
//
// # Reports
//
// TestReporters plays one corpus to Postvet, Rspamd and OpenDMARC, has each make its
// DMARC reports, and holds them against the schema of RFC 9990, its text, and the corpus.
// It prints a table, and with POSTVET_REPORTERS_TABLE writes it to a file. What the peers
// store their data in is brought by reporters.sh, unpacked and not installed.
//
//	go test -v -run TestReporters ./contrib/bench
//
// # What is measured
//
// Warm: a contestant is started, sees the whole corpus once, and then plays
// every combination of sessions and messages per connection. Cold: it is
// started anew for each of them, each DNS answer takes 20 ms, and each message
// is the first one of its sender domain. Connections with several messages
// bring those of one client; a client with fewer sends its own again. The CPU time is user and system time
// of all of a contestant's processes; the load and the DNS server use the same
// processors but do not count. Latency is from the connection to the milters
// (or MAIL FROM, for later messages of a connection) to the verdict, and as
// the whole message is sent at once, no DNS time hides behind a slow sender.
// Peak memory is the sum of the processes' VmHWM, so pages that several
// processes share count several times.
//
// Signing: all signers have the same RSA-2048 key, see mail of users who have logged
// in, and read the bodies of the corpus. Each message must come back with one
// signature, and one in 16 is verified. Beside that stands what one bare RSA
// signature takes in Go and in OpenSSL, which the others use: Go's takes three
// times as long. The time of a verification is measured alone and while the same
// process signs as fast as it can.
//
// Postvet and Rspamd write one log line per message to a file; opendkim,
// opendmarc and pyspf-milter know only syslog, which is not there, so they log
// nothing.
package main
