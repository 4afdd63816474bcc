package config

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/postvet/postvet/filter/socket"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/rules"
)

// Policy is what is done about which results.
type Policy struct {
	DMARC                rules.DMARC
	OnReject             rules.OnReject
	Observed             bool
	ObservedExcept       List
	Quarantine           rules.Quarantine
	OnTempError          rules.TempError
	OnAmbiguousAuthor    rules.AmbiguousAuthor
	OnFault              rules.Fault
	OnDegraded           rules.Degraded
	OrganizationalDomain dmarc.Discovery
	SenderDomain         rules.SenderDomain
	MonitorListeners     []string // as socket.Address.Canonical, or an MTA's daemon name
	MonitorDomains       List
	EnforceDomains       List
	MonitorRecipients    List
	HelpURL              string
	MailingLists         rules.MailingLists
	SPFFail              rules.Demand
	SPFSoftfail          rules.Demand
	SPFPermError         rules.Demand
	SPFEarly             bool
	SPFHelo              bool
	OwnDomains           List
	OnOwnDomain          rules.Demand
	SigningDomains       List
	OnUnsigned           rules.Demand
	// HoldPerDay and HoldPerDomain are the most messages that are held on one day, of all
	// domains and of one; 0 for no limit. HoldOver is what is done with others.
	HoldPerDay, HoldPerDomain int
	HoldOver                  HoldOver
	// HoldDigest is the address that gets a list of held mail each day, "" for none, and
	// HoldDigestAt the time of that in the local zone, "07:00".
	HoldDigest, HoldDigestAt string
}

// HoldOver says what is done with a message that is not held since too many are.
type HoldOver string

// The values of policy.hold_over.
const (
	HoldOverDefer HoldOver = "tempfail"
	HoldOverTag   HoldOver = "tag"
)

