package config

import (
	"time"

	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
)

// key is one setting: the only place that knows its name, meaning and bounds.
type key struct {
	name    string // "dns.timeout"
	comment string // for contrib/postvet.toml
	// field points to the setting; its type says how the value is written.
	field func(*Config) any
	// words are the only values of a string; empty if it is free.
	words []string
	// min and max bound numbers, durations (nanoseconds) and sizes (octets).
	min, max int64
	// empty allows a string or a list without content.
	empty bool
	// kinds are what a List may hold, inFiles what may also be in its files.
	kinds, inFiles addrlist.Kind
	// check judges a value that has the right type: what is wrong with it and
	// what would be right, "" for nothing. For lists it gets each entry. It may
	// return a better spelling of the value.
	check func(string) (normal, problem, remedy string)
}

const (
	ms     = int64(time.Millisecond)
	second = int64(time.Second)
	hour   = int64(time.Hour)
)

// sections give the tables of the file their introductions, in order.
var sections = []struct{ name, comment string }{
	{"", ""},
	{"socket", "Who may connect to unix sockets."},
	{"dns", "Where answers come from and how long they are kept."},
	{"policy", "What is done about a message. By default DMARC decides, and SPF alone rejects\nnobody."},
	{"trust", "Whose word counts: about the client, and against a failure of DMARC. Lists\ntake single entries and files of them, such as \"file:/etc/postvet/forwarders\":\none entry a line, \"#\" for remarks, \"!\" for exceptions, as in the lists of\nopendkim and opendmarc. A name stands for itself, \".example.org\" for the names\nbelow."},
	{authorSection, "What is done about single author domains, and those below them, instead of\nwhat they ask for if DMARC does not pass. reject, quarantine: also where they\npublish nothing or p=none. none: never refused or held. The longest name\nwins. Public suffixes such as \"com\" and \"co.uk\" cannot stand here, those of\nsingle owners such as \"github.io\" can.\n\"example.org\" = \"reject\""},
	{listSection, "Lists of addresses and domains for rules of your own: an expression asks\nlisted(from, \"partners\"). Entries and files are as in [trust].\npartners = [\"example.org\", \".example.org\", \"file:/etc/postvet/partners\"]"},
	{"dkim", "Which signatures and keys count."},
	{"exempt", "Which messages are accepted unchecked. Trusted addresses and local\nsubmissions keep fields in our name, which may be our own work."},
	{"limits", "What one client or one message can cost at most."},
	{"control", "The socket for \"postvet status\", \"reload\", \"log-level\" and \"cache\". It answers\nroot, the user of the service and the group, nobody else."},
	{"log", "What is logged, to standard error. One line per message at level info."},
	{"metrics", "A page for Prometheus (/metrics) and two for health checks (/healthz,\n/readyz), over HTTP without a password."},
}

