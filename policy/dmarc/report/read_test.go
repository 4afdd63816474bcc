package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/policy/dmarc/report"
	"github.com/postvet/postvet/policy/dmarc/report/tolerantxml"
)

// whole is a report with nothing wrong.
const whole = `<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Reporter</org_name>
    <email>dmarc@reporter.example</email>
    <extra_contact_info>https://reporter.example/</extra_contact_info>
    <report_id>2026.1@reporter.example</report_id>
    <date_range><begin>1795737600</begin><end>1795823999</end></date_range>
    <error>none of ours</error>
    <generator>Some Program 1</generator>
  </report_metadata>
  <policy_published>
    <domain>example.com</domain>
    <discovery_method>treewalk</discovery_method>
    <p>quarantine</p><sp>none</sp><np>reject</np>
    <fo>1</fo><adkim>r</adkim><aspf>s</aspf><testing>n</testing>
  </policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip>
      <count>7</count>
      <policy_evaluated>
        <disposition>quarantine</disposition><dkim>fail</dkim><spf>fail</spf>
        <reason><type>local_policy</type><comment>tried</comment></reason>
      </policy_evaluated>
    </row>
    <identifiers><header_from>example.com</header_from><envelope_from>bounce.example.net</envelope_from></identifiers>
    <auth_results>
      <dkim><domain>example.net</domain><selector>s1</selector><result>pass</result></dkim>
      <dkim><domain>example.com</domain><selector>s2</selector><result>fail</result><human_result>body</human_result></dkim>
      <spf><domain>bounce.example.net</domain><scope>mfrom</scope><result>softfail</result></spf>
    </auth_results>
  </record>
</feedback>
`

var wholeHead = report.Head{
	Namespace: report.Namespace, Version: "1.0", OrgName: "Reporter", Email: "dmarc@reporter.example",
	ExtraContact: "https://reporter.example/", ReportID: "2026.1@reporter.example",
	Begin: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 27, 23, 59, 59, 0, time.UTC),
	Errors: []string{"none of ours"}, Generator: "Some Program 1",
	Policy: report.Policy{Domain: "example.com", Discovery: "treewalk", P: "quarantine", SP: "none", NP: "reject", FO: "1", ADKIM: "r", ASPF: "s", Testing: "n"},
}

func wholeRecord() report.Record {
	return report.Record{
		Source: netip.MustParseAddr("192.0.2.1"), Count: 7, Disposition: report.DispositionQuarantine,
		Reasons:    []report.Reason{{Type: report.LocalPolicy, Comment: "tried"}},
		HeaderFrom: "example.com", EnvelopeFrom: "bounce.example.net", HasEnvelopeFrom: true,
		DKIM: []report.DKIM{{Domain: "example.net", Selector: "s1", Result: "pass"}, {Domain: "example.com", Selector: "s2", Result: "fail", Human: "body"}},
		SPF:  []report.SPF{{Domain: "bounce.example.net", Scope: "mfrom", Result: "softfail"}},
	}
}

var values = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })}

// read reads a document whole.
func read(document string) (report.Reading, []report.Record, error) {
	var all []report.Record
	got, err := report.Read(strings.NewReader(document), func(_ *report.Head, r *report.Record) error {
		all = append(all, *r)
		return nil
	})
	return got, all, err
}

