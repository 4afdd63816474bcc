package config

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"

	"github.com/postvet/postvet/dnscache"
	"github.com/postvet/postvet/filter"
	"github.com/postvet/postvet/filter/milter"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
)

// TestOptions: the settings of a file reach the other packages.
func TestOptions(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	wantDNS := dnscache.Options{
		Upstreams: []string{"192.0.2.53:53", "[2001:db8::53]:5353", "tls://192.0.2.54:853#dns.example.org"}, Timeout: 3 * time.Second, AttemptTimeout: time.Second,
		MaxBytes: 256 << 20, MinTTL: time.Second, MaxTTL: time.Hour, NegativeTTL: time.Minute,
		FailureTTL: time.Second, MaxStale: -1, MaxInFlight: 64, TrustAD: dnscache.TrustAll, RootCAs: c.DNS.Authorities,
	}
	if d := cmp.Diff(wantDNS, c.ResolverOptions(nil)); d != "" {
		t.Errorf("resolver (-want +got):\n%s", d)
	}
	wantChecker := policy.Options{
		AuthservID: "id", Exempt: policy.Exempt{Addresses: c.Exempt.Addresses.Set, Names: c.Exempt.Names.Set}, SPFTimeout: 10 * time.Second, MessageTimeout: 8 * time.Second,
		MaxHeaderBytes: 256 << 10, MaxFields: 500, MaxBodyBytes: 100 << 20, MaxRecipients: 100,
		DKIM:        dkim.Options{Skew: time.Minute, MaxSignatures: 5, MinRSABits: 2048, MaxRSABits: 4096},
		PartialBody: dkim.Pass, Relays: c.Trust.Relays.Set, ForwardedTo: c.Trust.ForwardedRecipients.Set, SenderDomain: true,
		DMARC: dmarc.Options{Discovery: dmarc.PSL},
	}
	got := c.CheckerOptions(nil, "id", time.Now)
	if got.Now == nil {
		t.Error("the checker has no clock")
	}
	if d := cmp.Diff(wantChecker, got, sameSettings, cmpopts.IgnoreFields(policy.Options{}, "Now"),
		cmpopts.IgnoreUnexported(dkim.Options{}, dmarc.Options{})); d != "" {
		t.Errorf("checker (-want +got):\n%s", d)
	}
	for word, want := range map[rules.OnReject]bool{rules.RejectJudge: true, rules.RejectAlways: false, rules.RejectQuarantine: false} {
		if c.Policy.OnReject = word; c.CheckerOptions(nil, "id", time.Now).Judgement != want {
			t.Errorf("on_reject = %q: the earlier hops are asked: %v", word, !want)
		}
	}
	c.Policy.OnReject = rules.RejectQuarantine
	c.DNS.MinTTL, c.DKIM.ClockSkew = 0, 0
	if c.ResolverOptions(nil).MinTTL == 0 || c.CheckerOptions(nil, "id", time.Now).DKIM.Skew == 0 {
		t.Error("\"0s\" became a default")
	}
	wantRules := rules.Rules{
		Mode: rules.Monitor, AuthservID: "id", DMARC: rules.DMARCMark, OnReject: rules.RejectQuarantine, Quarantine: rules.QuarantineTag, OnTempError: "tempfail",
		OnAmbiguousAuthor: rules.AmbiguousHold, OnFault: "accept", OnKeyError: rules.KeyErrorUnsigned, SPFHelo: true, HelpURL: "https://mail.example.org/refused?why={hint}", OnDegraded: rules.DegradedJudge,
		SenderDomain: rules.SenderDomainReject,
		Modes: rules.Modes{
			MonitorListeners: []string{"inet:127.0.0.1:8891", "trial.example.org"}, MonitorDomains: c.Policy.MonitorDomains.Set,
			EnforceDomains: c.Policy.EnforceDomains.Set, MonitorRecipients: c.Policy.MonitorRecipients.Set,
		},
		Trust: rules.Trust{
			Forwarders: c.Trust.Forwarders.Set, Sealers: c.Trust.Sealers.Set, MailingLists: rules.MailingListsQuarantine,
			Authors: map[string]rules.AuthorOverride{"bank.example": {Policy: dmarc.PolicyReject}, "old.bank.example": {Policy: dmarc.PolicyNone}, "late.example": {
				Policy: dmarc.PolicyQuarantine, Until: time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC),
			}},
		},
		Local: rules.Local{
			SPFFail: rules.DemandReject, SPFSoftfail: rules.DemandQuarantine, SPFPermError: rules.DemandReject, SPFEarly: true,
			OwnDomains: c.Policy.OwnDomains.Set, OnOwnDomain: rules.DemandReject,
			SigningDomains: c.Policy.SigningDomains.Set, OnUnsigned: rules.DemandQuarantine,
		},
		Reports: rules.Reports{Inbox: addrlist.NewMailboxes("dmarc@example.org"), RequirePass: true},
	}
	if d := cmp.Diff(wantRules, c.Rules("id"), sameSettings, cmpopts.IgnoreFields(rules.Rules{}, "Custom")); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	wantSigning := &policy.Signing{
		Options: sign.Options{
			Sockets: []string{"inet:127.0.0.1:8891"}, Daemons: []string{"ORIGINATING"}, Networks: c.Sign.Networks.Set, Relays: c.Trust.Relays.Set,
			SignRelayed: true, Match: sign.MatchAddress, ExactOnly: true, Logins: sign.Logins{"info@example.org": {"ann", "bob"}},
		},
		Recipients: []policy.RecipientFields{{Domains: c.Sign.ListRecipients.Set, Fields: dkim.ListFields()}, {Domains: c.Sign.StrictRecipients.Set, Fields: dkim.StrictFields()}},
		Fields:     dkim.ListFields(), Lifetime: 72 * time.Hour, DryRun: true, MaxParallel: max(1, runtime.GOMAXPROCS(0)-1),
	}
	if d := cmp.Diff(wantSigning, c.Signing(nil), sameSettings); d != "" {
		t.Errorf("signing (-want +got):\n%s", d)
	}
	if got := Default().Signing(nil); got != nil {
		t.Errorf("signing by default: %+v", got)
	}
	wantSealing := &policy.Sealing{
		Options: sign.SealOptions{
			Recipients: c.Seal.Recipients.Set, Networks: c.Seal.Networks.Set, Sockets: []string{"inet:127.0.0.1:8892"}, Daemons: []string{"REINJECT"}, Local: true,
		},
		Domain: "lists.example.org", Selector: "s2026",
	}
	if d := cmp.Diff(wantSealing, c.Sealing(nil), sameSettings); d != "" {
		t.Errorf("sealing (-want +got):\n%s", d)
	}
	if got := Default().Sealing(nil); got != nil {
		t.Errorf("sealing by default: %+v", got)
	}
	wantServer := filter.Options{
		Milter:        milter.Options{MaxConnections: 200, ReadTimeout: time.Hour, VerdictTimeout: 9 * time.Second, DrainTimeout: time.Hour, AnswerEnvelope: true},
		MaxRecipients: 100,
	}
	if d := cmp.Diff(wantServer, c.ServerOptions(nil)); d != "" {
		t.Errorf("server (-want +got):\n%s", d)
	}
}

