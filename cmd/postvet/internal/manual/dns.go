package manual

const dnsPage = "postvet-dns"

// dns writes postvet-dns(7).
func (e Edition) dns() Page {
	r, file := e.page(dnsPage, 7, "DNS resolvers for postvet")
	r.section("Description")
	r.text(`Postvet decides by what it finds in the DNS. It asks the resolvers that the key "resolvers" of [dns] in postvet.toml(5) names, or those of /etc/resolv.conf, and keeps their answers in a cache of its own. A message of a domain that is not in the cache costs 5 to 20 questions, most of them at the same time.

This page says which resolver to take, which of its settings to change, and what Postvet does when it fails. The project's tests run Postvet before each of these resolvers, in normal operation and in the failures below.`, "PP")
	r.section("Which resolver")
	r.text(`Best is a resolver on the same machine that asks the servers of the domains itself and validates DNSSEC: unbound, named (BIND), kresd (Knot Resolver) or pdns_recursor (PowerDNS Recursor). Their default settings suffice for a mail server, but for the few that are named below.

dnsmasq, systemd-resolved and dnsdist only forward questions to other resolvers. They work, but what they add is one more place where questions are lost or limited. If one is on the machine already, name the resolver behind it in "resolvers".

Do not use the resolver of a hosting provider or a public one for much mail: many limit the questions of one client. Two resolvers are enough. Take two of the same kind: of two that validate, or two that do not, Postvet asks the faster one.`, "PP")
	for _, s := range dnsServers {
		r.section(s.name)
		r.text(s.about, "PP")
		for _, i := range s.settings {
			r.item(i[0])
			r.filled(i[1])
		}
	}
	r.section("DNSSEC")
	r.text(`Postvet does not validate DNSSEC itself. It leaves that to the resolver, and takes its word (the AD bit) for two things: a name that does not exist, with all names below it, and the mark "authentic" in traces.

The word of a resolver on this machine is believed, since nobody can change it on the way. Forwarders on this machine do not validate unless they are told to:`, "PP")
	for _, f := range dnsForwarders {
		r.item(f[0])
		r.filled(f[1])
	}
	r.text(`Let a resolver on the machine validate, or make sure that the way to the one that does is safe. Otherwise set trust_ad = false in [dns]: then no word about DNSSEC is believed. trust_ad = true believes resolvers elsewhere too; set it only if nobody can change their answers on the way, as with TLS. "options trust-ad" in /etc/resolv.conf does the same for the resolvers that the file names.

A validating resolver answers SERVFAIL for records that do not pass validation: they are forged, or their owner has made a mistake. Some say so by an extended DNS error (6 to 10, RFC 8914): unbound with "ede: yes", kresd for most of them, and PowerDNS Recursor with extended-resolution-errors=yes. unbound and PowerDNS Recursor without these, and named of Debian 12, do not. Then Postvet asks once more with validation switched off (the CD bit): if there is an answer, validation has failed. The log and the reply say "DNSSEC validation failed", with what the resolver says about it.

That is final: no other resolver is asked for the name. As long as a resolver that validates works, one that does not is not asked at all. It takes its place when the first is away.`, "PP")
	r.section("TLS")
	r.text(`A resolver over TLS is written with the name in its certificate:

  resolvers = ["tls://192.0.2.53:853#resolver.example.org"]

Without "#" the certificate must be for the address. Postvet accepts no other certificate, none that has expired and none of an unknown authority, and never falls back to asking without TLS: a question that cannot be asked safely is a DNS failure. The log and postvet-status(1) say what is wrong with the certificate: its names, its dates or its authority. Until that is put right, lookups fail at once, so that mail is deferred quickly; the resolver is tried again every ten seconds at most.

An authority of your own is named in a file of certificates (PEM), which then takes the place of those that the system trusts:

  tls_ca = "/etc/postvet/authority.pem"

A reload reads the file again.`, "PP")
	r.section("Failures")
	r.text(`What Postvet does depends on whose failure it is.`, "PP")
	for _, f := range dnsFailures {
		r.item(f[0])
		r.filled(f[1])
	}
	r.section("Quotas")
	r.text(dnsQuotas, "PP")
	r.section("Warm start")
	r.text(dnsWarm, "PP")
	for _, w := range dnsWarmWays {
		r.item(w[0])
		r.text(w[1], `IP ""`)
	}
	r.section("Open files")
	r.text(`Each question under way takes a socket of its own, with a port that nobody can guess. If the process may open too few files for max_in_flight of [dns] and connections of [limits], both are lowered at the start, and the log names the number that would do. With systemd:

  systemctl edit postvet
  [Service]
  LimitNOFILE=65536

The packaged unit has that value already.`, "PP")
	r.section("See also")
	r.references("postvet(1)", "postvet-cache(1)", "postvet-status(1)", configPage+"(5)", "resolv.conf(5)", "unbound.conf(5)", "named.conf(5)", "dnsmasq(8)", "resolved.conf(5)")
	return Page{file, r.b.Bytes()}
}