func (p *Policy) section() section {
	return section{name: "policy", comment: `What Postvet does with a message. By default DMARC decides, and SPF alone
rejects nothing.`, inRules: true, keys: []key{
		{
			name: "dmarc", value: oneOf(&p.DMARC),
			comment: `Is mail rejected or held because its author's domain asks for it? enforce:
yes. mark: no, the result is only written into the message. The other keys
here still decide.`,
		},
		{
			name: "on_reject", value: oneOf(&p.OnReject),
			comment: `What p=reject leads to. judge: mail that fails is rejected if evidence speaks
for a forgery and none for indirect mail, such as that of lists and
forwarders; other mail that fails is treated like p=quarantine, as RFC 9989
wants it; see postvet-judgement(7). always: it is rejected, which RFC 9989
does not allow for the policy alone. quarantine: it is always treated like
p=quarantine. Mail of own_domains and of author_overrides stays as strict as
with always.`,
		},
		{
			name: "observed", value: truth(&p.Observed, true), evaluation: true,
			comment: `Does Postvet learn from mail that passes DMARC how mail of a domain looks, and
use that as evidence when mail fails? It learns whether a domain signs all its
mail, and who hands on or sends mail for others; see postvet-judgement(7).
"postvet domain --observed" shows what is known. Without [journal] nothing is
learned.`,
		},
		{
			name: "observed_except", value: entries(&p.ObservedExcept, addrlist.Names, 0), evaluation: true,
			comment: "Author domains for which what was learned does not count.",
		},
		{
			name: "quarantine", value: oneOf(&p.Quarantine), environment: true,
			comment: `What p=quarantine leads to. hold: the MTA keeps the message in its queue until
somebody looks. tag: the message is delivered with a field
X-Postvet-Quarantine. reject: it is rejected.`,
		},
		{
			name: "hold_per_day", value: integer(&p.HoldPerDay, 0, 0, 10_000_000),
			comment: `The most messages that are held on one day of UTC (0 for no limit, to
10000000), also by rules of your own. Each machine counts its own, and at its
start what it held that day before, if [journal] has that.`,
		},
		{
			name: "hold_per_domain", value: integer(&p.HoldPerDomain, 0, 0, 10_000_000),
			comment: "The same for the mail of one organizational domain of authors.",
		},
		{
			name: "hold_over", value: oneOf(&p.HoldOver, HoldOverDefer, HoldOverTag),
			comment: `What is done with a message that would be held if not too many were.
tempfail: it is deferred (451 4.7.1), so that its sender tries again and a
list's mail is late at worst. tag: it is delivered with a field
X-Postvet-Quarantine, so that some of many forgeries are delivered.
None is refused: why mail is held may rest on a DNS failure.`,
		},
		{
			name: "hold_digest", value: text(&p.HoldDigest, "", checkMailAddress),
			comment: `The address that gets a mail each day that lists what was held, why, and how
to release it, such as "postmaster@example.org"; none if nothing was held. It
needs journal.directory, and goes through the server that report.smtp names.
Of several machines each sends its own, as the commands belong to its MTA.
Empty: none.`,
		},
		{
			name: "hold_digest_at", value: text(&p.HoldDigestAt, "07:00", checkTimeOfDay),
			comment: "When that mail is sent, in local time; at the start, if it is overdue then.",
		},
		{
			name: "on_temperror", value: oneOf(&p.OnTempError),
			comment: `What is done if a DNS failure leaves the result open. accept: the message
passes with "temperror" in our field, but it is deferred if its domain asks
for quarantine or reject, or may do so: its policy does not pass DNSSEC
validation, or could not be looked up for less than 4 hours. tempfail: it is
deferred (451).`,
		},
		{
			name: "on_ambiguous_author", value: oneOf(&p.OnAmbiguousAuthor),
			comment: `What is done with a message that does not name exactly one author domain: it
has no From field, several, or one that mail programs read differently.`,
		},
		{
			name: "on_fault", value: oneOf(&p.OnFault),
			comment: `What is done with a message if Postvet itself fails on it, or this machine on
its lookups: it has no descriptor, port or route left for a query. The latter
does not concern messages that DMARC passes.`,
		},
		{
			name: "help_url", value: text(&p.HelpURL, "", checkHelpURL),
			comment: `Page that explains a rejection to the sender, such as
"https://mail.example.org/refused?why={hint}&from={author}". It ends every
reply that rejects or defers a message. {author}, {client}, {rule}, {hint} and
{ref} stand for the author's domain, the client's address, the rule that
decided, the likely cause, and the reference for "postvet explain". Empty:
none.`,
		},
		{
			name: "on_degraded", value: oneOf(&p.OnDegraded),
			comment: `What is done with a message whose lookups failed because our resolvers fail:
they refuse, do not answer, or DNS is down altogether. tempfail: defer the
message (451) unless DMARC passes, whatever its policy may be. judge: decide
as always, but what would be rejected is deferred. accept: accept it.`,
		},
		{
			name: "organizational_domain", value: oneOf(&p.OrganizationalDomain, dmarc.TreeWalk, dmarc.PSL), evaluation: true,
			comment: `How the organizational domain is found. treewalk: by the tree walk of RFC
9989. psl: by the public suffix list of RFC 7489, to agree with older
software.`,
		},
		{
			name: "sender_domain", value: oneOf(&p.SenderDomain), evaluation: true,
			comment: `Do the domains of the sender (MAIL FROM) and of the author accept mail: do
they have a mail exchanger or an address? off: do not ask. mark: write the
answer into our field, as "x-return-mx". reject: reject mail of a domain that
does not exist, has no address or publishes a null MX (RFC 7505), except what
[trust] or author_overrides lets pass.`,
		},
		{
			name: "monitor_listeners", value: list(&p.MonitorListeners, checkListener, `write a list, such as ["inet:127.0.0.1:8891"]`),
			comment: `Listeners whose mail is only monitored although mode is enforce: addresses of
our own sockets, such as "inet:127.0.0.1:8891", so that an MTA can have one
for a trial, or the MTA's names for its listeners ({daemon_name}).`,
		},
		{
			name: "monitor_domains", value: entries(&p.MonitorDomains, addrlist.Names, 0),
			comment: "Author domains whose mail is only monitored although mode is enforce.",
		},
		{
			name: "enforce_domains", value: entries(&p.EnforceDomains, addrlist.Names, 0),
			comment: `Author domains for whose mail verdicts are carried out, although mode or
another key here says monitor.`,
		},
		{
			name: "monitor_recipients", value: entries(&p.MonitorRecipients, addrlist.Names, 0),
			comment: `Domains of recipients. A message is only monitored if all its recipients are
in these domains.`,
		},
		{
			name: "mailing_lists", value: oneOf(&p.MailingLists),
			comment: `May a mailing list break its authors' signatures? This concerns messages that
have the marks of a list and fail as lists make them fail: changed after the
author signed, or signed by the list. Anybody can write such marks, so accept
also lets forgeries pass that look like it. Name sealers or forwarders instead
where you can. strict: no. quarantine: what would be rejected is treated like
p=quarantine.`,
		},
		{
			name: "spf_fail", value: oneOf(&p.SPFFail),
			comment: `What is done if the domain of MAIL FROM forbids the host to send ("-all").
mark: the result stands in our field. reject: 550 5.7.23. Forwarded mail fails
too. It passes if the same domain has signed it, or by [trust].`,
		},
		{
			name: "spf_softfail", value: oneOf(&p.SPFSoftfail),
			comment: `The same if the domain says that the host is probably not its own ("~all").`,
		},
		{
			name: "spf_permerror", value: oneOf(&p.SPFPermError),
			comment: "The same if the domain's SPF record is broken (550 5.7.24).",
		},
		{
			name: "spf_early", value: truth(&p.SPFEarly, false), evaluation: true,
			comment: `Reject by the three keys above at RCPT, before the message is sent, which
saves traffic. Exempt clients, and forwarders that are trusted by address or
name, are spared. A reason to let the message pass that is known only later
comes too late: a signature (also "dkim:" in forwarders), sealers,
author_overrides, mailing_lists, and rules of your own, whatever they ask.`,
		},
		{
			name: "spf_helo", value: truth(&p.SPFHelo, false),
			comment: `Write the SPF result of HELO into our field too, behind that of MAIL FROM?
Some programs take the last "spf=" for the sender's. For the null sender
the result of HELO is the only one, and always stands there.`,
		},
		{
			name: "own_domains", value: entries(&p.OwnDomains, addrlist.Names, 0), environment: true,
			comment: "Your own domains, which nobody outside may use without proof.",
		},
		{
			name: "on_own_domain", value: oneOf(&p.OnOwnDomain),
			comment: `What is done if a stranger uses one of them as author or in MAIL FROM, and
neither DMARC nor SPF passes for it.`,
		},
		{
			name: "signing_domains", value: entries(&p.SigningDomains, addrlist.Names, 0),
			comment: "Author domains that sign all their mail.",
		},
		{
			name: "on_unsigned", value: oneOf(&p.OnUnsigned),
			comment: "What is done with mail of these domains that has no valid signature of theirs.",
		},
	}}
}

