package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

var update = flag.Bool("update", false, "rewrite contrib/postvet.toml and the expected errors in testdata")

const sample = "../../../../contrib/postvet.toml"

var sameSettings = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}, List{}, AuthorOverride{}),
	cmp.Comparer(func(a, b *addrlist.List) bool { return a.Len() == b.Len() }),
	cmp.AllowUnexported(addrlist.Mailboxes{}), cmpopts.IgnoreFields(rules.Reports{}, "IsBounce"),
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(SignTables{}, "Tables"), cmpopts.IgnoreFields(SignPaths{}, "Maps"),
}

func TestSampleFileHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	var want bytes.Buffer
	if err := WriteDefault(&want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(sample, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("contrib/postvet.toml is not what \"config default\" prints (-want +got):\n%s", d)
	}
	c, err := Load(sample)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Default(), c, sameSettings); d != "" {
		t.Errorf("contrib/postvet.toml differs from the defaults (-want +got):\n%s", d)
	}
	for _, k := range c.keys() {
		if !c.IsSet(k.name) {
			t.Errorf("contrib/postvet.toml does not set %s", k.name)
		}
		if k.comment == "" {
			t.Errorf("%s has no comment", k.name)
		}
	}
	for i, line := range strings.Split(string(got), "\n") {
		if len(line) > 80 {
			t.Errorf("contrib/postvet.toml:%d: %d columns", i+1, len(line))
		}
	}
}

