//go:build linux

package realmta_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/oracles"
	"github.com/postvet/postvet/contrib/realmta"
)

// atSink returns a message as it was delivered, with CRLF line ends.
func atSink(t *testing.T, s *realmta.Site, rcpt string) []byte {
	t.Helper()
	d, err := realmta.Await(t.Context(), s, rcpt, 1)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(d[0].Message, []byte("\n"), []byte("\r\n"))
}

// verifyChain has Postvet and dkimpy verify the chain of a delivered message.
func verifyChain(t *testing.T, s *realmta.Site, mail []byte, want, reason string) {
	t.Helper()
	binary, err := shared.binary()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "mail.eml")
	if err := os.WriteFile(file, mail, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), binary, "check", "--json", "--resolver", s.DNS.Addr(), "--authserv-id", "mx.far.example", file).Output()
	var got struct {
		ARC struct {
			Result, Reason string
			Sealers        []struct {
				Domain   string
				Recorded struct{ DMARC, From, Problem string }
			}
		}
	}
	if json.Unmarshal(out, &got) != nil {
		t.Fatalf("check: %v\n%s", err, out)
	}
	if got.ARC.Result != want || !strings.Contains(got.ARC.Reason, reason) {
		t.Errorf("the chain is %s (%s), want %s\n%s", got.ARC.Result, got.ARC.Reason, want, mail)
	}
	if want == "pass" {
		for _, sealer := range got.ARC.Sealers {
			if r := sealer.Recorded; r.DMARC != "pass" || r.From != realmta.Good || r.Problem != "" {
				t.Errorf("recorded %+v", r)
			}
		}
	}
	text := s.Zone.Text()
	_, text, _ = strings.Cut(text, realmta.Selector+"._domainkey."+realmta.Good+". TXT ")
	text, _, _ = strings.Cut(text, "\n")
	key := strings.NewReplacer(`" "`, "", `"`, "").Replace(text)
	type request struct {
		Mail  []byte
		Keys  map[string]string
		Chain bool
	}
	for _, a := range oracles.Ask[request, []struct{ Result, Reason string }](t, "dkimpy.py", []request{
		{mail, map[string]string{realmta.Selector + "._domainkey." + realmta.Good: key}, true},
	}) {
		if len(a) != 1 || (a[0].Result == "pass") != (want == "pass") {
			t.Errorf("dkimpy: %v, want %s\n%s", a, want, mail)
		}
	}
}

// TestSealing has mail arrive that is forwarded, and a list server hand it in again with
// another Subject and a footer. Each set passes the MTA unchanged and verifies behind it.
func TestSealing(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Sections: `[exempt]
addresses = ["` + realmta.Exempted + `/32"]
[sign]
keys = "KEYS"
[seal]
domain = "` + realmta.Good + `"
recipients = ["` + realmta.Domain + `"]
networks = ["` + realmta.Lister + `"]
`}, func(t *testing.T, s *realmta.Site) {
		author := "ann@" + realmta.Good
		key := realmta.Good + "/" + realmta.Selector
		want := func(from, sealed, unsealed, action string) {
			t.Helper()
			if d := decisionFrom(t, s, from); d.Sealed != sealed || d.Unsealed != unsealed || d.Action != action {
				t.Errorf("decision %s", d.Line)
			}
		}

		// It arrives with a forged field of ours, which is not what is recorded.
		rcpt, from := recipient(t, "arrives"), "arrives@"+realmta.Good
		forged := "Authentication-Results: " + realmta.AuthservID + "; arc=none; dmarc=pass header.from=" + realmta.Bank
		wantReply(t, sendOn(t, connect(t, s, realmta.GoodClient), from, rcpt, mail(author, rcpt, forged, "X-Odd:  two  blanks ")), 250)
		want(from, key+" i=1 cv=none", "", "accept")
		arrived := atSink(t, s, rcpt)
		verifyChain(t, s, arrived, "pass", "")

		// A list changes it and hands it in again, and so does a second list.
		for i, what := range []string{"list", "sublist"} {
			rcpt, from = recipient(t, what), what+"-bounces@"+realmta.List
			list := bytes.Replace(arrived, []byte("Subject: a test"), []byte("Subject: [list] a test"), 1)
			list = append(list, "-- \r\nthe list\r\n"...)
			wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, list), 250)
			want(from, key+" i="+string(rune('2'+i))+" cv=pass", "", "accept")
			arrived = atSink(t, s, rcpt)
			verifyChain(t, s, arrived, "pass", "")
			if n := bytes.Count(arrived, []byte("\r\nAuthentication-Results: "+realmta.AuthservID)); n != 1 {
				t.Errorf("%d fields of ours\n%s", n, arrived)
			}
		}

		// A chain that fails is marked, and not continued by the list.
		rcpt, from = recipient(t, "failed"), "failed@"+realmta.Good
		broken := []string{"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AA==", "ARC-Message-Signature: i=1; x", "ARC-Authentication-Results: i=1; a.example; none"}
		wantReply(t, sendOn(t, connect(t, s, realmta.GoodClient), from, rcpt, mail(author, rcpt, broken...)), 250)
		want(from, key+" i=2 cv=fail", "", "accept")
		marked := atSink(t, s, rcpt)
		verifyChain(t, s, marked, "fail", "ARC-Message-Signature: \"x\" is not a tag")
		rcpt, from = recipient(t, "failedlist"), "failed-bounces@"+realmta.List
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, marked), 250)
		want(from, "", "chain-failed", "accept")

		// The list's own mail, and what is refused.
		rcpt, from = recipient(t, "own"), "own@"+realmta.List
		wantReply(t, sendOn(t, connect(t, s, realmta.Lister), from, rcpt, mail("list@"+realmta.List, rcpt)), 250)
		want(from, "", "no-results", "accept")
		rcpt, from = recipient(t, "refused"), "refused@"+realmta.Bank
		wantReply(t, sendOn(t, connect(t, s, realmta.Stranger), from, rcpt, mail("x@"+realmta.Bank, rcpt)), 550)
		want(from, "", "not-delivered", "reject")
	})
}
