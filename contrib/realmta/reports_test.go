//go:build linux

package realmta_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/contrib/realmta"
)

// reportText is an aggregate report about the domain of the tests.
func reportText(id string, messages int) string {
	return fmt.Sprintf(`<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><report_metadata><org_name>Reporter</org_name><email>d@%s</email><report_id>%s</report_id>`+
		`<date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata><policy_published><domain>%s</domain><p>none</p></policy_published>`+
		`<record><row><source_ip>192.0.2.1</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>`+
		`<identifiers><header_from>%s</header_from></identifiers><auth_results><dkim><domain>%s</domain><selector>s</selector><result>pass</result></dkim></auth_results></record></feedback>`,
		realmta.Good, id, realmta.Domain, messages, realmta.Domain, realmta.Domain)
}

// attached returns a message with a file packed by gzip.
func attached(t *testing.T, author, rcpt, file string) []byte {
	t.Helper()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(file)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Reports <%s>\r\nTo: <%s>\r\nSubject: Report Domain: %s Submitter: %s Report-ID: <x>\r\nDate: %s\r\nMessage-ID: <%d@client.example>\r\n", author, rcpt, realmta.Domain, realmta.Good, time.Now().Format(time.RFC1123Z), time.Now().UnixNano())
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString(packed.Bytes())
	for ; len(text) > 76; text = text[76:] {
		b.WriteString(text[:76] + "\r\n")
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}

// folderForAll returns a folder that Postvet may write, which runs as another user.
func folderForAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv-reports")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestReportsComeByMail has the real MTAs hand over reports: they are read and delivered,
// and refused where the mail does not pass DMARC.
func TestReportsComeByMail(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			dir, inbox := folderForAll(t), "dmarc-reports@"+realmta.Domain
			s := ownSite(t, realmta.SiteOptions{MTA: mta, Policy: []string{fmt.Sprintf("[report]\ndirectory = %q\ninbox = [%q]\nrequire_pass = true", dir, inbox)}})
			from := "reports@" + realmta.Good
			wantReply(t, send(t, s, realmta.GoodClient, from, inbox, attached(t, from, inbox, reportText("a", 7))), 250)
			wantReply(t, send(t, s, realmta.GoodClient, from, inbox, attached(t, from, inbox, reportText("a", 7))), 250)
			bomb := "<feedback>" + strings.Repeat("\x00", 100<<20)
			wantReply(t, send(t, s, realmta.GoodClient, from, inbox, attached(t, from, inbox, bomb)), 250)
			forged := "reports@" + realmta.Watch
			r := send(t, s, realmta.Stranger, forged, inbox, attached(t, forged, inbox, reportText("b", 1000)))
			if r.Code != 550 || !strings.HasPrefix(r.Text, "5.7.1 DMARC reports must pass DMARC, RFC 9990 3.5.2") {
				t.Errorf("a report without a DMARC pass: %q", r)
			}
			other := "ann@" + realmta.Domain
			wantReply(t, send(t, s, realmta.GoodClient, from, other, attached(t, from, other, reportText("c", 2000))), 250)
			if d, err := realmta.Await(t.Context(), s, inbox, 3); err != nil || len(d) != 3 {
				t.Fatalf("%d messages were delivered, %v", len(d), err)
			}

			type listed struct {
				Domain, Author, DMARC string
				Messages              int64
				Copies                int
			}
			var got []listed
			binary, err := shared.binary()
			if err != nil {
				t.Fatal(err)
			}
			for range 100 { // the reports are read behind their mail
				out, err := exec.CommandContext(t.Context(), binary, "report", "received", "--json", "--directory", dir).Output()
				if got = nil; err == nil {
					for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
						var l listed
						if err := d.Decode(&l); err != nil {
							t.Fatal(err)
						}
						got = append(got, l)
					}
				}
				if len(got) == 1 && got[0].Copies == 2 && strings.Contains(s.Postvet.Log(), "mail to report.inbox has no report that can be read") {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if diff := cmp.Diff([]listed{{realmta.Domain, realmta.Good, "pass", 7, 2}}, got); diff != "" {
				t.Errorf("the store: -want +got:\n%s", diff)
			}
			if log := s.Postvet.Log(); !strings.Contains(log, "mail to report.inbox has no report that can be read") {
				t.Error("nobody hears of the bomb")
			}
		})
	}
}
