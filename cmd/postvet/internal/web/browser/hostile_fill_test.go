package browser

import (
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/cmd/postvet/internal/received"
	"github.com/postvet/postvet/cmd/postvet/internal/reports"
	"github.com/postvet/postvet/cmd/postvet/internal/reportstore"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

const (
	// markup becomes an element, ends the one around it, or runs, if a page takes it as it is.
	markup = `"'><evil onload=window.hit=1></title></textarea></details><script>window.hit=1</script><img src=x onerror=window.hit=1>&lt;{{.}}`
	// unseen steers a terminal, turns the text around it, or is no text.
	unseen = "\x1b[31m\u202e\u2066\xff"
)

// hostile returns what a stranger writes into a field. It begins with a word by which the field
// is known where it is shown.
func hostile(field string) string { return marked(field) + markup + unseen + "\x00" }

// marked returns the word of a field.
func marked(field string) string { return "zz-" + field + "-zz" }

// hostileZone has records whose owners do harm. Strings of a zone have their quotes escaped.
var hostileZone = strings.NewReplacer("MARKUP", strings.NewReplacer(`"`, `\"`, ";", `\;`).Replace(markup), "UNSEEN", `\027[31m\226\128\174\255\000`).Replace(`
evil.example. SOA ns.evil.example. hostmaster.evil.example. 1 3600 600 86400 60
evil.example. TXT "v=spf1 zz-spfterm-zz=MARKUP ip4:192.0.2.66/33MARKUP -all exp=why.evil.example"
exp.example. TXT "v=spf1 -all exp=why.evil.example"
why.evil.example. TXT "zz-exp-zz MARKUP"
_dmarc.evil.example. TXT "v=DMARC1; p=reject; rua=mailto:zz-rua-zz@evil.example; fo=zz-fo-zzMARKUPUNSEEN"
_dmarc.exp.example. TXT "v=DMARC1; p=reject; zz-dmarctag-zz=MARKUPUNSEEN"
s._domainkey.evil.example. TXT "v=DKIM1; n=zz-keynote-zzMARKUPUNSEEN; p="
evil.example. MX 10 <evil>.evil.example.
66.2.0.192.in-addr.arpa. PTR <evil>zz-ptr-zz.evil.example.
`)

// hostileRows make the texts of a message hostile, each some of them: what is kept of one message
// has a bound.
var hostileRows = []func(*rows.Row){
	func(r *rows.Row) {
		r.Queue, r.MessageID = hostile("queue"), hostile("messageid")
		c := &r.Results.Client
		c.Helo, c.PTR, c.Listener, c.TLS, c.Relay, c.RelayHelo = hostile("helo"), hostile("ptr"), hostile("listener"), hostile("tls"), "192.0.2.1", hostile("relayhelo")
		r.Results.IPRev.Name, r.Results.IPRev.Reason = hostile("iprevname"), hostile("iprev")
	},
	func(r *rows.Row) {
		x := r.Results
		x.MailFrom, x.User, x.Recipients = hostile("mailfrom")+"@evil.example", hostile("user"), []string{hostile("rcpt") + "@example.net"}
		x.Author = message.Author{Domain: hostile("author") + ".example", Mailboxes: []message.Mailbox{{Name: hostile("display"), Local: hostile("local"), Domain: hostile("author") + ".example"}}, Oddities: []string{hostile("oddity")}}
		x.DMARC.AuthorDomain = x.Author.Domain
	},
	func(r *rows.Row) {
		r.Results.SPF = []spf.Result{{
			Identity: spf.MailFrom, Domain: hostile("spfdomain"), Status: "fail", Record: "v=spf1 " + hostile("spfrecord"), Mechanism: hostile("mechanism"),
			Explanation: hostile("explanation"), Reason: hostile("spfreason"),
		}}
	},
	func(r *rows.Row) {
		r.Results.DKIM = []dkim.Result{{
			Domain: hostile("dkimdomain"), Selector: hostile("selector"), Algorithm: hostile("algorithm"), Status: "fail", Failure: dkim.FailureBody, Reason: hostile("dkimreason"),
			KeyRecord: hostile("keyrecord"), Identity: hostile("identity"), Signature: hostile("signature"), BodyLength: -1, Changed: []string{hostile("changed")},
		}}
	},
	func(r *rows.Row) {
		r.Results.ARC = arc.Result{Status: "pass", Reason: hostile("arcreason"), Instances: 1, Sealers: []arc.Sealer{{
			Instance: 1, Domain: hostile("sealer"), Selector: hostile("sealerselector"),
			Recorded: &arc.Recorded{DMARC: "pass", From: hostile("arcfrom"), SPF: hostile("arcspf"), DKIM: []string{hostile("arcdkim")}},
		}}}
	},
	func(r *rows.Row) {
		x := r.Results
		x.DMARC.OrganizationalDomain, x.DMARC.RecordDomain, x.DMARC.Record, x.DMARC.Reason = hostile("organization"), hostile("recorddomain"), "v=DMARC1; p=reject; "+hostile("dmarcrecord"), hostile("dmarcreason")
		x.List.ID, x.Marks = hostile("listid"), result.Marks{SubjectTag: hostile("subjecttag"), Forward: hostile("forwardmark")}
	},
	func(r *rows.Row) {
		v := r.Verdict
		v.Text, v.Sentence, v.Rule, v.RedirectTo = hostile("replytext"), hostile("sentence"), hostile("rule"), hostile("redirect")+"@example.net"
		v.Why, v.Faults, r.Faults, r.Results.Faults = []string{hostile("why")}, []string{hostile("rulefault")}, []string{hostile("fault")}, []string{hostile("resultfault")}
	},
	func(r *rows.Row) {
		v := r.Verdict
		r.ShadowRule, r.ShadowAction = hostile("shadowrule"), result.Reject
		v.Overrides, v.Refused = []result.Override{{Reason: "local_policy", By: hostile("override"), Text: hostile("overridetext")}}, []result.Override{{Reason: "mailing_list", By: hostile("refused"), Text: hostile("refusedtext")}}
		v.Hints, v.Matched = []result.Hint{{Word: "list", Text: hostile("hint")}}, []result.RuleMatch{{Rule: hostile("matched"), Action: result.Reject}}
	},
}

// writeHostileJournal writes a journal in which each message was treated in another way.
func writeHostileJournal(t *testing.T, dir string) {
	t.Helper()
	writeJournal(t, dir, func(recorder *journal.Recorder) {
		random := rand.New(rand.NewPCG(1, 2))
		var refs result.References
		var policyRules rules.Rules
		actions := []result.Action{result.Reject, result.Quarantine, result.TempFail, result.Redirect, result.Discard}
		for i, spoil := range hostileRows {
			r := forwarded(&refs, &policyRules, time.Now().Add(time.Duration(i-20)*time.Minute), random)
			r.Verdict.Action = actions[i%len(actions)]
			r.Verdict.Intended = r.Verdict.Action
			spoil(r)
			recorder.Add(r)
		}
	})
	// Nobody but the administrator can put files there, but backups have odd names.
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll("2025-01-01.rest.db"+markup, "/", "")), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hostileXML returns an aggregate report about a domain. escape makes its texts those of
// well-formed XML.
func hostileXML(domain string, escape func(string) string) string {
	text := func(field string) string { return escape(hostile(field)) }
	begin := time.Now().Add(-48 * time.Hour).Truncate(24 * time.Hour).Unix()
	return fmt.Sprintf(`<?xml version="1.0"?><!-- %s --><feedback><version>%s</version><report_metadata><org_name>%s</org_name><email>%s</email><extra_contact_info>%s</extra_contact_info><report_id>%s</report_id><date_range><begin>%d</begin><end>%d</end></date_range><error>%s</error></report_metadata><policy_published><domain>%s</domain><p>none</p><sp>%s</sp></policy_published>`,
		markup, text("xmlversion"), text("orgname")+strings.Repeat("N", 100_000), text("email"), text("contact"), text("reportid"), begin, begin+86399, text("xmlerror"), escape(domain), text("xmlsp")) +
		fmt.Sprintf(`<record><row><source_ip>%s</source_ip><count>7</count><policy_evaluated><disposition>%s</disposition><dkim>fail</dkim><spf>fail</spf><reason><type>%s</type><comment>%s</comment></reason></policy_evaluated></row><identifiers><header_from>%s</header_from><envelope_from>%s</envelope_from></identifiers><auth_results><dkim><domain>%s</domain><selector>%s</selector><result>pass</result><human_result>%s</human_result></dkim><spf><domain>%s</domain><result>%s</result></spf></auth_results></record>`,
			text("sourceip"), text("disposition"), text("reasontype"), text("reasoncomment"), text("headerfrom"), text("envelopefrom"), text("xmldkim"), text("xmlselector"), text("human"), text("xmlspf"), text("xmlspfresult")) +
		`<record><row><source_ip>192.0.2.66</source_ip><count>9</count><policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>` + escape(domain) + `</header_from></identifiers><auth_results><dkim><domain>` + text("crew") + `</domain><result>pass</result></dkim><spf><domain>` + text("spfcrew") + `</domain><result>pass</result></spf></auth_results></record></feedback>`
}

// hostileFailure and hostileTLS are a failure report and a TLS report whose texts are hostile.
func hostileFailure() string {
	return "From: " + marked("failfrom") + markup + " <rr@evil.example>\r\nSubject: " + marked("failsubject") + markup + "\r\nMessage-ID: <" + marked("failid") + markup + ">\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: auth-failure\r\nVersion: 1\r\nUser-Agent: " + hostile("agent") + "\r\nAuth-Failure: " + hostile("authfailure") + "\r\nIdentity-Alignment: " + hostile("alignment") +
		"\r\nOriginal-Mail-From: " + hostile("originalfrom") + "\r\nReported-Domain: " + marked("reported") + markup + ".example\r\nSource-IP: " + hostile("failip") + "\r\nDKIM-Domain: " + hostile("faildkim") + "\r\n\r\n" +
		"--b\r\nContent-Type: text/rfc822-headers; name=\"" + marked("attachment") + "<evil>.eml\"\r\n\r\nFrom: " + hostile("headers") + "\r\nSubject: " + hostile("headersubject") + "\r\n\r\n--b--\r\n"
}

func hostileTLS() string {
	text := func(field string) string {
		return strings.NewReplacer(`"`, `\"`, "\x1b", `\u001b`, "\xff", "").Replace(marked(field) + markup + unseen)
	}
	return fmt.Sprintf(`{"organization-name":"%s","date-range":{"start-datetime":"%s","end-datetime":"%s"},"contact-info":"%s","report-id":"%s","policies":[{"policy":{"policy-type":"sts","policy-string":["%s"],"policy-domain":"%s","mx-host":["%s"]},"summary":{"total-successful-session-count":5,"total-failure-session-count":2},"failure-details":[{"result-type":"%s","sending-mta-ip":"%s","receiving-mx-hostname":"%s","failed-session-count":2,"additional-information":"%s","failure-reason-code":"%s"}]}]}`,
		text("tlsorg"), time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339), time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339), text("tlscontact"), text("tlsid"), text("tlspolicy"), text("tlsdomain"), text("tlsmx"), text("tlsresult"), text("tlsip"), text("tlshost"), text("tlsmore"), text("tlscode"))
}