const dnsQuotas = `A resolver answers so many questions at a time, or in a second. Above that it refuses them, fails them (SERVFAIL) or drops them, and each has its own number: 150 for dnsmasq, 1000 for named, max_concurrent for CoreDNS.

Postvet asks as much as there is to ask until several questions are refused, fail or are silent while others are answered. Then it halves the questions that it has under way to that resolver, and adds one after each round of answers, as TCP does. A single name that fails, and lost packets, are no reason. The log says "dns upstream seems to have a quota", and "postvet status" and the metrics show the limit and what waited for it. The limit ends when it has grown to max_in_flight of [dns], and after ten minutes without such failures.

Lookups that wait keep their time (timeout of [dns]). Messages take turns: each gets one question through before another gets its second, so that one message with hundreds of names delays no other. If the time is over before the turn comes, that is a failure of the resolver, never of the domain. A question that failed under load is asked again after more than a second, since named and others keep a SERVFAIL so long.

A quota only delays mail, but raise it as this page says: while Postvet waits, the MTA waits too.`

const dnsWarm = `A cold cache costs each of the first messages a lookup or more. The key "snapshot" of [dns] keeps the answers over a restart. A machine that is new, or was away for long, can load those of another one instead. Each lives for what is left of its TTL, and at most for an hour; it is not served after that, and an answer that this machine has found itself stays. Only records that were found are taken: no failures, no missing names.`

// dnsWarmWays are the ways to load the answers of another machine.
var dnsWarmWays = [][2]string{
	{"Through a pipe", `This needs no configuration, and no port but that of ssh:

  ssh mx1 postvet cache export | postvet cache fetch --from -

The age of such a snapshot is told by the clocks of both machines. If the other one is ahead by up to 5 minutes, an answer may live so much longer; one that is ahead by more is refused, and one that is behind only lets answers end early.`},
	{"From a control socket", `Of a service on this machine, or at the end of a tunnel that a unit of its own keeps open:

  ssh -N -o StreamLocalBindUnlink=yes -o ExitOnForwardFailure=yes \
    -L /run/postvet/mx1.sock:/run/postvet/control.sock postvet@mx1

  warm_from = ["unix:/run/postvet/mx1.sock"]

Let the service's user run it (User=postvet), to whom alone ssh gives the socket; a socket of anybody but that user and root is not believed. On mx1 the user must be one whom [control] allows.`},
	{"Over HTTPS", `Each machine has a certificate of an authority of yours for its name, for servers and for clients:

  [dns]
  warm_from = ["https://mx1.example.org:8894"]
  [peers]
  listen = "inet:0.0.0.0:8894"
  names = ["mx1.example.org", "mx2.example.org"]
  certificate = "/etc/postvet/peers.pem"
  key = "/etc/postvet/peers.key"
  ca_file = "/etc/postvet/peers-ca.pem"

A certificate of that authority alone opens nothing: it must also be for one of the names, and that of the server for the host in the source. Both sides speak TLS 1.3. Four snapshots are sent at a time, at most 64 MB each, and six within a minute to one machine. Renewed files are used at the next connection.`},
	{"Trust", `The machine whose answers are loaded is trusted as a resolver is: an attacker on it can forge any answer, also keys and policies, for up to an hour. It also hands on what it was given itself. A machine that may load answers sees who writes to whom. So name your own machines alone. The mark "authentic" is dropped, unless warm_trust_ad says that the other machine is believed about DNSSEC too.

The start waits for nothing: until the answers have come, they are looked up as usual. The log says "dns answers loaded from a peer", or why there are none, and postvet-cache(1) shows "from a peer" behind each.`},
}

