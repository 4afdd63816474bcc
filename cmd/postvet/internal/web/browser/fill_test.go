package browser

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/keys"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// forwarded returns a message of good.example that a mailing list changed and handed on.
func forwarded(refs *result.References, policyRules *rules.Rules, at time.Time, random *rand.Rand) *rows.Row {
	r := pastRow(refs, policyRules, at, "good.example", true, random)
	res := r.Results
	res.Client.IP, res.Client.Helo = fmt.Sprintf("198.51.100.%d", 7+random.IntN(2)), "lists.club.example"
	res.SPF[0].Domain, res.MailFrom = "club.example", "members-bounces@club.example"
	res.SPF[0].Status, res.SPF[0].Mechanism, res.SPF[0].Reason = "pass", "ip4:198.51.100.0/24", ""
	res.DKIM = []dkim.Result{{
		Domain: "good.example", Selector: "s2026", Algorithm: "rsa-sha256", Status: "fail", Failure: dkim.FailureBody, Reason: "the body was changed",
		KeyBits: 2048, Identity: "@good.example", BodyLength: -1,
	}}
	res.List = message.List{ID: "members.club.example", Post: true}
	res.DMARC.Reason = "SPF passed for club.example, which is not aligned; the signature of good.example does not pass"
	v := policyRules.Decide(res)
	r.Verdict = &v
	return r
}

// newKey writes a key of example.net into a directory, and returns the line of a zone that
// publishes it.
func newKey(t *testing.T, dir, selector string) string {
	t.Helper()
	k, err := keys.Create(dir, "example.net", selector, "rsa2048")
	if err != nil {
		t.Fatal(err)
	}
	record := k.Record()
	return fmt.Sprintf("%s._domainkey.example.net. TXT %q %q\n", selector, record[:200], record[200:])
}

// report returns an aggregate report about example.net of a day.
func report(day time.Time, reporter string, rows ...string) string {
	var b strings.Builder
	begin := day.Truncate(24 * time.Hour).Unix()
	fmt.Fprintf(&b, `<feedback><report_metadata><org_name>%s</org_name><email>dmarc@%s</email><report_id>%d.%s</report_id><date_range><begin>%d</begin><end>%d</end></date_range></report_metadata><policy_published><domain>example.net</domain><p>none</p></policy_published>`,
		reporter, reporter, begin, reporter, begin, begin+86399)
	for _, row := range rows {
		var n int
		var ip, signer string
		if _, err := fmt.Sscan(row, &n, &ip, &signer); err != nil {
			panic(err)
		}
		aligned := map[bool]string{true: "pass", false: "fail"}[signer == "example.net"]
		fmt.Fprintf(&b, `<record><row><source_ip>%s</source_ip><count>%d</count><policy_evaluated><disposition>none</disposition><dkim>%s</dkim><spf>%s</spf></policy_evaluated></row><identifiers><header_from>example.net</header_from></identifiers><auth_results><dkim><domain>%s</domain><selector>s</selector><result>pass</result></dkim><spf><domain>%s</domain><scope>mfrom</scope><result>pass</result></spf></auth_results></record>`,
			ip, n, aligned, aligned, signer, signer)
	}
	return b.String() + "</feedback>"
}

// writeReports fills the store of reports: those that came about example.net, and those that
// went to others.
func writeReports(t *testing.T, dir string) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	for day := 14; day > 0; day-- {
		at := now.Add(-time.Duration(day) * 24 * time.Hour)
		for i, reporter := range []string{"large.example", "other.example"} {
			rows := []string{"240 192.0.2.21 example.net", "31 198.51.100.40 newsletter.example"}
			if day < 4 {
				rows = append(rows, "12 203.0.113.90 crm.example")
			}
			k := &received.Keeper{
				Arrival: received.Arrival{At: at.Add(30 * time.Hour), Author: reporter, Result: map[bool]string{true: "fail", false: "pass"}[day == 2 && i == 1]},
				Keep: func(r *reports.Received, _ *received.Report) error {
					_, err := s.AddReceived(t.Context(), r)
					return err
				},
			}
			if err := received.New(k).Read(strings.NewReader(report(at, reporter, rows...)), "4XkQ"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for day := 6; day > 0; day-- {
		at := now.Add(-time.Duration(day) * 24 * time.Hour).Truncate(24 * time.Hour)
		for i, domain := range []string{"good.example", "shop.example", "bank.example"} {
			r := &reports.Report{
				ID: fmt.Sprintf("r%d%d", day, i), Kind: reports.Aggregate, Domain: domain, Begin: at, End: at.Add(24 * time.Hour), Submitter: "example.net", Created: at.Add(26 * time.Hour),
				Records: 3 + i, Messages: int64(40 + 7*day*i), Document: []byte("x"),
			}
			address := "dmarc@" + domain
			if _, err := s.Enqueue(t.Context(), r, now.Add(time.Hour), address); err != nil {
				t.Fatal(err)
			}
			d := reports.Delivery{Report: r.ID, Address: address, State: reports.Done, Attempts: 1, Code: 250, Status: "2.0.0", Text: "queued"}
			switch {
			case i == 2:
				d.State, d.Code, d.Status, d.Text = reports.Bounced, 550, "5.1.1", "no such user here"
			case day == 1:
				continue
			}
			if ok, err := s.Change(t.Context(), d, reports.New); err != nil || !ok {
				t.Fatal(ok, err)
			}
		}
	}
	if err := s.Suppress(t.Context(), reports.Suppression{Address: "dmarc@bank.example", Until: now.Add(6 * 24 * time.Hour), Reason: "550 5.1.1 no such user here", By: "bounce"}); err != nil {
		t.Fatal(err)
	}
}
