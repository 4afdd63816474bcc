package peers

import (
	"strings"
	"testing"
)

// TestKeepsWhatThePeersDid is about settings whose effect is easily missed: lines that
// the configuration must have, and lines that it must not have.
func TestKeepsWhatThePeersDid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		files     map[Peer]string
		want, not []string
	}{
		{
			"pyspf that only tests refuses nothing",
			map[Peer]string{PySPF: "TestOnly = 0\nReject_Not_Pass_Domains = bank.example\n"},
			[]string{`mode = "monitor"`},
			[]string{"[[rule]]", "reject"},
		},
		{
			"pyspf with No_Mail refuses only for domains without mail",
			map[Peer]string{PySPF: "No_Mail = True\n"},
			[]string{`mode = "monitor"`},
			[]string{"spf_fail", "[[rule]]"},
		},
		{
			"pyspf with No_Mail and broken records",
			map[Peer]string{PySPF: "No_Mail = True\nPermError_reject = True\n"},
			[]string{`mode = "enforce"`, `spf_permerror = "reject"`},
			[]string{"spf_fail"},
		},
		{
			"pyspf lets domains without a record pass",
			map[Peer]string{PySPF: "Reject_Not_Pass_Domains = bank.example\n"},
			[]string{`if = "spf_mailfrom in [\"fail\", \"softfail\", \"neutral\"]"`},
			[]string{"temperror"},
		},
		{
			"pyspf takes names by their end",
			map[Peer]string{PySPF: "Domain_Whitelist_PTR = forward.example\n"},
			[]string{`forwarders = ["forward.example", ".forward.example"]`},
			nil,
		},
		{
			"pyspf asks for no author",
			map[Peer]string{PySPF: "TestOnly = 1\n"},
			[]string{`mode = "enforce"`, `dmarc = "mark"`, `on_ambiguous_author = "accept"`},
			nil,
		},
		{
			"opendkim does not defer when a key cannot be looked up",
			map[Peer]string{OpenDKIM: "Mode v\n"},
			[]string{`mode = "monitor"`, "addresses = []"},
			[]string{"[[rule]]", "temperror"},
		},
		{
			"nor if it is told to",
			map[Peer]string{OpenDKIM: "Mode v\nOn-DNSError tempfail\n"},
			[]string{`mode = "monitor"`},
			[]string{"[[rule]]", "temperror"},
		},
		{
			"opendkim marks what is unsigned instead of refusing it",
			map[Peer]string{OpenDKIM: "Mode v\nOn-NoSignature reject\nAlwaysAddARHeader yes\n"},
			[]string{`mode = "monitor"`},
			[]string{"[[rule]]"},
		},
		{
			"opendkim's peers alone are exempt",
			map[Peer]string{OpenDKIM: "Mode v\nOn-BadSignature reject\nInternalHosts 0.0.0.0/0,127.0.0.1\nPeerList 192.0.2.1,-,*.dead.example,.live.example\n"},
			[]string{`addresses = ["192.0.2.1"]`, `names = [".live.example"]`},
			[]string{"0.0.0.0/0", "127.0.0.1", `"-"`, "dead"},
		},
		{
			"opendkim that signs spares its users",
			map[Peer]string{OpenDKIM: "Mode sv\nKeyFile /k\nOn-BadSignature reject\nInternalHosts 192.0.2.0/24\n"},
			[]string{`opendkim-internal = ["192.0.2.0/24"]`, `&& !listed(client, \"opendkim-internal\")`, "addresses = []"},
			nil,
		},
		{
			"opendmarc defers nothing because of DNS",
			map[Peer]string{OpenDMARC: "RejectFailures yes\n"},
			[]string{`addresses = ["127.0.0.1"]`, `on_reject = "always"`},
			[]string{"on_temperror"},
		},
		{
			"pyspf spares more clients than an opendmarc that refuses",
			map[Peer]string{OpenDMARC: "RejectFailures yes\n", PySPF: "Mail_From_reject = Softfail\nPermError_reject = True\nTempError_Defer = True\n"},
			[]string{
				`addresses = ["127.0.0.1"]`, `pyspf-milter-skips = ["127.0.0.0/8", "::ffff:127.0.0.0/104", "::1", "127.0.0.1"]`,
				`if = "(spf_mailfrom in [\"fail\", \"softfail\"]) && !listed(client, \"pyspf-milter-skips\") && !listed(ptr, \"pyspf-milter-skips\")"`,
				`name = "pyspf-permerror"`, `name = "pyspf-temperror"`,
			},
			[]string{"spf_early", "spf_fail", "on_temperror"},
		},
		{
			"pyspf spares the same clients as opendmarc",
			map[Peer]string{OpenDMARC: "RejectFailures yes\n", PySPF: "skip_addresses = 127.0.0.1\n"},
			[]string{`addresses = ["127.0.0.1"]`, `spf_fail = "reject"`, "spf_early = true"},
			[]string{"skips"},
		},
		{
			"an opendmarc that only marks does not say who is exempt from SPF",
			map[Peer]string{OpenDMARC: "IgnoreHosts /etc/opendmarc/hosts\n", PySPF: "Mail_From_reject = Fail\n"},
			[]string{`spf_fail = "reject"`},
			[]string{"opendmarc/hosts", "[exempt]"}, // Postvet's default is pyspf-milter's
		},
		{
			"opendkim that is told not to",
			map[Peer]string{OpenDKIM: "Mode v\nOn-DNSError accept\n"},
			[]string{`mode = "monitor"`},
			[]string{"[[rule]]"},
		},
		{
			"opendkim that only signs",
			map[Peer]string{OpenDKIM: "Mode s\nKeyFile /k\nOn-BadSignature reject\nOn-InternalError accept\n"},
			[]string{`mode = "monitor"`},
			[]string{"[[rule]]", "on_fault"},
		},
		{
			"opendkim accepts by default what names a missing key",
			map[Peer]string{OpenDKIM: "Mode v\nOn-BadSignature reject\n"},
			[]string{`name = "opendkim-bad-signature"`},
			[]string{"opendkim-key-not-found"},
		},
		{
			"opendkim refuses missing keys alone",
			map[Peer]string{OpenDKIM: "Mode v\nOn-KeyNotFound reject\n"},
			[]string{`name = "opendkim-key-not-found"`},
			[]string{"opendkim-bad-signature"},
		},
		{
			"opendkim quarantines by an option of its own",
			map[Peer]string{OpenDKIM: "Mode v\nQuarantine yes\n"},
			[]string{`name = "opendkim-bad-signature"`, `action = "quarantine"`},
			nil,
		},
		{
			"opendmarc refuses malformed authors without RejectFailures",
			map[Peer]string{OpenDMARC: "RequiredHeaders yes\n"},
			[]string{`mode = "enforce"`, `dmarc = "mark"`, `on_ambiguous_author = "reject"`},
			nil,
		},
		{
			"opendmarc holds nothing without RejectFailures",
			map[Peer]string{OpenDMARC: "HoldQuarantinedMessages yes\n"},
			[]string{`mode = "monitor"`},
			[]string{"quarantine ="},
		},
		{
			"one domain in two lists and spellings",
			map[Peer]string{OpenDMARC: "IgnoreMailFrom News.example,other.example\n", OpenDKIM: "Mode v\nExemptDomains .news.EXAMPLE\n"},
			[]string{`"news.example" = "none"`, `"other.example" = "none"`},
			[]string{`News.example"`, `EXAMPLE"`},
		},
		{
			"a public suffix",
			map[Peer]string{OpenDMARC: "IgnoreMailFrom CO.uk,other.example\n", OpenDKIM: "Mode v\nExemptDomains .com\n"},
			[]string{`"other.example" = "none"`},
			[]string{`uk" =`, `com" =`},
		},
		{
			"a path where opendmarc reads none",
			map[Peer]string{OpenDMARC: "IgnoreMailFrom /etc/opendmarc/ignore\n"},
			nil,
			[]string{`"file:`},
		},
		{
			"opendmarc's hosts in a file",
			map[Peer]string{OpenDMARC: "IgnoreHosts /etc/opendmarc/ignore.hosts\n"},
			[]string{`addresses = ["file:/etc/opendmarc/ignore.hosts"]`},
			[]string{"127.0.0", "::1", "names ="},
		},
	} {
		var all []Setting
		for peer, text := range c.files {
			settings, err := Read(peer, string(peer)+".conf", []byte(text))
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			all = append(all, settings...)
		}
		p, err := Translate(all, nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		written := withoutRemarks(p.TOML(""))
		for _, w := range c.want {
			if !strings.Contains(written, w) {
				t.Errorf("%s: no %s in\n%s", c.name, w, written)
			}
		}
		for _, n := range c.not {
			if strings.Contains(written, n) {
				t.Errorf("%s: %s in\n%s", c.name, n, written)
			}
		}
	}
}

func withoutRemarks(toml string) string {
	var b strings.Builder
	for line := range strings.Lines(toml) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}