// dnsForwarders are the forwarders that do not validate, and what they do with the AD bit.
var dnsForwarders = [][2]string{
	{"dnsmasq without dnssec", "It removes the bit, so nothing is believed that is not proven. With proxy-dnssec it passes on the word of the resolver behind it."},
	{"systemd-resolved with DNSSEC=no (Debian's default) or allow-downgrade", "With no it sets no bit. With allow-downgrade it validates until somebody on the way makes it believe that the resolver behind it cannot."},
	{"dnsdist, and CoreDNS with the plugin forward", "They never validate, and pass on the word of the resolvers behind them."},
}

// dnsServer is what an admin should know about one resolver.
type dnsServer struct {
	name, about string
	settings    [][2]string // a setting, and what it is about
}

var dnsServers = []dnsServer{
	{"unbound", "Validates DNSSEC in Debian's configuration. All settings are in the clause server:.", [][2]string{
		{"num-queries-per-thread: 4096", "Questions under way in one thread. When they are more, unbound gives up old ones without an answer (jostle-timeout). The default of 1024 suffices up to some hundred messages a second."},
		{"outgoing-range: 8192", "Ports for these; twice num-queries-per-thread."},
		{"incoming-num-tcp: 100", "Connections over TCP and TLS. The default is 10, and Postvet opens up to 8, or as many as it gets."},
		{"ip-ratelimit: 0", "The default. With a limit, Postvet counts as one client, and a burst of mail exceeds it."},
		{"ede: yes", "Says why an answer is a failure, such as a wrong signature."},
	}},
	{"named", "BIND validates DNSSEC in Debian's configuration (dnssec-validation auto). All settings are in options.", [][2]string{
		{"recursive-clients 5000;", "Questions under way. The default is 1000; further ones are answered with SERVFAIL."},
		{"fetches-per-server 0; fetches-per-zone 0;", "The defaults, which do not limit. With a limit, questions to one provider of many domains fail in a burst."},
		{"rate-limit { exempt-clients { localhost; }; };", "If there is a rate-limit at all: it drops answers to Postvet as to anybody."},
		{"tcp-clients 500;", "Connections; the default is 150."},
	}},
	{"kresd", "Knot Resolver validates DNSSEC by default, and has no quota that a mail server exceeds.", [][2]string{
		{"cache.size = 200 * MB", "The default of 100 MB suffices for most."},
	}},
	{"pdns_recursor", "PowerDNS Recursor does not validate all answers by default.", [][2]string{
		{"dnssec=validate", "Validates every answer. The default, process, validates only if the client asks for it."},
		{"extended-resolution-errors=yes", "Says why an answer is a failure, such as a wrong signature. Newer versions do so by default."},
		{"max-mthreads=8192", "Questions under way in one thread. The default is 2048; further ones get no answer."},
		{"max-tcp-clients=512", "Connections; the default is 128."},
	}},
	{"dnsmasq", "Forwards. It validates only with dnssec and a trust anchor, see trust-anchors.conf of the package.", [][2]string{
		{"dns-forward-max=2000", "Questions under way. The default is 150, which one burst of mail exceeds; further ones are refused."},
		{"cache-size=10000", "Answers that are kept. The default is 150."},
		{"proxy-dnssec", "Do not set it: dnsmasq then passes on the word of other resolvers as its own."},
	}},
	{"systemd-resolved", "Forwards. Its stub on 127.0.0.53 is what /etc/resolv.conf of many systems names.", [][2]string{
		{"DNSSEC=yes", "Validates. The default of Debian is no, and allow-downgrade lets an attacker switch it off."},
		{"DNS=", "The resolvers behind it. If they do what you want, name them in \"resolvers\" of Postvet, and leave systemd-resolved to the rest of the system."},
	}},
	{"coredns", "CoreDNS forwards with the plugin forward. It never validates; the resolvers behind it must.", [][2]string{
		{"max_concurrent 5000", "In the plugin forward: questions under way. There is no limit by default; with one, further questions are refused."},
	}},
	{"dnsdist", "Spreads questions over other resolvers. It never validates; these must.", [][2]string{
		{"MaxQPSIPRule, DelayAction, dynamic blocks", "Exempt Postvet from them by its address: it is one client with many questions."},
		{"setMaxTCPConnectionsPerClient(0)", "The default, which does not limit. Postvet opens up to 8, or as many as it gets; with fewer, lookups take longer."},
		{"setMaxTCPQueriesPerConnection(0)", "The default, which does not limit. With 1, each question over TCP or TLS costs a connection."},
	}},
}