// writeHostileReports keeps reports of others, as they are read, and what others answered to
// ours.
func writeHostileReports(t *testing.T, dir string) {
	t.Helper()
	s, err := reportstore.Open(t.Context(), reportstore.Options{File: filepath.Join(dir, "reports.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	kept := 0
	all := []string{hostileXML("example.net", html.EscapeString), hostileXML(marked("policydomain")+markup, html.EscapeString), hostileXML("example.net", strings.Clone), hostileFailure(), hostileTLS()}
	for i, text := range all {
		k := &received.Keeper{
			Arrival: received.Arrival{At: time.Now().Add(-time.Hour), Author: hostile("arrivalauthor"), Result: []string{"pass", "fail"}[i%2]},
			Keep: func(r *reports.Received, _ *received.Report) error {
				kept++
				_, err := s.AddReceived(t.Context(), r)
				return err
			},
		}
		if err := received.New(k).Read(strings.NewReader(text), hostile("file")); err != nil {
			t.Fatal(err)
		}
	}
	if kept != len(all) {
		t.Fatalf("%d of %d reports are kept", kept, len(all))
	}
	now := time.Now()
	r := &reports.Report{ID: "r1" + marked("sentid") + markup, Kind: reports.Aggregate, Domain: hostile("sentdomain"), Begin: now.Add(-48 * time.Hour), End: now.Add(-24 * time.Hour), Submitter: "example.net", Created: now.Add(-20 * time.Hour), Records: 3, Messages: 40, Document: []byte("x")}
	address := hostile("sentaddress") + "@evil.example"
	if _, err := s.Enqueue(t.Context(), r, now.Add(time.Hour), address); err != nil {
		t.Fatal(err)
	}
	d := reports.Delivery{Report: r.ID, Address: address, State: reports.Bounced, Attempts: 1, Code: 550, Status: "5.1.1", Text: hostile("bounce")}
	if ok, err := s.Change(t.Context(), d, reports.New); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := s.Suppress(t.Context(), reports.Suppression{Address: address, Until: now.Add(144 * time.Hour), Reason: hostile("suppressed"), By: "bounce"}); err != nil {
		t.Fatal(err)
	}
}

// writeHostileKeys makes folders and files that are no keys, or have no such names.
func writeHostileKeys(t *testing.T, dir string) {
	t.Helper()
	name := strings.NewReplacer("/", "", "\x00", "").Replace(markup + unseen)
	for _, path := range []string{"example.net/" + marked("keyfile") + name + ".pem", marked("keyfolder") + name + "/s.pem", "example.net/" + marked("nokey") + ".pem"} {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(hostile("keytext")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// hostileLetters are messages of strangers, and hostileFields more fields of each.
var (
	hostileLetters = []letter{
		{"192.0.2.66", marked("letterhelo") + markup + unseen, "\"" + marked("letterfrom") + "<evil>\"@evil.example", "\"<evil>\" <ann@evil.example>", marked("lettersubject") + markup},
		{"192.0.2.66", "evil.example", "x@exp.example", "\"<evil>" + unseen + "\" <" + marked("letterauthor") + "@evil.example>", markup},
		{"192.0.2.67", "exp.example", "x@exp.example", "\"" + strings.ReplaceAll(markup, "\"", "") + "\" <x@exp.example>", unseen + markup},
		{"192.0.2.68", markup, markup + "@" + markup, markup + unseen, markup},
	}
	hostileFields = [][2]string{
		{"List-Id", "<" + marked("fieldlistid") + markup + ">"},
		{"DKIM-Signature", "v=1; a=rsa-sha256; d=evil.example; s=s; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA; z=Subject:<evil>"},
		{"Authentication-Results", "mx1.example.net; " + markup + unseen},
		{"Received", "from " + markup + unseen},
	}
)

// playHostile hands the messages of strangers to the service.
func (s *site) playHostile(t *testing.T) {
	t.Helper()
	for i, l := range hostileLetters {
		s.send(t, l, fmt.Sprintf("Q%d%s%s", i, marked("letterqueue"), markup), hostileFields...)
	}
}

// startHostileSite starts a service about which strangers wrote all that it did not do itself.
func startHostileSite(t *testing.T) *site {
	t.Helper()
	dir := shortDir(t)
	dns, err := dnstest.NewServer(zone + hostileZone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	writeHostileJournal(t, filepath.Join(dir, "journal"))
	writeHostileReports(t, filepath.Join(dir, "journal"))
	writeHostileKeys(t, filepath.Join(dir, "keys"))
	return startService(t, dir, siteText(dns.Addr()))
}
