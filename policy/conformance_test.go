package policy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// milterDifferences are the whole messages of the public milter corpus that we
// judge differently on purpose.
var milterDifferences = map[string]string{
	"07-good-message-ip-map":           "dmarc=fail, want [pass]; iprev=permerror, want [pass]; spf=softfail, want [pass]: no section: the corpus maps the client's address by its own configuration; RFC 6376 section 3.6.1: the key is in test mode",
	"08-good-message-ip-map-cidr":      "dmarc=fail, want [pass]; iprev=permerror, want [pass]; spf=softfail, want [pass]: no section: the corpus maps the client's address by its own configuration; RFC 6376 section 3.6.1: the key is in test mode",
	"10-spf-fail":                      "dmarc=fail, want [pass]; iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back; RFC 6376 section 3.6.1: the key is in test mode",
	"11-dkim-fail-domain-space":        "dmarc=none, want [pass]; spf=none, want [pass]: RFC 7208 section 4.3 and RFC 5321 section 4.1.2: \"marc@ marcbradshaw.net\" is no path; RFC 9989 section 5.3.1: white space inside an address is read differently by clients",
	"13-dkim-spf-fail":                 "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"15-no-dkim-spf-fail":              "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"18-dmarc-reject":                  "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"19-dmarc-reject":                  "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"20-dmarc-multi":                   "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"21-dmarc-multi":                   "iprev=permerror, want [fail]; spf=softfail, want [none]: RFC 5321 section 4.1.2: no path; what follows the last \"@\" is evaluated, in SPF and DMARC alike",
	"23-dkim-spf-fail-hard":            "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"24-dmarc-reject-hard-whitelisted": "iprev=permerror, want [fail]: RFC 8601 section 2.7.3: without a PTR record iprev is permerror, fail means that names do not lead back",
	"25-dmarc-reject-dkim-whitelisted": "dkim=permerror, want [pass]; iprev=permerror, want [fail]: RFC 8301 section 3.1: rsa-sha1 is never valid",
	"30-no-spf-hide-none":              "dmarc=fail, want [pass]: RFC 6376 section 3.6.1: the key is in test mode",
	"31-only-spf-hide-none":            "dmarc=none, want [permerror]: RFC 9989 section 5.3.1: without a single author there is nothing to evaluate",
	"32-ar-none-hide-none":             "dmarc=none, want [permerror]: RFC 9989 section 5.3.1: without a single author there is nothing to evaluate",
}

// TestConformanceMilter runs the end-to-end messages of authentication_milter's
// own tests through the conversation and compares the words that both write.
func TestConformanceMilter(t *testing.T) {
	t.Parallel()
	dir := corporaDir(t)
	var corpus struct {
		Zone  map[string]map[string]any
		Cases []struct {
			ID, Source, MailFrom string
			ClientIP             string `json:"client_ip"`
			ClientName           string `json:"client_name"`
			Results              map[string][]string
		}
	}
	readCorpus(t, filepath.Join(dir, "milter/authentication_milter.json"), &corpus)
	_, resolver := dnstest.Start(t, zoneText(corpus.Zone))
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "test.module"})
	cases, passed, different := 0, 0, 0
	for _, c := range corpus.Cases {
		// Results that are local or remapped by configuration there have none here.
		if len(c.Results) == 0 {
			continue
		}
		cases++
		body, err := os.ReadFile(filepath.Join(dir, "milter", c.Source))
		if err != nil {
			t.Fatal(err)
		}
		res := converse(t, checker, golden{
			client: message.Client{IP: netip.MustParseAddr(c.ClientIP), Name: c.ClientName}, helo: c.ClientName,
			sender: message.Sender{Path: strings.Trim(c.MailFrom, "<>")}, message: bytes.Clone(body),
		})
		var wrong []string
		for method, want := range c.Results {
			if got := resultWord(res, method); !slices.Contains(want, got) {
				wrong = append(wrong, fmt.Sprintf("%s=%s, want %v", method, got, want))
			}
		}
		slices.Sort(wrong)
		problem := strings.Join(wrong, "; ")
		switch known, listed := milterDifferences[c.ID]; {
		case listed && problem == "":
			t.Errorf("%s is listed as different and is not", c.ID)
		case listed && !strings.HasPrefix(known, problem+": "):
			t.Errorf("%s: %s; listed: %s", c.ID, problem, known)
		case listed:
			different++
			fmt.Printf("difference milter/authentication_milter/%s: %s\n", c.ID, known)
		case problem != "":
			t.Errorf("%s: %s", c.ID, problem)
		default:
			passed++
		}
	}
	fmt.Printf("conformance milter/authentication_milter %d %d %d\n", cases, passed, different)
}