// TestReloadOfEachKey: a reload takes each key over or names it as needing a
// restart. The keys of dns need a new resolver.
func TestReloadOfEachKey(t *testing.T) {
	t.Parallel()
	full, err := Load("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	// These are read from the active configuration.
	reloaded := []string{
		"mode", "authserv_id", "rules", "shadow_rules", "drain_timeout", "policy.", "trust.", "dkim.", "exempt.", "sign.", "seal.", "dns.",
		"limits.header_bytes", "limits.body_bytes", "limits.fields", "limits.signatures", "limits.login_recipients", "limits.spf_timeout", "limits.message_timeout", "log.level", "log.burst",
		"peers.names", "peers.certificate", "peers.key", "peers.ca_file",
		"journal.keep", "journal.spool_keep", "journal.max_size", "journal.min_free", "journal.exempt", "journal.ignore", "journal.client_after",
		"report.send", "report.collect", "report.retention", "report.known", "report.exclude", "report.forged", "report.destinations_dnsbl", "report.envelope_to",
		"report.submitter", "report.org_name", "report.email", "report.contact", "report.from", "report.smtp", "report.auth_file", "report.dkim_",
		"report.bounce", "report.rate", "report.max_per_day", "report.inbox", "report.require_pass", "report.failure.",
		"watch.", "web.users", "web.proxy", "web.user_header", "web.groups_header", "web.roles",
	}
	for _, k := range full.keys() {
		c := Default()
		of, _ := c.key(k.name)
		if problem, _ := of.value.set(tomlOf(t, k.name, full)); problem != "" {
			t.Fatalf("%s: %s", k.name, problem)
		}
		restart := Default().NeedsRestart(c)
		isReloaded := slices.ContainsFunc(reloaded, func(p string) bool { return strings.HasPrefix(k.name, p) })
		if isReloaded == slices.Contains(restart, k.name) || len(restart) > 1 {
			t.Errorf("%s: reloaded %v, but needing a restart: %q", k.name, isReloaded, restart)
		}
		needsResolver := strings.HasPrefix(k.name, "dns.") && k.name != "dns.snapshot" && k.name != "dns.warm_from" && k.name != "dns.warm_trust_ad"
		if Default().SameDNS(c) == needsResolver {
			t.Errorf("%s: SameDNS is wrong", k.name)
		}
	}
	if d := full.NeedsRestart(full); d != nil {
		t.Errorf("nothing changed, but %q needs a restart", d)
	}
}

// tomlOf returns a key's value in a configuration as TOML decodes it.
func tomlOf(t *testing.T, name string, c *Config) any {
	t.Helper()
	var tree map[string]any
	var b strings.Builder
	if err := c.Write(&b); err != nil {
		t.Fatal(err)
	}
	if err := toml.Unmarshal([]byte(b.String()), &tree); err != nil {
		t.Fatal(err)
	}
	section, last := split(name)
	if section != "" {
		for part := range strings.SplitSeq(section, ".") {
			tree = tree[part].(map[string]any)
		}
	}
	return tree[last]
}

// Package rules takes an empty word for the first word of its type, which must be
// the default here; but for that of on_reject it takes "always".
func TestFirstWordIsDefault(t *testing.T) {
	t.Parallel()
	for _, k := range Default().keys() {
		words := k.words()
		if len(words) == 0 || k.name != "mode" && !strings.HasPrefix(k.name, "policy.") {
			continue
		}
		if got, want := k.value.format(), strconv.Quote(words[0]); got != want {
			t.Errorf("%s: the default is %s, and the first word %s", k.name, got, want)
		}
	}
}

func TestLoginsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"bad":     "ann@example.org\n",
		"postvet": "[sign]\nkeys = \"/k\"\nlogins = \"LOGINS\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for logins, want := range map[string]string{
		"bad":  `DIR/postvet:3: sign.logins: DIR/bad: line 1: no login behind "ann@example.org"; write an address or @domain, white space, and its logins`,
		"none": `DIR/postvet:3: sign.logins: "DIR/none" cannot be read: no such file or directory; name a readable file with an address and its logins in each line`,
		"x/":   `DIR/postvet:3: sign.logins: "x/" names no file; write a path such as "/etc/postfix/logins"`,
		".":    `DIR/postvet:3: sign.logins: "DIR" is no file; name a readable file with an address and its logins in each line`,
	} {
		file := filepath.Join(dir, "postvet")
		if err := os.WriteFile(file, []byte("[sign]\nkeys = \"/k\"\nlogins = \""+logins+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		got := ""
		if err != nil {
			got = strings.ReplaceAll(err.Error(), dir, "DIR")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", logins, got, want)
		}
	}
}
