//go:build linux

package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// failing returns a relay that answers SERVFAIL to a part of the questions, to the same ones
// each time.
func failing(seed, percent uint32) *relay {
	return &relay{answers: 1000, reply: func(query []byte) []byte {
		m := append([]byte(nil), query[:questionEnd(query)]...)
		if len(m) < 12 {
			return nil
		}
		h := fnv.New32a()
		fmt.Fprint(h, seed)
		h.Write(bytes.ToLower(m[12:]))
		if h.Sum32()>>8%100 >= percent {
			return nil
		}
		m[2], m[3] = m[2]|0x80, 0x80|2
		clear(m[6:12])
		return m
	}}
}

// hidden are findings that are true, but are not told beside what else is known in truth.
var hidden = map[string]bool{
	"dmarc-foreign.example: reports go to taker.example, which agreed": true,
	"dmarc-foreign.example: p=reject: forged mail is kept away":        true,

	"gone.missing.example: no DMARC record: receivers are told nothing about forged mail of gone.missing.example": true,
}

// failing returns the tree behind a relay that has a part of the lookups fail.
func (w *tree) failing(t *testing.T, seed, percent uint32) *tree {
	t.Helper()
	s := &site{}
	s.options.Upstreams = []string{w.resolver}
	t.Cleanup(s.close)
	addr, err := s.before(0, failing(seed, percent))
	if err != nil {
		t.Fatal(err)
	}
	return &tree{binary: w.binary, resolver: addr}
}

// compareFailing compares reports of which lookups failed with the truth: nothing is good and
// nothing is wrong that is not so in truth, and no domain is sound.
func compareFailing(t *testing.T, reports, truth map[string]*inspected) {
	t.Helper()
	for domain, r := range reports {
		if r.Failed == 0 {
			t.Errorf("no lookup for %s failed", domain)
		}
		if r.Verdict == "sound" {
			t.Errorf("%s is sound, though %d lookups failed", domain, r.Failed)
		}
		for _, severity := range []string{"ok", "error"} {
			real := truth[domain].texts(severity)
			for text := range r.texts(severity) {
				if !real[text] && !hidden[domain+": "+text] {
					t.Errorf("%s: %s is %s", domain, severity, text)
				}
			}
		}
	}
}

// texts returns the texts of the findings of a severity.
func (r *inspected) texts(severity string) map[string]bool {
	all := map[string]bool{}
	for _, list := range r.findings {
		for _, f := range list {
			if f.Severity == severity {
				all[f.Text] = true
			}
		}
	}
	return all
}

// lines returns n lines, in which %d is the number.
func lines(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "%d", fmt.Sprint(i)) + "\n")
	}
	return b.String()
}

// TestHostileZones asks for zones that a name server serves as they are. The work is bounded,
// and no output can steer a terminal.
func TestHostileZones(t *testing.T) {
	t.Parallel()
	const (
		escape = `\027[2J\007\226\128\174`
		host   = "@ MX 1 mx\nmx A 185.9.0.1\n"
	)
	texts := map[string]string{
		"many-mx":        lines(1000, "@ MX %d mx%d") + lines(1000, "mx%d A 185.9.1.1"),
		"many-addresses": "@ MX 1 mx\n" + lines(250, "mx A 185.9.2.%d") + lines(500, "mx AAAA 2a00:db8:9::%d"),
		"escaped-names":  "@ MX 1 " + escape + "\n@ MX 2 mx\nmx CNAME " + escape + "\n" + escape + " A 185.9.3.1\n",
		"escaped-texts":  host + "_mta-sts TXT \"v=STSv1; " + escape + "=1\"\n@ TXT \"v=spf1 include:" + escape + ".example -all\"\n_dmarc TXT \"v=DMARC1; p=" + escape + "; rua=mailto:" + escape + "@x.example\"\ndefault._domainkey TXT \"v=DKIM1; k=" + escape + "; p=" + escape + "\"\n",
		"long-texts":     host + "@ TXT \"v=spf1 \"" + strings.Repeat(` "`+strings.Repeat("ip4:185.9.4.1 ", 17)+`"`, 250) + "\n_dmarc TXT \"v=DMARC1; p=none;\"" + strings.Repeat(` "`+strings.Repeat("x", 250)+`"`, 240) + "\n",
		"many-texts":     host + lines(700, "@ TXT \"v=spf1 ip4:185.9.5.%d -all\"") + lines(700, "_dmarc TXT \"v=DMARC1; p=none; x=%d\"") + lines(700, "default._domainkey TXT \"v=DKIM1; p=AAAA%d\""),
		"spf-tree":       host + "@ TXT \"v=spf1 include:a.spf-tree.example include:b.spf-tree.example -all\"\na TXT \"v=spf1 include:b.spf-tree.example include:a.spf-tree.example ~all\"\nb TXT \"v=spf1 include:a.spf-tree.example include:spf-tree.example ~all\"\n",
		"loops":          "@ MX 1 a\na CNAME b\nb CNAME a\n_dmarc CNAME _dmarc\n_mta-sts CNAME _mta-sts\n",
		"everything":     "* MX 1 x\n* A 185.9.6.1\n* TXT \"v=spf1 redirect=x.everything.example\"\n* TLSA 3 1 1 00\n* CAA 0 issue \";\"\n@ MX 1 x\n@ TXT \"v=spf1 redirect=y.everything.example\"\n",
	}
	texts["many-tlsa"] = host
	for i := range 900 {
		texts["many-tlsa"] += fmt.Sprintf("_25._tcp.mx TLSA 3 1 1 %064x\n", i)
	}
	var setups []*setup
	for name, text := range texts {
		setups = append(setups, &setup{zones: []*signedZone{readZone(t, name+".example", text)}})
	}
	w := newTree(t, merge(setups))
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{{"domain", name + ".example"}, {"route", "ann@" + name + ".example"}, {"domain", "--json", name + ".example"}, {"route", "--markdown", "ann@" + name + ".example"}} {
				began := time.Now()
				out, code := w.ask(t, args[0], args[1:]...)
				if took := time.Since(began); took > time.Minute || len(out) > 512<<10 {
					t.Errorf("%q: %d octets, %v", args, len(out), took)
				}
				for _, c := range string(out) {
					if c != '\n' && (c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x202e) {
						t.Fatalf("%q: character %#x", args, c)
					}
				}
				switch {
				case code == 3 && name != "loops": // which the resolver cannot follow
					t.Errorf("%q: the zone is not served", args)
				case code == 0 && args[0] == "domain" && (name == "loops" || name == "many-texts" || name == "spf-tree"):
					t.Errorf("%q: nothing is wrong", args)
				}
			}
		})
	}
}