func TestEmptyFileIsDefault(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\xef\xbb\xbf# marked\r\n"} {
		c, err := Parse("x", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(Default(), c, sameSettings); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

// TestEveryKeyIsRead reads a file in which no key has its default, and compares the
// fields and what Write writes.
func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	defaults := Default().keys()
	for i, k := range c.keys() {
		if !c.IsSet(k.name) {
			t.Errorf("testdata/full.toml does not set %s", k.name)
		}
		if k.value.format() == defaults[i].value.format() {
			t.Errorf("testdata/full.toml sets %s to its default", k.name)
		}
	}
	want := &Config{
		Mode: "monitor", AuthservID: "mx.example.org", AnswerEnvelope: true, DrainTimeout: 90 * time.Second,
		Listen: []string{"inet:8891@127.0.0.1", "unix:/var/spool/postfix/postvet/postvet.sock"},
		Socket: Socket{Mode: 0o600, Group: "postfix"}, RuleFiles: []string{"rules/own.toml"}, ShadowFiles: []string{"rules/shadow.toml"},
		DNS: DNS{
			Resolvers: []string{"192.0.2.53:53", "[2001:db8::53]:5353", "tls://192.0.2.54:853#dns.example.org"}, Timeout: 3 * time.Second,
			AttemptTimeout: time.Second, CacheSize: 256 << 20, MinTTL: time.Second, MaxTTL: time.Hour, NegativeTTL: time.Minute,
			FailureTTL: time.Second, MaxInFlight: 64, TrustAD: dnscache.TrustAll, TLSCA: "authority.pem", Authorities: c.DNS.Authorities, Snapshot: "/var/lib/postvet/dns.snapshot",
			WarmFrom: []string{"https://mx1.example.org:8894", "unix:/run/postvet/mx3.sock"}, WarmTrustAD: true,
		},
		Policy: Policy{
			DMARC: "mark", Quarantine: "tag", OnTempError: "tempfail", OnAmbiguousAuthor: "hold", OnFault: "accept", OnDegraded: "judge",
			OrganizationalDomain: "psl", HelpURL: "https://mail.example.org/refused?why={hint}", MailingLists: "quarantine", OnReject: "quarantine", HoldPerDay: 5000, HoldPerDomain: 50, HoldOver: "tag", HoldDigest: "postmaster@example.org", HoldDigestAt: "06:30", ObservedExcept: newList(addrlist.Names, "desk.example"), SPFFail: "reject", SPFSoftfail: "quarantine", SPFPermError: "reject", SPFEarly: true, SPFHelo: true,
			OwnDomains: newList(addrlist.Names, "example.org", ".example.org"), OnOwnDomain: "reject",
			SigningDomains: newList(addrlist.Names, "bank.example"), OnUnsigned: "quarantine",
			SenderDomain: "reject", MonitorListeners: []string{"inet:127.0.0.1:8891", "trial.example.org"},
			MonitorDomains: newList(addrlist.Names, ".partner.example"), EnforceDomains: newList(addrlist.Names, "bank.partner.example"),
			MonitorRecipients: newList(addrlist.Names, "lists.example.org"),
		},
		Trust: Trust{
			Relays:              newList(addrlist.Addresses, "198.51.100.25", "2001:db8:1::/48"),
			Forwarders:          newList(addrlist.Addresses|addrlist.Names|addrlist.Signers, "198.51.100.0/24", "mx.example.net", "dkim:example.com"),
			Sealers:             newList(addrlist.Names, "lists.example", "old.example"),
			ForwardedRecipients: newList(addrlist.Names|addrlist.MailAddresses, "bob@example.org", ".fwd.example"),
		},
		AuthorOverrides: map[string]AuthorOverride{"bank.example": {Policy: "reject"}, "old.bank.example": {Policy: "none"}, "late.example": {Policy: "quarantine"}},
		DKIM:            DKIM{MinRSABits: 2048, MaxRSABits: 4096, ClockSkew: time.Minute, PartialBody: "pass"},
		Exempt:          Exempt{Addresses: newList(addrlist.Addresses, "192.0.2.0/24", "2001:db8::25"), Names: newList(addrlist.Names, "mx.example.org")},
		Sign: Sign{
			Keys: "/etc/postvet/keys", State: "/var/lib/postvet/keys.json", KeyPermissions: KeyPermissionsWarn, Ed25519: true,
			Rotation: Rotation{
				NameServers: []string{"ns1.example.net", "192.0.2.53:5353"}, Publish: "nsupdate:ns1.example.net", PublishKey: "/etc/postvet/tsig.key",
				PublishTimeout: 30 * time.Second, Every: 180 * 24 * time.Hour, Keep: 240 * time.Hour, Reveal: "/var/www/dkim",
			},
			Listeners: []string{"inet:127.0.0.1:8891", "ORIGINATING"}, Networks: newList(addrlist.Addresses, "10.0.0.0/8"),
			Relayed: RelayedSign, SenderMatch: SenderMatchAddress, Fields: SignedFieldsLists, Expires: 72 * time.Hour,
			ListRecipients: newList(addrlist.Names, "lists.example.net"), StrictRecipients: newList(addrlist.Names, "bank.example", ".bank.example"),
			DryRun: true, Files: []string{"example.org:2026a:/etc/dkimkeys/mail.private"}, OnKeyError: "unsigned",
			OpenDKIM: SignTables{SigningTable: "csl:example.org=main", KeyTable: "csl:main=example.org:s1:/etc/dkimkeys/main.private", Multiple: true},
			Rspamd:   SignPaths{Path: "/var/lib/rspamd/dkim/$domain.$selector.key", Selector: "mail", PathMap: "rules/empty.map", SelectorMap: "rules/empty.map"},
			Redis: SignRedis{
				Address: "tls://redis.example.org:6379", CAFile: "/etc/ssl/redis.pem", Username: "postvet", PasswordFile: "/etc/postvet/redis.password",
				Database: 3, Keys: "DKIM_KEYS", Selector: "mail",
			},
			SQL: SignSQL{
				DSN: "host=/run/postgresql dbname=mail", PasswordFile: "/etc/postvet/sql.password", CAFile: "/etc/ssl/sql.pem", Query: "SELECT s, k FROM keys WHERE d = $1",
			},
			Vault: SignVault{
				URL: "https://vault.example.org:8200", CAFile: "/etc/ssl/vault.pem", Path: "secret/dkim", TokenFile: "/run/vault/token", Namespace: "mail", KV: 2,
			},
			Shared:     SignShared{Selector: "pv1", Key: "/etc/postvet/shared/pv1.pem"},
			LoginsFile: "rules/logins", Logins: sign.Logins{"info@example.org": {"ann", "bob"}},
		},
		Seal: Seal{
			Domain: "lists.example.org", Selector: "s2026", Recipients: newList(addrlist.Names, ".example.org"), Networks: newList(addrlist.Addresses, "10.0.0.9"),
			Listeners: []string{"inet:127.0.0.1:8892", "REINJECT"}, Local: true,
		},
		Limits: Limits{
			Connections: 200, HeaderBytes: 256 << 10, BodyBytes: 100 << 20, Fields: 500, Recipients: 100, Signatures: 5, LoginRecipients: 300,
			SPFTimeout: 10 * time.Second, MessageTimeout: 8 * time.Second, VerdictTimeout: 9 * time.Second, IdleTimeout: time.Hour,
		},
		Control: Control{Socket: "/run/postvet-2/control.sock", Group: "adm"},
		Log:     Log{Format: "json", Level: "warn", Burst: 3, BurstInterval: time.Hour},
		Metrics: Metrics{Listen: "inet:9890@192.0.2.1", AllowRemote: true, Mode: 0o600, Group: "adm"},
		Web: Web{
			Listen: "inet:0.0.0.0:8895", AllowRemote: true, Mode: 0o600, Group: "adm", Base: "/postvet", TLSCert: "/etc/postvet/web.pem", TLSKey: "/etc/postvet/web.key",
			Users:     []access.Account{{Name: "ann", Hash: []byte("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"), Role: access.Admin}},
			FileUsers: []access.Account{{Name: "bob", Hash: []byte("$2y$12$C6UzMDM.H6dfI/f/IKcEeO7x1q4SPVGMDkzJ8cXSTTeCIAoZOMoKu"), Role: access.Viewer}},
			UsersFile: "rules/web.users", Proxy: []string{"192.0.2.10/32", "2001:db8:1::/48"}, UserHeader: "Remote-User", GroupsHeader: "Remote-Groups",
			Roles: []string{"mail-admins:admin", "cn=desk:1:support"}, ProxyRole: "viewer",
		},
		Peers: Peers{
			Listen: "inet:0.0.0.0:8894", Names: []string{"mx1.example.org", "2001:db8::25"},
			Certificate: "/etc/postvet/peers.pem", Key: "/etc/postvet/peers.key", CAFile: "/etc/postvet/peers-ca.pem",
		},
		Journal: Journal{
			Directory: "/var/lib/postvet/journal", Privacy: rows.Addresses, Keep: 90 * day, KeepAccepted: 2 * day, KeepCounts: 365 * day,
			MaxSize: 1 << 30, MinFree: 10, Memory: 4 << 20, Exempt: JournalExemptKeep,
			Ignore: newList(addrlist.Names, "council.example.org"), ClientAfter: 7 * day, Sync: JournalSyncFull,
			Postgres: "postgres://postvet@db.example.org/postvet", Ship: JournalShipAll, Node: "mx1.example.org", SpoolKeep: 10 * day, AutoMigrate: true,
		},
		Report: Report{
			Send: ReportSendKnown, Collect: true, Directory: "/var/lib/postvet/reports", Retention: 10 * day,
			Submitter: "example.org", OrgName: "Beispiel Österreich", Email: "postmaster@example.org", Contact: "https://example.org/dmarc",
			From: "noreply@lists.example.org", SMTP: "mail.example.org:587", AuthFile: "/etc/postvet/smtp.login", DKIMDomain: "example.org", DKIMSelector: "s2026",
			BounceDomain: "bounces.example.org", Bounce: ReportBounceDeliver, SendWindow: 2 * time.Hour, Rate: 30, MaxPerDay: 500, EnvelopeTo: true, Forged: true,
			Known: newList(addrlist.Names, "example.com", ".example.com"), Exclude: newList(addrlist.Names, "spam.example"), DestinationsDNSBL: []string{"dmarc.dnsbl.example"},
			Failure: ReportFailure{Send: ReportSendListed, PerDestination: 2, Rate: 5, Subject: true},
			Inbox:   []string{"dmarc@example.org"}, RequirePass: true,
		},
		Watch: Watch{
			Domains: []string{"example.org", "xn--bcher-kva.example"}, Own: true, Every: time.Hour, Repeat: 7 * day, State: "/var/lib/postvet/watch.json",
			Mail: "hostmaster@example.org", From: "dns@example.org", MailWhen: WatchMailDaily,
		},
	}
	if d := cmp.Diff(want, c, sameSettings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	var shown bytes.Buffer
	if err := c.Write(&shown); err != nil {
		t.Fatal(err)
	}
	again, err := Parse("shown", shown.Bytes())
	if err != nil {
		t.Fatalf("what Write wrote cannot be read: %v", err)
	}
	if d := cmp.Diff(c, again, sameSettings, cmpopts.IgnoreFields(Sign{}, "Logins"), cmpopts.IgnoreFields(Web{}, "FileUsers"), cmpopts.IgnoreFields(DNS{}, "Authorities")); d != "" {
		t.Errorf("what Write wrote is another configuration (-want +got):\n%s", d)
	}
	if !strings.Contains(shown.String(), "# testdata/full.toml:1\n") || strings.Contains(shown.String(), "# default") {
		t.Errorf("Write does not say where the keys were set:\n%s", shown.String())
	}
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/invalid-*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), text)
			if err == nil || c != nil {
				t.Fatalf("accepted: %+v", c)
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".toml") + ".error"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for _, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
				if !strings.HasPrefix(line, filepath.Base(file)+":") || !strings.Contains(line, "; ") {
					t.Errorf("%q lacks file, line or remedy", line)
				}
			}
		})
	}
}