// keys are all settings in the order of the file.
var keys = []key{
	{
		name: "mode", field: func(c *Config) any { return (*string)(&c.Mode) }, words: rules.Mode("").Words(),
		comment: "enforce: verdicts are carried out. monitor: verdicts are logged and written\ninto the message, and everything is accepted.",
	},
	{
		name: "authserv_id", field: func(c *Config) any { return &c.AuthservID }, empty: true, check: checkAuthservID,
		comment: "The name that our Authentication-Results fields carry. Fields that arrive\nwith this name are forged and removed. Empty: the host's name.",
	},
	{
		name: "listen", field: func(c *Config) any { return &c.Listen }, check: checkListen,
		comment: "Where the MTA reaches Postvet, in Postfix's notation (\"inet:127.0.0.1:8890\",\n\"unix:/path\") or Sendmail's (\"inet:8890@127.0.0.1\", \"local:/path\"), or\nas a socket that systemd passes (\"systemd:NAME\"). If the list is not set, all\nsockets that systemd passes are used. Needs a restart to change.",
	},
	{
		name: "rules", field: func(c *Config) any { return &c.RuleFiles }, empty: true, check: checkRuleFile,
		comment: "Files with rules of your own, [[rule]] tables, which may stand in this file as\nwell and then come first. They are asked in order, before DMARC decides:\n    [[rule]]\n    name = \"forged-bank\"\n    from = [\"bank.example\", \".bank.example\"]\n    dmarc = [\"!pass\"]\n    if = 'not within(client, \"192.0.2.0/24\")'\n    action = \"reject\"\n\"postvet policy explain\" says what they do, and prints every key. The files,\nwhose paths may be relative to this one's, may hold mode and [policy] as well.",
	},
	{
		name: "shadow_rules", field: func(c *Config) any { return &c.ShadowFiles }, empty: true, check: checkRuleFile,
		comment: "Files with rules that decide nothing: what they would have done is logged and\ncounted where it differs. They stand for all rules of your own; mode and the\nkeys of [policy] in them stand for those in force.",
	},
	{
		name: "drain_timeout", field: func(c *Config) any { return &c.DrainTimeout }, min: second, max: hour,
		comment: "How long a stop waits for messages in flight (1s to 1h). Keep it below\nsystemd's TimeoutStopSec.",
	},

	{
		name: "socket.mode", field: func(c *Config) any { return &c.Socket.Mode },
		comment: "Access rights of unix sockets, in octal. Needs a restart to change.",
	},
	{
		name: "socket.group", field: func(c *Config) any { return &c.Socket.Group }, empty: true, check: checkGroup,
		comment: "Group of unix sockets, by name or number, such as \"postfix\". Empty: that of\nthe process. Needs a restart to change.",
	},

	{
		name: "dns.resolvers", field: func(c *Config) any { return &c.DNS.Resolvers }, empty: true, check: checkResolver,
		comment: "Resolvers to ask, such as \"127.0.0.1:53\"; the port may be left out. Over TLS:\n\"tls://9.9.9.9:853#dns.quad9.net\", with the name in its certificate.\nEmpty: those of /etc/resolv.conf, which is read again when it changes. A\nvalidating resolver on this machine is best.",
	},
	{
		name: "dns.timeout", field: func(c *Config) any { return &c.DNS.Timeout }, min: 10 * ms, max: 60 * second,
		comment: "How long one look-up may take with all its retries (10ms to 60s).",
	},
	{
		name: "dns.attempt_timeout", field: func(c *Config) any { return &c.DNS.AttemptTimeout }, min: 10 * ms, max: 60 * second,
		comment: "How long one query to one resolver may take (10ms to 60s, at most timeout;\nif not set, at most the timeout that is).",
	},
	{
		name: "dns.cache_size", field: func(c *Config) any { return &c.DNS.CacheSize }, min: 1 << 20, max: 64 << 30,
		comment: "Memory for answers (1MB to 64GB).",
	},
	{
		name: "dns.min_ttl", field: func(c *Config) any { return &c.DNS.MinTTL }, min: 0, max: hour,
		comment: "Answers are kept at least this long (0s to 1h), whatever their TTL.",
	},
	{
		name: "dns.max_ttl", field: func(c *Config) any { return &c.DNS.MaxTTL }, min: second, max: 168 * hour,
		comment: "Answers are kept at most this long (1s to 168h), whatever their TTL.",
	},
	{
		name: "dns.negative_ttl", field: func(c *Config) any { return &c.DNS.NegativeTTL }, min: second, max: 24 * hour,
		comment: "That there is no answer is remembered at most this long (1s to 24h).",
	},
	{
		name: "dns.failure_ttl", field: func(c *Config) any { return &c.DNS.FailureTTL }, min: second, max: 300 * second,
		comment: "That a look-up failed is remembered this long (1s to 5m), so that a domain\nwhose servers are down is not asked for again and again.",
	},
	{
		name: "dns.max_stale", field: func(c *Config) any { return &c.DNS.MaxStale }, min: 0, max: 168 * hour,
		comment: "How long after its TTL an answer is still used if the servers fail (0s, which\nis never, to 168h).",
	},
	{
		name: "dns.max_in_flight", field: func(c *Config) any { return &c.DNS.MaxInFlight }, min: 1, max: 10000,
		comment: "Queries under way at one time (1 to 10000); further ones wait.",
	},
	{
		name: "dns.trust_ad", field: func(c *Config) any { return &c.DNS.TrustAD },
		comment: "Believe every resolver that it has validated DNSSEC. Otherwise only those on\nthis machine are believed.",
	},
	{
		name: "dns.snapshot", field: func(c *Config) any { return &c.DNS.Snapshot }, empty: true, check: checkFile,
		comment: "File that keeps the answers over a restart, such as\n\"/var/lib/postvet/dns.snapshot\": written at a stop, read at a start.\nEmpty: none.",
	},

	{
		name: "policy.dmarc", field: func(c *Config) any { return (*string)(&c.Policy.DMARC) }, words: rules.DMARC("").Words(),
		comment: "Is mail refused or held because its author's domain asks for it? enforce: yes.\nmark: no, it is only written into the message; other keys here still decide.",
	},
	{
		name: "policy.quarantine", field: func(c *Config) any { return (*string)(&c.Policy.Quarantine) }, words: rules.Quarantine("").Words(),
		comment: "What p=quarantine leads to. hold: the MTA keeps the message in its queue\nuntil somebody looks. tag: it is delivered with a field X-Postvet-Quarantine.\nreject: it is refused.",
	},
	{
		name: "policy.on_temperror", field: func(c *Config) any { return (*string)(&c.Policy.OnTempError) }, words: rules.TempError("").Words(),
		comment: "What is done if DNS trouble leaves the answer open. accept: the message\npasses with \"temperror\" in its field, unless its domain is known to ask for\nquarantine or reject. tempfail: the sender is to try again, as in that case.",
	},
	{
		name: "policy.on_ambiguous_author", field: func(c *Config) any { return (*string)(&c.Policy.OnAmbiguousAuthor) }, words: rules.AmbiguousAuthor("").Words(),
		comment: "What is done with a message that does not name exactly one author domain:\nno From field, several, or one that mail programs read differently.",
	},
	{
		name: "policy.on_fault", field: func(c *Config) any { return (*string)(&c.Policy.OnFault) }, words: rules.Fault("").Words(),
		comment: "What is done if Postvet itself fails on a message.",
	},
	{
		name: "policy.help_url", field: func(c *Config) any { return &c.Policy.HelpURL }, empty: true, check: checkHelpURL,
		comment: "Page that explains a refusal to the sender, such as\n\"https://mail.example.org/refused?why={hint}&from={author}\". It ends every\nreply that refuses or defers a message. {author}, {client}, {rule} and {hint}\nstand for the author's domain, the client's address, the rule that decided and\nthe likely cause. Empty: none.",
	},
	{
		name: "policy.on_degraded", field: func(c *Config) any { return (*string)(&c.Policy.OnDegraded) }, words: rules.Degraded("").Words(),
		comment: "What is done with a message of which look-ups failed while DNS is down\naltogether. judge: as always, but what would be refused is to come again.\ntempfail: it is to come again unless DMARC passes. accept: it passes.",
	},
	{
		name: "policy.organizational_domain", field: func(c *Config) any { return (*string)(&c.Policy.OrganizationalDomain) }, words: []string{string(dmarc.TreeWalk), string(dmarc.PSL)},
		comment: "How the organizational domain is found. treewalk: RFC 9989. psl: the public\nsuffix list of RFC 7489, to agree with older software.",
	},
	{
		name: "policy.sender_domain", field: func(c *Config) any { return (*string)(&c.Policy.SenderDomain) }, words: rules.SenderDomain("").Words(),
		comment: "Does the domain of the sender (MAIL FROM), and that of the author, accept\nmail: has it a mail exchanger or an address? off: nobody asks. mark: the\nanswer stands in our field, as \"x-return-mx\". reject: mail of a domain that\ndoes not exist, has no address or publishes a null MX (RFC 7505) is refused,\nbut not what [trust] or author_overrides lets pass.",
	},
	{
		name: "policy.monitor_listeners", field: func(c *Config) any { return &c.Policy.MonitorListeners }, empty: true, check: checkListener,
		comment: "Listeners whose mail is only monitored although mode is enforce: addresses of\nour own sockets, such as \"inet:127.0.0.1:8891\", so that an MTA can have one\nfor trial; or the MTA's names for its own ({daemon_name}).",
	},
	{
		name: "policy.monitor_domains", field: func(c *Config) any { return &c.Policy.MonitorDomains }, empty: true, kinds: addrlist.Names,
		comment: "Author domains whose mail is only monitored although mode is enforce.",
	},
	{
		name: "policy.enforce_domains", field: func(c *Config) any { return &c.Policy.EnforceDomains }, empty: true, kinds: addrlist.Names,
		comment: "Author domains for whose mail verdicts are carried out although mode is\nmonitor or a key here says so.",
	},
	{
		name: "policy.monitor_recipients", field: func(c *Config) any { return &c.Policy.MonitorRecipients }, empty: true, kinds: addrlist.Names,
		comment: "Domains of recipients: a message is only monitored if all its recipients are\nin them.",
	},
	{
		name: "policy.mailing_lists", field: func(c *Config) any { return (*string)(&c.Policy.MailingLists) }, words: rules.MailingLists("").Words(),
		comment: "May a mailing list break its authors' signatures? It concerns messages with\nthe marks of a list that fail as lists make them fail: changed behind the\nauthor's signature, or signed by the list. Anybody can write such marks, so\naccept also lets forgeries pass that look like it; name sealers or forwarders\ninstead where you can. quarantine: what would be refused is treated like\np=quarantine.",
	},
	{
		name: "policy.spf_fail", field: func(c *Config) any { return (*string)(&c.Policy.SPFFail) }, words: rules.Demand("").Words(),
		comment: "May a host send that the domain of MAIL FROM forbids (\"-all\")? mark: the\nresult stands in our field. reject: 550 5.7.23. Forwarded mail fails too; it\npasses if the same domain has signed it, or by [trust].",
	},
	{
		name: "policy.spf_softfail", field: func(c *Config) any { return (*string)(&c.Policy.SPFSoftfail) }, words: rules.Demand("").Words(),
		comment: "The same for a host that the domain rather thinks is none of its own\n(\"~all\").",
	},
	{
		name: "policy.spf_permerror", field: func(c *Config) any { return (*string)(&c.Policy.SPFPermError) }, words: rules.Demand("").Words(),
		comment: "The same for a domain whose SPF record is broken (550 5.7.24).",
	},
	{
		name: "policy.spf_early", field: func(c *Config) any { return &c.Policy.SPFEarly },
		comment: "Refuse by the three keys above at RCPT, before the message is sent: it saves\ntraffic. Not for exempt clients, and forwarders that are trusted by address or\nname. What is only known later comes too late to let a message pass: a\nsignature (also of \"dkim:\" in forwarders), sealers, author_overrides,\nmailing_lists, and rules of your own, whatever they ask.",
	},
	{
		name: "policy.own_domains", field: func(c *Config) any { return &c.Policy.OwnDomains }, empty: true, kinds: addrlist.Names,
		comment: "Which domains are ours, so that nobody outside may use them unproven?",
	},
	{
		name: "policy.on_own_domain", field: func(c *Config) any { return (*string)(&c.Policy.OnOwnDomain) }, words: rules.Demand("").Words(),
		comment: "What is done if a stranger uses one of them as author or in MAIL FROM, and\nneither DMARC nor SPF passes for it.",
	},
	{
		name: "policy.signing_domains", field: func(c *Config) any { return &c.Policy.SigningDomains }, empty: true, kinds: addrlist.Names,
		comment: "Which author domains sign all their mail?",
	},
	{
		name: "policy.on_unsigned", field: func(c *Config) any { return (*string)(&c.Policy.OnUnsigned) }, words: rules.Demand("").Words(),
		comment: "What is done with mail of those that bears no valid signature of theirs.",
	},

	{
		name: "trust.relays", field: func(c *Config) any { return &c.Trust.Relays }, empty: true, kinds: addrlist.Addresses,
		comment: "Hosts in front of this MTA, as addresses or prefixes: backup MXs, gateways.\nSPF is about the client that they had, whom the topmost Received fields name;\nall hops that are listed are looked through. List only what puts a\nReceived field of its own, with the client's address, on top of every\nmessage: below a host that does not, a sender's forged field would be\nbelieved. They are not exempt, whatever [exempt] says.",
	},
	{
		name: "trust.forwarders", field: func(c *Config) any { return &c.Trust.Forwarders }, empty: true,
		kinds:   addrlist.Addresses | addrlist.Names | addrlist.Signers,
		comment: "Who forwards mail to us and checks it first? Addresses, names that lead back\nto the client's address, or \"dkim:example.org\" for all that this domain\nsigned. What they hand on is not refused or held for failing DMARC or SPF, or\nby sender_domain.",
	},
	{
		name: "trust.sealers", field: func(c *Config) any { return &c.Trust.Sealers }, empty: true, kinds: addrlist.Names,
		comment: "Whose ARC seals do we believe? A message passes if every sealer from the\nnewest down to one that saw the author's domain authenticated is listed.",
	},

	{
		name: "dkim.min_rsa_bits", field: func(c *Config) any { return &c.DKIM.MinRSABits }, min: 1024, max: 4096,
		comment: "Signatures by shorter RSA keys do not count (1024, as in RFC 8301, to 4096).",
	},
	{
		name: "dkim.max_rsa_bits", field: func(c *Config) any { return &c.DKIM.MaxRSABits }, min: 2048, max: 16384,
		comment: "Nor do those by longer ones, which cost too much to verify (2048 to 16384).",
	},
	{
		name: "dkim.clock_skew", field: func(c *Config) any { return &c.DKIM.ClockSkew }, min: 0, max: hour,
		comment: "How far a signer's clock may differ from ours (0s to 1h).",
	},
	{
		name: "dkim.partial_body", field: func(c *Config) any { return (*string)(&c.DKIM.PartialBody) },
		words:   []string{string(dkim.Policy), string(dkim.Neutral), string(dkim.Fail), string(dkim.Pass)},
		comment: "What a valid signature is worth whose l= leaves a part of the body unsigned,\nwhich anybody may have added. policy, neutral, fail: the word in our\nfield; it does not count. pass: it counts.",
	},

	{
		name: "exempt.addresses", field: func(c *Config) any { return &c.Exempt.Addresses }, empty: true,
		kinds: addrlist.Addresses, inFiles: addrlist.Names,
		comment: "Clients that are trusted, as addresses or prefixes.",
	},
	{
		name: "exempt.names", field: func(c *Config) any { return &c.Exempt.Names }, empty: true,
		kinds: addrlist.Names, inFiles: addrlist.Addresses,
		comment: "Clients that are trusted by the name of their address, if that name leads\nback to the address: \"mx.example.org\", or \".example.org\" for the names below.\nWhoever runs the DNS of that name can send what he likes. Fields in our name\nare removed all the same.",
	},
	{
		name: "exempt.authenticated", field: func(c *Config) any { return &c.Exempt.Authenticated },
		comment: "Clients that logged in.",
	},
	{
		name: "exempt.local", field: func(c *Config) any { return &c.Exempt.Local },
		comment: "Messages submitted on this machine without SMTP (sendmail, cron).",
	},

	{
		name: "limits.connections", field: func(c *Config) any { return &c.Limits.Connections }, min: 1, max: 100000,
		comment: "Connections of the MTA at a time (1 to 100000). The file limit of the process\nmust allow them.",
	},
	{
		name: "limits.header_bytes", field: func(c *Config) any { return &c.Limits.HeaderBytes }, min: 16 << 10, max: 64 << 20,
		comment: "Size of a header (16KB to 64MB). A message with more is refused, 552 5.3.4.",
	},
	{
		name: "limits.body_bytes", field: func(c *Config) any { return &c.Limits.BodyBytes }, min: 1 << 20, max: 64 << 30,
		comment: "Size of a body (1MB to 64GB). Likewise refused; the MTA's own limit is usually\nfar lower.",
	},
	{
		name: "limits.fields", field: func(c *Config) any { return &c.Limits.Fields }, min: 50, max: 100000,
		comment: "Fields of a header (50 to 100000). Likewise refused.",
	},
	{
		name: "limits.recipients", field: func(c *Config) any { return &c.Limits.Recipients }, min: 1, max: 1000,
		comment: "Recipients that are remembered of a message (1 to 1000).",
	},
	{
		name: "limits.signatures", field: func(c *Config) any { return &c.Limits.Signatures }, min: 1, max: 100,
		comment: "DKIM signatures that are verified of a message, from the top (1 to 100).",
	},
	{
		name: "limits.spf_timeout", field: func(c *Config) any { return &c.Limits.SPFTimeout }, min: second, max: 120 * second,
		comment: "Time for one SPF evaluation (1s to 120s; RFC 7208 says at least 20s).",
	},
	{
		name: "limits.message_timeout", field: func(c *Config) any { return &c.Limits.MessageTimeout }, min: second, max: 120 * second,
		comment: "How long the end of a message waits for answers that are still out (1s to\n120s); those count as temperror then.",
	},
	{
		name: "limits.verdict_timeout", field: func(c *Config) any { return &c.Limits.VerdictTimeout }, min: second, max: 290 * second,
		comment: "When the MTA gets its answer at the latest (1s to 290s, more than\nmessage_timeout, less than Postfix's milter_content_timeout of 300s).",
	},
	{
		name: "limits.idle_timeout", field: func(c *Config) any { return &c.Limits.IdleTimeout }, min: 60 * second, max: 24 * hour,
		comment: "How long the MTA may be silent on a connection (1m to 24h). It must exceed\nwhat the MTA grants its SMTP clients.",
	},

	{
		name: "control.socket", field: func(c *Config) any { return &c.Control.Socket }, empty: true, check: checkControlSocket,
		comment: "Path of the unix socket. auto: control.sock in systemd's RuntimeDirectory=,\nand none without one. Empty: none. Needs a restart to change.",
	},
	{
		name: "control.group", field: func(c *Config) any { return &c.Control.Group }, empty: true, check: checkGroup,
		comment: "Group whose members may use it, by name or number. In the packaged unit only\n\"postvet\" can be (adduser NAME postvet): PrivateUsers= hides the others.\nEmpty: none. Needs a restart to change.",
	},

	{
		name: "log.format", field: func(c *Config) any { return &c.Log.Format }, words: []string{"auto", "console", "json"},
		comment: "auto: console on a terminal, JSON otherwise.",
	},
	{
		name: "log.level", field: func(c *Config) any { return &c.Log.Level }, words: []string{"debug", "info", "warn", "error"},
		comment: "The least level that is logged.",
	},
	{
		name: "log.burst", field: func(c *Config) any { return &c.Log.Burst }, min: 0, max: 10000,
		comment: "Of warnings and errors with the same text so many are written in each\nburst_interval; the rest is counted and summed up in one line (0, which writes\nall, to 10000). The line of a message is always written.",
	},
	{
		name: "log.burst_interval", field: func(c *Config) any { return &c.Log.BurstInterval }, min: second, max: hour,
		comment: "For how long they are counted (1s to 1h).",
	},

	{
		name: "metrics.listen", field: func(c *Config) any { return &c.Metrics.Listen }, empty: true, check: checkMetricsListen,
		comment: "Where they are served, such as \"inet:127.0.0.1:9890\" or\n\"unix:/run/postvet/metrics.sock\". Empty: nowhere. Needs a restart to change.",
	},
	{
		name: "metrics.allow_remote", field: func(c *Config) any { return &c.Metrics.AllowRemote },
		comment: "Allows an address that other machines reach; let a firewall choose which.\nNeeds a restart to change.",
	},
	{
		name: "metrics.mode", field: func(c *Config) any { return &c.Metrics.Mode },
		comment: "Access rights of a unix socket, in octal. Needs a restart to change.",
	},
	{
		name: "metrics.group", field: func(c *Config) any { return &c.Metrics.Group }, empty: true, check: checkGroup,
		comment: "Group of a unix socket, by name or number. Empty: that of the process. Needs a\nrestart to change.",
	},
}

func keyNamed(name string) *key {
	for i := range keys {
		if keys[i].name == name {
			return &keys[i]
		}
	}
	return nil
}

func sectionNamed(name string) bool {
	for _, s := range sections {
		if s.name == name && name != "" {
			return true
		}
	}
	return false
}