// TestHostileServers asks for domains whose servers differ, are lame, slow or silent. No
// finding is good where the server did not answer.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	const text = "@ MX 1 mx\nmx A 185.9.7.1\n@ TXT \"v=spf1 mx -all\"\n_dmarc TXT \"v=DMARC1; p=reject\"\ndefault._domainkey TXT \"v=DKIM1; p=KEY2048\"\n"
	other := map[string]*signedZone{"ready.example.": readZone(t, "ready.example unsigned", "@ TXT yes")}
	zones := []*signedZone{}
	for _, name := range []string{"differs", "half-lame", "lame", "slow", "silent"} {
		zones = append(zones, readZone(t, name+".example unsigned", text))
	}
	other["differs.example."] = readZone(t, "differs.example unsigned", "@ MX 1 mx2\nmx2 A 185.9.7.2\n@ TXT \"v=spf1 +all\"\n")

	s, err := newSite(signer(other), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	served := merge([]*setup{{zones: zones}})
	serve := func(zones map[string]*signedZone) netip.AddrPort {
		x, err := s.run(t.Context(), signer(zones), setting{files: signedFiles(t, newZoneKey(t), zones)})
		if err != nil {
			t.Fatal(err)
		}
		return x.setting.addr
	}
	first, second := serve(served), serve(other)
	relays := func(r *relay) netip.AddrPort {
		s.options.Upstreams = []string{first.String()}
		addr, err := s.before(0, r)
		if err != nil {
			t.Fatal(err)
		}
		return netip.MustParseAddrPort(addr)
	}
	slow := relays(&relay{answers: 1000, change: func([]byte) { time.Sleep(300 * time.Millisecond) }})
	silent := relays(&relay{loses: func([]byte) bool { return true }})
	stubs := ""
	for name, servers := range map[string][]netip.AddrPort{
		"differs": {first, second}, "half-lame": {second, first}, "lame": {second}, "slow": {slow}, "silent": {silent},
	} {
		stubs += "stub-zone:\n  name: \"" + name + ".example\"\n"
		for _, a := range servers {
			stubs += fmt.Sprintf("  stub-addr: %s@%d\n", a.Addr(), a.Port())
		}
	}
	w := newTree(t, served, stubs)
	for _, tt := range []struct {
		name, verdict string
		known         bool
	}{
		{"half-lame", "sound", true}, {"slow", "sound", true}, {"lame", "undetermined", false}, {"silent", "undetermined", false}, {"differs", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			out, code := w.ask(t, "domain", "--json", "--dns-timeout", "2s", tt.name+".example")
			r := parseInspected(t, out)
			switch ok := r.texts("ok"); {
			case tt.verdict != "" && r.Verdict != tt.verdict:
				t.Errorf("exit code %d, %s, want %s: %v", code, r.Verdict, tt.verdict, r.findings)
			case !tt.known && len(ok) > 0:
				t.Errorf("good is %v", ok)
			case !tt.known && code != 3:
				t.Errorf("exit code %d", code)
			}
			if took := time.Since(began); took > 2*time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}