// rspamdDifferences are rspamd's whole messages that we judge differently.
var rspamdDifferences = map[string]string{
	"dmarc-subdomain-pass-dkim-relaxed-alignment": "dmarc=fail, rspamd says pass: RFC 9989 section 4.10.2: mom.za.org publishes nothing, so my.mom.za.org is its own Organizational Domain; the public suffix list says otherwise",
	"dmarc-subdomain-pass-spf-relaxed-alignment":  "dmarc=fail, rspamd says pass: RFC 9989 section 4.10.2: mom.za.org publishes nothing, so my.mom.za.org is its own Organizational Domain; the public suffix list says otherwise",
	"dmarc-pct-zero-reject":                       "policy reject, rspamd says quarantine: RFC 9989 section 9.3: pct= is historic and ignored",
	"dmarc-pct-zero-sp-quarantine":                "policy quarantine, rspamd says none: RFC 9989 section 9.3: pct= is historic and ignored",
}

// TestConformanceDMARCMessages runs rspamd's own DMARC messages, which come with
// one zone, through the conversation.
func TestConformanceDMARCMessages(t *testing.T) {
	t.Parallel()
	dir := corporaDir(t)
	var corpus struct {
		Zone       map[string]map[string]any
		ZoneErrors map[string]string `json:"zone_errors"`
		Cases      []struct {
			ID, File, MailFrom, Helo string
			IP                       *string
			Upstream                 struct{ Result, Policy string }
		}
	}
	readCorpus(t, filepath.Join(dir, "dmarc/rspamd-messages.json"), &corpus)
	zone := zoneText(corpus.Zone)
	for name, what := range corpus.ZoneErrors {
		if at := strings.LastIndexByte(name, '/'); what != "NXDOMAIN" {
			zone += fmt.Sprintf("$FAULT %s %s %s\n", name[:at], name[at+1:], what)
		}
	}
	_, resolver := dnstest.Start(t, zone)
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example"})
	passed, different := 0, 0
	for _, c := range corpus.Cases {
		text, err := os.ReadFile(filepath.Join(dir, "dmarc", c.File))
		if err != nil {
			t.Fatal(err)
		}
		g := golden{helo: c.Helo, sender: message.Sender{Path: c.MailFrom}, message: text}
		if c.IP != nil {
			g.client.IP = netip.MustParseAddr(*c.IP)
		}
		res := converse(t, checker, g)
		problem := ""
		if got := string(res.DMARC.Status); got != c.Upstream.Result {
			problem = "dmarc=" + got + ", rspamd says " + c.Upstream.Result
		} else if got := string(res.DMARC.Policy); c.Upstream.Policy != "" && got != c.Upstream.Policy {
			problem = "policy " + got + ", rspamd says " + c.Upstream.Policy
		}
		switch known, listed := rspamdDifferences[c.ID]; {
		case listed && (problem == "" || !strings.HasPrefix(known, problem+": ")):
			t.Errorf("%s: %q; listed: %s", c.ID, problem, known)
		case listed:
			different++
			fmt.Printf("difference dmarc/rspamd-messages/%s: %s\n", c.ID, known)
		case problem != "":
			t.Errorf("%s: %s (%s)", c.ID, problem, res.DMARC.Reason)
		default:
			passed++
		}
	}
	fmt.Printf("conformance dmarc/rspamd-messages %d %d %d\n", len(corpus.Cases), passed, different)
}

func corporaDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POSTVET_CORPORA")
	if dir == "" {
		dir = "../../shared/corpora"
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the public corpora are not here: %v", err)
	}
	return dir
}

func readCorpus(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// resultWord returns the word that counts for a method.
func resultWord(res *result.Results, method string) string {
	switch method {
	case "dmarc":
		return string(res.DMARC.Status)
	case "iprev":
		return string(res.IPRev.Status)
	case "spf":
		for _, s := range res.SPF {
			if s.Identity == spf.MailFrom || res.MailFrom == "" {
				return string(s.Status)
			}
		}
	case "dkim":
		best := "none"
		for _, r := range res.DKIM {
			if best == "none" || r.Status == "pass" {
				best = string(r.Status)
			}
		}
		return best
	}
	return ""
}

// zoneText writes a corpus zone as master-file text.
func zoneText(zone map[string]map[string]any) string {
	var b strings.Builder
	for name, types := range zone {
		for typ, values := range types {
			list, ok := values.([]any)
			if !ok {
				list = []any{values}
			}
			for _, v := range list {
				fmt.Fprintf(&b, "%s. %s %s\n", name, typ, recordData(typ, v))
			}
		}
	}
	return b.String()
}

func recordData(typ string, v any) string {
	switch v := v.(type) {
	case []any: // MX, or the strings of a TXT
		if typ == "MX" {
			return fmt.Sprintf("%v %v.", v[0], v[1])
		}
		var parts []string
		for _, s := range v {
			parts = append(parts, recordData(typ, s))
		}
		return strings.Join(parts, " ")
	case string:
		if typ == "TXT" {
			var parts []string
			for len(v) > 200 {
				parts, v = append(parts, quoteTXT(v[:200])), v[200:]
			}
			return strings.Join(append(parts, quoteTXT(v)), " ")
		}
		if strings.ContainsAny(v, ":") || typ == "A" {
			return v
		}
		return v + "."
	}
	return fmt.Sprint(v)
}

func quoteTXT(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
