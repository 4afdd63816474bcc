package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestExplainRecords changes the DNS after a message was refused. The story has the records
// as they were then, and says what differs.
func TestExplainRecords(t *testing.T) {
	t.Parallel()
	zone, err := os.ReadFile("testdata/zone")
	if err != nil {
		t.Fatal(err)
	}
	dns, err := dnstest.NewServer(string(zone))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	dir := filepath.Join(t.TempDir(), "journal")
	_, socket, _ := startControlledBy(t, dns.Addr(), "[journal]\ndirectory = \""+dir+"\"\n")
	m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
	m.connect("192.0.2.66", "evil.example")
	text := testMessage(t, "spoof.eml")
	_, verdict := m.end(m.begin("x@evil.example", text))
	_, ref, _ := strings.Cut(verdict, "; ref ")
	if told := tellStory(t, socket); told.Row.Ref.String() != ref {
		t.Fatalf("the reply has ref %s, the journal %s", ref, told.Row.Ref)
	}

	explain := func(args ...string) (says string) {
		t.Helper()
		code, out, errOut := runIn(t, append([]string{"explain", ref, "--json"}, args...)...)
		var story storyJSON
		if err := json.Unmarshal([]byte(out), &story); code != exitDone || err != nil {
			t.Fatalf("explain %q: %d, %v, %s%s", args, code, err, out, errOut)
		}
		for _, e := range story.Records {
			says += strings.Join(e.Says, "; ") + "\n"
		}
		return says
	}
	then := []string{
		`their SPF record of evil.example then: v=spf1 ip4:192.0.2.66 -all`,
		`their DMARC record at _dmarc.good.example then: v=DMARC1; p=reject; rua=mailto:dmarc@good.example`,
		`their DKIM key at ed._domainkey.evil.example then: v=DKIM1; k=ed25519; p=4ZhijLdrY09L2OXhIl0vOLiV+TWdMBDMS8gbxQZBxUs=`,
	}
	check := func(got string, now ...string) {
		t.Helper()
		var want strings.Builder
		for i, line := range then {
			want.WriteString(line)
			if len(now) > 0 {
				want.WriteString("; " + now[i])
			}
			want.WriteString("\n")
		}
		if got != want.String() {
			t.Errorf("the story says\n%swant\n%s", got, want.String())
		}
	}
	same := []string{"it is the same today", "it is the same today", "it is the same today"}
	check(explain("--socket", socket, "--no-dns"))
	check(explain("--socket", socket), same...)
	check(explain("--journal", dir, "--resolver", dns.Addr()), same...)

	changed := strings.NewReplacer(
		"v=spf1 ip4:192.0.2.66 -all", "v=spf1 ip4:192.0.2.67 -all",
		"v=DMARC1; p=reject;", "v=DMARC1; p=none; np=reject;",
		"ed._domainkey.evil.example. TXT", "other._domainkey.evil.example. TXT",
	).Replace(string(zone))
	if err := dns.SetZone(changed); err != nil {
		t.Fatal(err)
	}
	check(explain("--socket", socket), same...) // from the cache
	differs := []string{
		"since then they removed ip4:192.0.2.66 and added ip4:192.0.2.67; the client would get spf=fail today",
		"since then they changed p=reject to p=none and added np=reject",
		"since then the key is gone",
	}
	check(explain("--socket", socket, "--resolver", dns.Addr()), differs...)
	if code, _, errOut := runIn(t, "cache", "flush", "--all", "--socket", socket); code != exitDone {
		t.Fatalf("cache flush: %s", errOut)
	}
	check(explain("--socket", socket), differs...)

	for _, name := range []string{"evil.example", "_dmarc.good.example", "ed._domainkey.evil.example"} {
		dns.SetFault(name, "TXT", "SERVFAIL")
	}
	got := explain("--journal", dir, "--resolver", dns.Addr())
	if strings.Count(got, "what it says today is not known: ") != 3 || strings.Contains(got, "since then") {
		t.Errorf("after a DNS failure:\n%s", got)
	}
	if code, _, errOut := runIn(t, "explain", ref, "--journal", dir, "--resolver", "no such"); code != exitUsage {
		t.Errorf("a bad resolver: %d, %s", code, errOut)
	}
}