func names(r report.Reading) string {
	var all []string
	for _, d := range r.Deviations {
		all = append(all, d.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestRead(t *testing.T) {
	t.Parallel()
	got, records, err := read(whole)
	if err != nil || len(got.Deviations) > 0 || got.Records != 1 || got.Messages != 7 {
		t.Fatalf("%d records, %d messages, %v, %v", got.Records, got.Messages, got.Deviations, err)
	}
	if d := cmp.Diff(wholeHead, got.Head, values); d != "" {
		t.Errorf("head (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]report.Record{wholeRecord()}, records, values); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

// change is the whole report with some texts replaced by others.
func change(t *testing.T, pairs ...string) string {
	t.Helper()
	text := whole
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the report has no %q", pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// TestTolerances has what reporters really write: how it is read, and by what name it is
// shown.
func TestTolerances(t *testing.T) {
	t.Parallel()
	head := func(f func(*report.Head)) func(*report.Head, *report.Record) {
		return func(h *report.Head, _ *report.Record) { f(h) }
	}
	record := func(f func(*report.Record)) func(*report.Head, *report.Record) {
		return func(_ *report.Head, r *report.Record) { f(r) }
	}
	none := func(*report.Head, *report.Record) {}
	const namespace = ` xmlns="urn:ietf:params:xml:ns:dmarc-2.0"`
	for _, tc := range []struct {
		name  string
		pairs []string
		notes string
		want  func(*report.Head, *report.Record)
	}{
		{"no namespace", []string{namespace, ""}, report.OldForm, head(func(h *report.Head) { h.Namespace = "" })},
		{"other namespace", []string{namespace, ` xmlns="http://dmarc.org/dmarc-xml/0.1"`}, report.OtherNamespace, head(func(h *report.Head) { h.Namespace = "http://dmarc.org/dmarc-xml/0.1" })},
		{"wrapped in a schema", []string{"<feedback", `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><feedback`, "</feedback>", "</feedback></xs:schema>"}, report.Wrapped, none},
		{"element in capitals", []string{"<org_name>Reporter</org_name>", "<Org_Name>Reporter</Org_Name>"}, report.ElementName, none},
		{"identities", []string{"<identifiers>", "<identities>", "</identifiers>", "</identities>"}, report.ElementName, none},
		{"broken declaration", []string{`?>`, `?">`}, tolerantxml.Declaration, none},
		{"address in brackets as text", []string{"dmarc@reporter.example", "Dmarc <a@b.example>"}, tolerantxml.Unescaped, head(func(h *report.Head) { h.Email = "Dmarc <a@b.example>" })},
		{"ampersand as text", []string{"Reporter", "R & D"}, tolerantxml.Unescaped, head(func(h *report.Head) { h.OrgName = "R & D" })},
		{"Latin-1 in UTF-8", []string{"Reporter", "M\xfcller"}, tolerantxml.Encoding, head(func(h *report.Head) { h.OrgName = "M\u00fcller" })},
		{"control character", []string{"Reporter", "Re\x08porter"}, tolerantxml.Control, none},
		{"entity of HTML", []string{"Reporter", "M&uuml;ller"}, tolerantxml.HTMLEntity, head(func(h *report.Head) { h.OrgName = "M\u00fcller" })},
		{"Pass", []string{"<dkim>fail", "<dkim>Pass"}, report.Word, record(func(r *report.Record) { r.DKIMAligned = true })},
		{"hardfail", []string{"<result>softfail", "<result>hardfail"}, report.Word, record(func(r *report.Record) { r.SPF[0].Result = "fail" })},
		{"softfail of DKIM", []string{"<result>pass", "<result>softfail"}, report.Word, record(func(r *report.Record) { r.DKIM[0].Result = "none" })},
		{"not.evaluated", []string{"<result>softfail", "<result>not.evaluated"}, report.Word, record(func(r *report.Record) { r.SPF[0].Result = "none" })},
		{"softfail as disposition", []string{"<disposition>quarantine", "<disposition>softfail"}, report.DispositionWord, record(func(r *report.Record) { r.Disposition = report.DispositionNone })},
		{"unknown as disposition", []string{"<disposition>quarantine", "<disposition>unknown"}, report.DispositionWord, record(func(r *report.Record) { r.Disposition = report.DispositionNone })},
		{"Quarantine", []string{"<disposition>quarantine", "<disposition>Quarantine"}, report.Word, none},
		{"empty sp", []string{"<sp>none</sp>", "<sp/>"}, report.Empty, head(func(h *report.Head) { h.Policy.SP = "" })},
		{"empty selector", []string{"<selector>s1</selector>", "<selector></selector>"}, report.Empty, record(func(r *report.Record) { r.DKIM[0].Selector = "" })},
		{"no selector", []string{"<selector>s1</selector>", ""}, report.Missing, record(func(r *report.Record) { r.DKIM[0].Selector = "" })},
		{"empty envelope_from", []string{"bounce.example.net", ""}, "", record(func(r *report.Record) { r.EnvelopeFrom = "" })},
		{"no envelope_from", []string{"<envelope_from>bounce.example.net</envelope_from>", ""}, "", record(func(r *report.Record) { r.EnvelopeFrom, r.HasEnvelopeFrom = "", false })},
		{"empty reason", []string{"<reason><type>local_policy</type><comment>tried</comment></reason>", "<reason/>"}, report.Empty, record(func(r *report.Record) { r.Reasons = nil })},
		{"reason with empty type", []string{"local_policy", "", "tried", ""}, report.Empty, record(func(r *report.Record) { r.Reasons = nil })},
		{"reason as text", []string{"<type>local_policy</type><comment>tried</comment>", "trusted sender"}, report.ReasonText, record(func(r *report.Record) {
			r.Reasons = []report.Reason{{Type: report.OtherReason, Comment: "trusted sender"}}
		})},
		{"reason of RFC 7489", []string{"local_policy", "forwarded"}, "", record(func(r *report.Record) { r.Reasons[0].Type = report.Forwarded })},
		{"reason of no type", []string{"local_policy", "arc"}, report.ReasonWord, record(func(r *report.Record) { r.Reasons[0].Type = report.OtherReason })},
		{"auth_results empty", []string{"<auth_results>", "<x:y xmlns:x='z'>", "</auth_results>", "</x:y><auth_results/>"}, report.NoResults, record(func(r *report.Record) { r.DKIM, r.SPF = nil, nil })},
		{"several spf", []string{"softfail</result></spf>", "softfail</result></spf><spf><domain>mx.example.net</domain><scope>helo</scope><result>pass</result></spf>"}, report.SeveralSPF + " " + report.Scope, record(func(r *report.Record) {
			r.SPF = append(r.SPF, report.SPF{Domain: "mx.example.net", Scope: "helo", Result: "pass"})
		})},
		{"scope mailfrom", []string{"<scope>mfrom", "<scope>MAIL FROM"}, report.Scope, none},
		{"policy_published twice", []string{"<record>", "<policy_published><domain>x.example</domain><p>none</p></policy_published><record>"}, report.Repeated, none},
		{"count twice", []string{"</count>", "</count><count>9</count>"}, report.Repeated, none},
		{"float dates", []string{"1795737600<", "1795737600.0<"}, report.DateForm, none},
		{"ISO dates", []string{"1795737600<", "2026-11-27T00:00:00Z<"}, report.DateForm, none},
		{"milliseconds", []string{"1795823999", "1795823999000"}, report.DateForm, none},
		{"no date", []string{"1795737600<", "yesterday<"}, report.DateForm, head(func(h *report.Head) { h.Begin = time.Time{} })},
		{"ends before it begins", []string{"1795737600<", "1795823999<", "1795823999</end>", "1795737600</end>"}, report.Period, none},
		{"two days", []string{"1795737600<", "1795651200<"}, report.LongPeriod, head(func(h *report.Head) { h.Begin = h.Begin.AddDate(0, 0, -1) })},
		{"no count", []string{"<count>7</count>", ""}, report.CountValue, record(func(r *report.Record) { r.Count = 1 })},
		{"count 0", []string{"<count>7<", "<count>0<"}, report.CountValue, record(func(r *report.Record) { r.Count = 0 })},
		{"count below 0", []string{"<count>7<", "<count>-7<"}, report.CountValue, record(func(r *report.Record) { r.Count = 0 })},
		{"float count", []string{"<count>7<", "<count>7.0<"}, report.CountValue, none},
		{"huge count", []string{"<count>7<", "<count>9223372036854775807<"}, report.CountValue, record(func(r *report.Record) { r.Count = 1 })},
		{"IPv4 in IPv6", []string{"192.0.2.1<", "::ffff:192.0.2.1<"}, report.AddressForm, none},
		{"address in brackets", []string{"192.0.2.1<", "[192.0.2.1]<"}, report.AddressForm, none},
		{"address literal", []string{"192.0.2.1<", "[IPv6:2001:db8::1]<"}, report.AddressForm, record(func(r *report.Record) { r.Source = netip.MustParseAddr("2001:db8::1") })},
		{"no address", []string{"192.0.2.1<", "unknown\u202e<"}, report.Address, record(func(r *report.Record) { r.Source, r.SourceText = netip.Addr{}, "unknown\u202e" })},
		{"Report-ID in brackets", []string{"2026.1@reporter.example", "&lt;2026.1@reporter.example>"}, report.IDBrackets, none},
		{"domain in capitals", []string{"<header_from>example.com", "<header_from>Example.COM."}, "", none},
		{"no domain", []string{"<header_from>example.com", "<header_from>a b/c"}, report.DomainName + " " + report.DifferentDomain, record(func(r *report.Record) { r.HeaderFrom = "a b/c" })},
		{"unknown element", []string{"<p>", "<t>n</t><p>"}, report.UnknownElement, none},
		{"pct", []string{"<p>", "<pct>50</pct><p>"}, "", head(func(h *report.Head) { h.Policy.Percent = "50" })},
		{"extension", []string{"<record>", `<x:e xmlns:x="urn:x"><x:Any/></x:e><record>`}, "", none},
		{"stray text", []string{"<record>", `unused<record>`}, report.StrayText, none},
		{"root not closed", []string{"</feedback>", ""}, tolerantxml.Unclosed, none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, records, err := read(change(t, tc.pairs...))
			if err != nil || names(got) != tc.notes {
				t.Errorf("%q, %v; want %q", names(got), err, tc.notes)
			}
			h, r := wholeHead, wholeRecord()
			tc.want(&h, &r)
			if d := cmp.Diff(h, got.Head, values); d != "" {
				t.Errorf("head (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]report.Record{r}, records, values); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
		})
	}
}

// TestReadOneLine: a report squeezed on one line is read alike.
func TestReadOneLine(t *testing.T) {
	t.Parallel()
	squeezed, records, err := read(strings.NewReplacer("\n", "", "  ", "").Replace(whole))
	first, _, _ := read(whole)
	if err != nil || len(squeezed.Deviations) > 0 || squeezed.Content != first.Content {
		t.Errorf("%v %v", squeezed.Deviations, err)
	}
	if d := cmp.Diff([]report.Record{wholeRecord()}, records, values); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestReadIdentity: the key has what identifies a report, the content all it says.
func TestReadIdentity(t *testing.T) {
	t.Parallel()
	first, _, _ := read(whole)
	for _, tc := range []struct {
		from, to     string
		key, content bool // are the same
	}{
		{"<count>7<", "<count>8<", true, false},
		{"<p>quarantine", "<p>reject", true, false},
		{"2026.1@", "2026.2@", false, false},
		{"Reporter", "Another", false, false},
		{"<domain>example.com</domain>", "<domain>example.org</domain>", false, false},
		{"1795737600", "1795737601", false, false},
		{"<row>", "\n\n<row>", true, true},
	} {
		got, _, err := read(change(t, tc.from, tc.to))
		if err != nil || (got.Key() == first.Key()) != tc.key || (got.Content == first.Content) != tc.content {
			t.Errorf("%s -> %s: %v", tc.from, tc.to, err)
		}
	}
}

// TestReadHeadBehind: records before the head wait for it.
func TestReadHeadBehind(t *testing.T) {
	t.Parallel()
	begin, end := strings.Index(whole, "  <record>"), strings.Index(whole, "</feedback>")
	head := strings.Index(whole, "  <version>")
	text := whole[:head] + strings.Repeat(whole[begin:end], 3) + whole[head:begin] + whole[end:]
	n := 0
	got, err := report.Read(strings.NewReader(text), func(h *report.Head, _ *report.Record) error {
		n++
		if h.OrgName != "Reporter" || h.Policy.Domain != "example.com" {
			t.Errorf("record %d came before the head", n)
		}
		return nil
	})
	if err != nil || n != 3 || got.Messages != 21 {
		t.Errorf("%d records, %v", n, err)
	}
}

// TestUnreadable: what is no report has an error that says so.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"unused":                    `it is not XML; it begins with "unused"`,
		"":                          "it is not XML; it has no element",
		"<html><body/></html>":      `it is no aggregate report; it has no element "feedback"`,
		whole[:len(whole)*3/4]:      "it is cut off",
		"<!DOCTYPE a>" + whole[38:]: "it has a document type (DOCTYPE), which no report needs and an attack uses",
		"<feedback>" + strings.Repeat("<a>", 100): "its elements are nested too deeply",
	} {
		if _, _, err := read(text); err == nil || err.Error() != want {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	stop := errors.New("stop")
	if _, err := report.Read(strings.NewReader(whole), func(*report.Head, *report.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the error of the function", err)
	}
}

// TestReadMissing: a report may lack almost everything.
func TestReadMissing(t *testing.T) {
	t.Parallel()
	got, records, err := read("<feedback><record/></feedback>")
	if err != nil || len(records) != 1 || got.Records != 1 || names(got) != "missing-element no-auth-results rfc7489" {
		t.Errorf("%q, %v", names(got), err)
	}
	got, _, err = read("<feedback/>")
	if err != nil || names(got) != "missing-element no-records rfc7489" {
		t.Errorf("%q, %v", names(got), err)
	}
}

// repeated is a reader of a text, n times another one, and a third.
func repeated(begin, part, end string, n int) io.Reader {
	all := []io.Reader{strings.NewReader(begin)}
	for range n {
		all = append(all, strings.NewReader(part))
	}
	return io.MultiReader(append(all, strings.NewReader(end))...)
}

// TestReadBounds: a report that is too large is refused or cut, and its hostile names
// stay as short as they may be.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	n := 0
	count := func(*report.Head, *report.Record) error { n++; return nil }
	if _, err := report.ReadUpTo(5000, repeated("<feedback>", "<record/>", "</feedback>", 5001), count); !errors.Is(err, report.ErrTooManyRecords) || n != 5000 {
		t.Errorf("%d records, %v", n, err)
	}
	hostile := strings.Repeat("=cmd|'\x1b[2J\u202e", 60)
	begin, end := strings.Index(whole, "  <record>"), strings.Index(whole, "</feedback>")
	record := strings.Replace(whole[begin:end], "<header_from>example.com", "<header_from>"+hostile, 1)
	got, err := report.Read(repeated(whole[:begin], record, whole[end:], 10_000), func(_ *report.Head, r *report.Record) error {
		if len(r.HeaderFrom) > 253 {
			t.Fatalf("%d octets of a domain", len(r.HeaderFrom))
		}
		return nil
	})
	if err != nil || got.Records != 10_000 || got.Messages != 70_000 || names(got) != "control domain-name header-from-outside" {
		t.Errorf("%d, %q, %v", got.Records, names(got), err)
	}
	results := strings.Repeat("<dkim><domain>a.example</domain><selector>s</selector><result>pass</result></dkim>", 5000)
	got, records, err := read(change(t, "<auth_results>", "<auth_results>"+results))
	if err != nil || len(records) != 1 || len(records[0].DKIM) != 100 || names(got) != report.TooMany {
		t.Errorf("%d signatures, %q, %v", len(records[0].DKIM), names(got), err)
	}
}

// FuzzRead: whatever a document is, it is read or refused, and its numbers agree.
func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(strings.ReplaceAll(whole, "</", "<")))
	f.Add([]byte("<feedback><record><row><count>9e99</count></row></record></feedback>"))
	f.Fuzz(func(t *testing.T, document []byte) {
		n, sum := 0, int64(0)
		got, err := report.Read(bytes.NewReader(document), func(h *report.Head, r *report.Record) error {
			n++
			sum += r.Count
			if r.Count < 0 || len(r.HeaderFrom) > 253 || len(fmt.Sprintf("%+v", r)) > 2<<20 {
				t.Fatalf("%+v", r)
			}
			return nil
		})
		if err == nil && (n != got.Records || sum != got.Messages) {
			t.Fatalf("%d records of %d messages, said are %d of %d", n, sum, got.Records, got.Messages)
		}
		for _, d := range got.Deviations {
			if d.Count < 1 || len(d.Text) > 600 || strings.ContainsFunc(d.String(), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%+v", d)
			}
		}
	})
}