// dnsFailures are the kinds of failure, and what Postvet does.
var dnsFailures = [][2]string{
	{"Of the domain", "Its servers fail or are silent while the resolver answers for others, or its records are forged (DNSSEC). The sender of the message may have caused that. The result is temperror, and it is remembered for failure_ttl; on_temperror of [policy] says what is done. Mail of a domain that is known to ask for reject or quarantine is always deferred (451 4.4.3)."},
	{"Of the domain, for its policy", "The DMARC record itself cannot be looked up, so nobody knows what the domain asks for. Then mail is deferred (451 4.4.3) for 4 hours from the first failure, as far as Postvet has seen lookups fail without a success and at most 2 hours apart; a restart begins anew. An outage, or a forger who causes one, would have to last so long. Then on_temperror decides: servers that are broken for days cost their domain a delay, and no mail, since senders try for days. If the record does not pass DNSSEC validation, mail is deferred for as long as that lasts, because somebody may have forged it. [author_overrides] of a domain decides instead: none lets its mail pass."},
	{"Of the resolver", "It does not run, refuses connections or questions, is silent for every name, has reached a quota, or its certificate is wrong. That says nothing about the domain, so it is not remembered. Lookups wait for the end, until the time of the lookup (timeout of [dns]) is over. Meanwhile Postvet asks some ten questions a second in all, however much mail arrives, and notices within 100 ms when the resolver works again, after half a minute within 250 ms. A restart of the resolver delays mail by that much. If it takes longer, a message is deferred (451 4.4.3) unless DMARC passes: no forgery passes because a resolver was away. on_degraded of [policy] can say otherwise."},
	{"A resolver that denies everything", "An empty resolver, or one behind the portal of a network, says that no name exists. Postvet does not believe it: it must find the name servers of the root or of com first. Otherwise this is a failure of the resolver."},
	{"A resolver that changes the case of names, or drops EDNS", "Old resolvers and firewalls do. Postvet asks those that are not on this machine in random case, so that answers are hard to forge. If one changes the case, its answers are compared with those over TCP; without TCP it must say the same twice. One that drops queries with EDNS is found out by a test with names that exist, and is asked without. Both are tried again after ten minutes, and the log says each change once."},
	{"Connections", "Large answers come over TCP, and all over TLS if a resolver is asked so. A resolver that closes connections after a few questions, or takes only few, is asked within these limits after its first refusals, and Postvet tries again later whether it takes more. What a connection leaves unanswered is asked on another one."},
	{"Of this machine", "It has no descriptor, port, memory, route or permission left for a question. That is treated in the same way, but the message is deferred with 451 4.3.0, and on_fault of [policy] can say otherwise."},
}