func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	large := filepath.Join(t.TempDir(), "large.toml")
	if err := os.WriteFile(large, bytes.Repeat([]byte("# nothing\n"), maxFile/10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, path string
		fault      bool
	}{
		{"absent", "testdata/absent.toml", false},
		{"directory", "testdata", false},
		{"device without end", "/dev/zero", true},
		{"large", large, true},
	} {
		_, err := Load(tc.path)
		if _, isFault := err.(Errors); err == nil || isFault != tc.fault {
			t.Errorf("%s: got %v", tc.name, err)
		}
	}
}

// TestDeep: texts that nest deeply, or are otherwise excessive, are refused quickly.
func TestDeep(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"arrays":        "a = " + strings.Repeat("[", 100000),
		"inline tables": "a = " + strings.Repeat("{a=", 100000),
		"dotted key":    strings.Repeat("a.", 20000) + "b = 1",
		"dotted table":  "[" + strings.Repeat("a.", 20000) + "b]",
		"deep author":   "[author_overrides]\n" + strings.Repeat("a.", 20000) + "b = 'none'",
		"long key":      strings.Repeat("a", 500000) + " = 1",
		"many keys":     manyKeys(3000),
	} {
		start := time.Now()
		_, err := Parse("x", []byte(text))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if n := len(err.Error()); n > 400*(maxErrors+1) {
			t.Errorf("%s: an error of %d octets", name, n)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	return b.String()
}

func TestSetFlag(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range [][]string{
		{"--dns-timeout", "dns.timeout", "300ms"},
		{"--listen", "listen", "127.0.0.1:1", "/run/x"},
		{"--resolver", "dns.resolvers", "::1"},
		{"--mode", "mode", "enforce"},
		{"--authserv-id", "authserv_id", "a.example"},
	} {
		if err := c.SetFlag(f[0], f[1], f[2:]...); err != nil {
			t.Error(err)
		}
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if c.DNS.Timeout != 300*time.Millisecond || c.DNS.AttemptTimeout != 300*time.Millisecond {
		t.Errorf("timeouts are %v and %v", c.DNS.Timeout, c.DNS.AttemptTimeout)
	}
	if d := cmp.Diff([]string{"[::1]:53"}, c.DNS.Resolvers); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"127.0.0.1:1", "/run/x"}, c.Listen); d != "" {
		t.Error(d)
	}
	if c.Mode != "enforce" || c.AuthservID != "a.example" {
		t.Errorf("mode %q, authserv-id %q", c.Mode, c.AuthservID)
	}
	for _, tc := range []struct{ flag, key, value, want string }{
		{"--dns-timeout", "dns.timeout", "5", `--dns-timeout: "5" is no duration; write a duration with its unit, such as "5s"`},
		{"--mode", "mode", "soft", `--mode: "soft" is not known; write "enforce" or "monitor"`},
		{"--listen", "listen", "", `--listen: "": neither inet:host:port nor unix:/path; write an address such as "inet:127.0.0.1:8890" or "unix:/run/postvet/postvet.sock"`},
		{"--resolver", "dns.resolvers", "", `--resolver: "" is no address of a resolver; write an address such as "127.0.0.1:53" or "[2001:db8::53]:53"`},
	} {
		if err := c.SetFlag(tc.flag, tc.key, tc.value); err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

func TestAttemptTimeoutFollowsTimeout(t *testing.T) {
	t.Parallel()
	c, err := Parse("x", []byte("dns.timeout = '1s'"))
	if err != nil {
		t.Fatal(err)
	}
	if c.DNS.AttemptTimeout != time.Second {
		t.Errorf("attempt_timeout is %v", c.DNS.AttemptTimeout)
	}
}

func TestListenAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"inet:127.0.0.1:8890", "inet:8890@127.0.0.1", "127.0.0.1:8890", "inet:[::1]:8890", "inet6:8890@::1", "inet:8890",
		"inet:mx.example.org:8890", "unix:/run/p.sock", "local:/run/p.sock", "/run/p.sock", "systemd:postvet", "inet:*:8890",
	} {
		if err := Default().SetFlag("--listen", "listen", text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{
		"", "inet:", "inet:host", "inet:127.0.0.1:", "inet:127.0.0.1:65536", "inet:127.0.0.1:-1", "inet:127.0.0.256:1",
		"inet:::1:8890", "inet:a b:1", "unix:", "unix:run/x", "unix:/run/", "local:x", "tcp:1:2:3",
		"unix:/" + strings.Repeat("x", 107), "unix:/a\x00b", "@", ":", "inet:@",
	} {
		if err := Default().SetFlag("--listen", "listen", text); err == nil {
			t.Errorf("%q accepted", text)
		} else if strings.ContainsAny(err.Error(), "\n\x00") || !strings.Contains(err.Error(), "; write an address") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParse looks for texts that hang, panic, or give errors without a remedy.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, file := range append(files, sample) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("f", text)
		if err == nil {
			if err := c.Write(&bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			return
		}
		errs, ok := err.(Errors)
		if !ok || len(errs) == 0 {
			t.Fatalf("%T %v", err, err)
		}
		for _, e := range errs {
			if e.Problem == "" || e.Remedy == "" || strings.ContainsAny(e.Error(), "\n\r\x1b") {
				t.Fatalf("%q", e.Error())
			}
		}
	})
}