// checkHelpURL accepts a URL that may stand in a reply.
func checkHelpURL(s string) (normal, problem, remedy string) {
	if err := explain.CheckHelpURL(s); err != nil {
		return "", cite(s) + ": " + err.Error(), `write a URL such as "https://mail.example.org/refused?why={hint}"`
	}
	return s, "", ""
}

// checkListener accepts a daemon name of an MTA, or the address of one of our
// sockets, which it brings into the form in which sockets are compared.
func checkListener(s string) (normal, problem, remedy string) {
	remedy = `write an address with a number or a path, such as "inet:127.0.0.1:8891", or a daemon name`
	switch {
	case s == "" || len(s) > 256 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || unicode.IsControl(r) }):
		return "", cite(s) + " is neither an address nor a daemon name", remedy
	case !strings.ContainsAny(s, ":/"):
		return s, "", ""
	}
	a, err := socket.Parse(s)
	if err != nil {
		return "", cite(s) + ": " + reason(err), remedy
	}
	if normal = a.Canonical(); normal == "" {
		return "", cite(s) + " does not say at which address the socket is", remedy
	}
	return normal, "", ""
}

// checkTimeOfDay accepts a time of the day.
func checkTimeOfDay(s string) (normal, problem, remedy string) {
	at, err := time.Parse("15:04", s)
	if err != nil {
		return "", cite(s) + " is no time of the day", `write hours and minutes, such as "07:00"`
	}
	return at.Format("15:04"), "", ""
}

func (p *Policy) conflicts(x *conflicts) {
	if p.HoldOver != HoldOverDefer && p.HoldPerDay+p.HoldPerDomain == 0 {
		x.noEffect("policy.hold_over", "policy.hold_per_day", "write hold_per_day or hold_per_domain")
	}
	if p.HoldDigest != "" && x.config.Journal.Directory == "" {
		x.noEffect("policy.hold_digest", "journal.directory", `name a directory, such as "/var/lib/postvet/journal"`)
	}

	for _, d := range p.MonitorDomains.Entries {
		if slices.Contains(p.EnforceDomains.Entries, d) {
			x.fault("policy.monitor_domains", "policy.enforce_domains", cite(d)+" stands in policy.enforce_domains too", "remove it from one")
		}
	}
	if p.OnOwnDomain != rules.DemandMark && len(p.OwnDomains.Entries) == 0 {
		x.noEffect("policy.on_own_domain", "policy.own_domains", "list your domains in policy.own_domains")
	}
	if p.OnUnsigned != rules.DemandMark && len(p.SigningDomains.Entries) == 0 {
		x.noEffect("policy.on_unsigned", "policy.signing_domains", "list the domains in policy.signing_domains")
	}
	if p.SPFEarly && !slices.Contains([]rules.Demand{p.SPFFail, p.SPFSoftfail, p.SPFPermError}, rules.DemandReject) {
		x.noEffect("policy.spf_early", "policy.spf_fail", `write spf_fail = "reject"`)
	}
}
