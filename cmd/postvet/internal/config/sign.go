package config

import (
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// Sign is which messages are signed, and by which keys.
type Sign struct {
	// Keys is the directory of the private keys; "" to sign nothing.
	Keys           string
	State          string // file; "" to keep nothing over restarts
	KeyPermissions KeyPermissions
	Ed25519        bool // also sign with keys of this type
	Rotation       Rotation
	Files          []string // keys as DOMAIN:SELECTOR:PATH
	OnKeyError     rules.KeyError
	OpenDKIM       SignTables
	Rspamd         SignPaths
	Redis          SignRedis
	SQL            SignSQL
	Vault          SignVault
	Shared         SignShared
	Listeners      []string // as Policy.MonitorListeners
	Networks       List
	Local          bool
	Relayed        Relayed
	SenderMatch    SenderMatch
	// LoginsFile says who may write as an address; "" for none. Logins are its contents.
	LoginsFile string
	Logins     sign.Logins
	Subdomains bool
	Fields     SignedFields
	// ListRecipients and StrictRecipients get the fields of these names.
	ListRecipients, StrictRecipients List
	Expires                          time.Duration
	AddMissing                       bool
	DryRun                           bool
}

// KeyPermissions says what is done about a key file with unsafe permissions.
type KeyPermissions string

// The values of sign.key_permissions.
const (
	KeyPermissionsStrict KeyPermissions = "strict"
	KeyPermissionsWarn   KeyPermissions = "warn"
)

// Relayed says what is done about mail that came from outside before it came from
// sign.networks or a local program.
type Relayed string

// The values of sign.relayed.
const (
	RelayedUnsigned Relayed = "unsigned"
	RelayedSign     Relayed = "sign"
)

// SenderMatch says how a user must belong to the author.
type SenderMatch string

// The values of sign.sender_match.
const (
	SenderMatchDomain  SenderMatch = "domain"
	SenderMatchAddress SenderMatch = "address"
	SenderMatchOff     SenderMatch = "off"
)

// SignedFields names a list of fields to sign.
type SignedFields string

// The values of sign.fields.
const (
	SignedFieldsDefault SignedFields = "default"
	SignedFieldsStrict  SignedFields = "strict"
	SignedFieldsLists   SignedFields = "lists"
)

func (s *Sign) section() section {
	return section{name: "sign", keys: append(s.keys(), s.Rotation.keys()...), comment: `Which messages of your own users are signed by DKIM. Nothing is signed unless
keys, files or a source below names keys. A message is signed as the author's
domain, or as the nearest parent that has a key, once the DNS shows the key.
It is then not checked.`}
}

func (s *Sign) keys() []key {
	return []key{
		{
			name: "keys", value: text(&s.Keys, "", checkDirectory), environment: true,
			comment: `The directory of the private keys, DIRECTORY/DOMAIN/SELECTOR.pem, such as
"/etc/postvet/keys". A new key needs no reload. Of several keys of a domain
the newest RSA key signs whose record all name servers show; a newer one waits
until they do. Only root and the service may read and write the files.`,
		},
		{
			name: "files", value: list(&s.Files, checkSignFile, `write a list, such as ["example.org:2026a:/etc/dkimkeys/mail.private"]`),
			comment: `Keys in other places, as "DOMAIN:SELECTOR:PATH". They come before the
directory. A changed file needs no reload.`,
		},
		{
			name: "on_key_error", value: oneOf(&s.OnKeyError),
			comment: `What is done if no key of a domain can be read: its file is broken, or its
server is away and nothing is known from before. tempfail: defer the message
(451), so that none leaves unsigned. unsigned: let it pass without a
signature.`,
		},
		{
			name: "state", value: text(&s.State, "", checkStateFile), environment: true,
			comment: `A file that keeps where each key is in its life, such as
"/var/lib/postvet/keys.json". A key that the DNS has shown signs also while
the DNS fails; one that was retired or revoked signs no more. The service and
"postvet key" write it, and lock files beside it. Empty: this is forgotten at
a restart.`,
		},
		{
			name: "key_permissions", value: oneOf(&s.KeyPermissions, KeyPermissionsStrict, KeyPermissionsWarn),
			comment: `strict: a key that others can read or write is not used. warn: it is, for
systems whose secrets are readable by design.`,
		},
		{
			name: "ed25519", value: truth(&s.Ed25519, false),
			comment: `Sign a second time where a domain has an Ed25519 key too. It never signs
alone: large receivers do not verify it, and some count it as a failure.`,
		},
		{
			name: "listeners", value: list(&s.Listeners, checkListener, `write a list, such as ["inet:127.0.0.1:8891"]`),
			comment: `Listeners that only your users reach: addresses of our own sockets, such as
"inet:127.0.0.1:8891", or the MTA's names for its listeners ({daemon_name}).
All of their mail may be signed, and that of users who have logged in.`,
		},
		{
			name: "networks", value: entries(&s.Networks, addrlist.Addresses, 0), environment: true,
			comment: `Clients whose mail is that of your users although they do not log in, as
addresses or prefixes. Loopback is not among them unless it is listed.`,
		},
		{
			name: "local", value: truth(&s.Local, true),
			comment: `Sign messages submitted on this machine without SMTP (sendmail, cron, notices
of the MTA). Any program on the machine can then write as any of your domains.`,
		},
		{
			name: "relayed", value: oneOf(&s.Relayed, RelayedUnsigned, RelayedSign),
			comment: `Mail from networks or a local program that came from outside before, by its
Received fields: a content filter that hands mail in again, a forwarder.
unsigned: do not sign it, since the author may be forged. sign: sign it. With
unsigned, listeners and logins of list servers do not sign either what a
stranger wrote in a domain of yours if DMARC did not pass on its arrival.`,
		},
		{
			name: "sender_match", value: oneOf(&s.SenderMatch, SenderMatchDomain, SenderMatchAddress, SenderMatchOff),
			comment: `How the user must belong to the author: domain: the same domain signs for
both. address: the author is the user. off: each user may write as each
author. The user is the login if it is an address, otherwise MAIL FROM, which
the MTA compares with the login (Postfix: reject_sender_login_mismatch).`,
		},
		{
			name: "logins", value: text(&s.LoginsFile, "", checkLoginsFile),
			comment: `A file that says which logins may write as an address, such as
"/etc/postfix/logins": an address or "@domain", white space, and logins with
commas between. It is the text form of Postfix's smtpd_sender_login_maps, so
that one file serves both. sender_match decides on addresses that it does not
have, and on mail without a login. It is read again at a reload.`,
		},
		{
			name: "subdomains", value: truth(&s.Subdomains, true),
			comment: "Sign for subdomains that have no key of their own.",
		},
		{
			name: "fields", value: oneOf(&s.Fields, SignedFieldsDefault, SignedFieldsStrict, SignedFieldsLists),
			comment: `Which header fields are signed. default: all that a mail program shows; nobody
can add another From, Subject, To, Cc, Reply-To or Content-Type. strict: nor
any other of the fields; mailing lists that add one break the signature.
lists: nobody can add another From.`,
		},
		{
			name: "list_recipients", value: entries(&s.ListRecipients, addrlist.Names, 0),
			comment: `Domains of recipients, such as "lists.example.net" or ".example.net" for the
names below it. A message is signed as with fields = "lists" if all its
recipients are in these domains: mailing lists that add fields.`,
		},
		{
			name: "strict_recipients", value: entries(&s.StrictRecipients, addrlist.Names, 0),
			comment: `The same for fields = "strict".`,
		},
		{
			name: "expires", value: duration(&s.Expires, 7*24*time.Hour, 0, 365*24*time.Hour),
			comment: `How long a signature is valid (0s for ever, to 8760h). Keep it above the time
that your MTA holds mail in its queue.`,
		},
		{
			name: "add_missing", value: truth(&s.AddMissing, true),
			comment: `Add Date and Message-ID where they are missing, before the message is signed.
A server that adds them later breaks the signature.`,
		},
		{
			name: "dry_run", value: truth(&s.DryRun, false),
			comment: `Sign nothing, and say in the log of each message of your users whether a
signer before Postvet, such as opendkim, did alike (dry_run). To be used while
both run: put Postvet behind it.`,
		},
	}
}

// checkDirectory accepts an absolute path of a directory.
func checkDirectory(s string) (normal, problem, remedy string) {
	return checkCleanPath(s, "directory", "/etc/postvet/keys")
}

// checkLoginsFile accepts a path of a file, or none.
func checkLoginsFile(s string) (normal, problem, remedy string) {
	if s == "" {
		return "", "", ""
	}
	normal, problem, _ = checkRuleFile(s)
	return normal, problem, `write a path such as "/etc/postfix/logins"`
}

// checkStateFile accepts an absolute path of a file.
func checkStateFile(s string) (normal, problem, remedy string) {
	return checkPath(s, "file", "/var/lib/postvet/keys.json")
}

func (s *Sign) conflicts(x *conflicts) {
	s.sourceConflicts(x)
	if !s.Signs() {
		const remedy = `name the directory of the private keys, such as "/etc/postvet/keys"`
		if len(s.Listeners) > 0 {
			x.noEffect("sign.listeners", "sign.keys", remedy)
		}
		if len(s.Networks.Entries) > 0 {
			x.noEffect("sign.networks", "sign.keys", remedy)
		}
	}
	s.Rotation.conflicts(x, s)
	x.everybody("sign.networks", s.Networks, "signs mail of", "list your own networks")
}

// Signing returns how messages of our users are signed, by the keys of a source; nil if
// none are.
func (c *Config) Signing(source policy.SigningKeys) *policy.Signing {
	s := &c.Sign
	if !s.Signs() {
		return nil
	}
	o := sign.Options{
		Networks: s.Networks.Set, Local: s.Local, Relays: c.Trust.Relays.Set,
		SignRelayed: s.Relayed == RelayedSign, Logins: s.Logins, ExactOnly: !s.Subdomains,
		Match: map[SenderMatch]sign.Match{SenderMatchAddress: sign.MatchAddress, SenderMatchOff: sign.MatchOff}[s.SenderMatch],
	}
	o.Sockets, o.Daemons = socketsAndDaemons(s.Listeners)
	fields := map[SignedFields][]dkim.FieldRule{SignedFieldsStrict: dkim.StrictFields(), SignedFieldsLists: dkim.ListFields()}
	recipients := []policy.RecipientFields{
		{Domains: s.ListRecipients.Set, Fields: fields[SignedFieldsLists]},
		{Domains: s.StrictRecipients.Set, Fields: fields[SignedFieldsStrict]},
	}
	// A processor stays free for those who wait for a verdict.
	parallel := max(1, runtime.GOMAXPROCS(0)-1)
	signing := &policy.Signing{Options: o, Keys: source, Fields: fields[s.Fields], Recipients: recipients, Lifetime: s.Expires, AddMissing: s.AddMissing, DryRun: s.DryRun, MaxParallel: parallel}
	own := rules.Rules{Custom: c.RuleList()}
	if slices.ContainsFunc(own.Custom, func(r rules.Rule) bool { return r.Sign != "" }) {
		signing.Choose, signing.Reserved = own.SigningChoice, own.ReservedSelectors()
	}
	return signing
}

// socketsAndDaemons parts the names of listeners in our sockets and those of the MTA.
func socketsAndDaemons(listeners []string) (sockets, daemons []string) {
	for _, l := range listeners {
		if strings.Contains(l, ":") {
			sockets = append(sockets, l)
		} else {
			daemons = append(daemons, l)
		}
	}
	return sockets, daemons
}
