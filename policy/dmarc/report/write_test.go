package report_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dmarc/report"
)

func write(h *report.Head, records ...*report.Record) (string, error) {
	var b bytes.Buffer
	err := report.Write(&b, h, slices.Values(records))
	return b.String(), err
}

// TestWriteGolden holds every byte of a report.
func TestWriteGolden(t *testing.T) {
	t.Parallel()
	h, r := wholeHead, wholeRecord()
	got, err := write(&h, &r)
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Reporter</org_name>
    <email>dmarc@reporter.example</email>
    <extra_contact_info>https://reporter.example/</extra_contact_info>
    <report_id>2026.1@reporter.example</report_id>
    <date_range>
      <begin>1795737600</begin>
      <end>1795823999</end>
    </date_range>
    <error>none of ours</error>
    <generator>Some Program 1</generator>
  </report_metadata>
  <policy_published>
    <domain>example.com</domain>
    <discovery_method>treewalk</discovery_method>
    <p>quarantine</p>
    <sp>none</sp>
    <np>reject</np>
    <fo>1</fo>
    <adkim>r</adkim>
    <aspf>s</aspf>
    <testing>n</testing>
  </policy_published>
  <record>
    <row>
      <source_ip>192.0.2.1</source_ip>
      <count>7</count>
      <policy_evaluated>
        <disposition>quarantine</disposition>
        <dkim>fail</dkim>
        <spf>fail</spf>
        <reason>
          <type>local_policy</type>
          <comment>tried</comment>
        </reason>
      </policy_evaluated>
    </row>
    <identifiers>
      <header_from>example.com</header_from>
      <envelope_from>bounce.example.net</envelope_from>
    </identifiers>
    <auth_results>
      <dkim>
        <domain>example.net</domain>
        <selector>s1</selector>
        <result>pass</result>
      </dkim>
      <dkim>
        <domain>example.com</domain>
        <selector>s2</selector>
        <result>fail</result>
        <human_result>body</human_result>
      </dkim>
      <spf>
        <domain>bounce.example.net</domain>
        <scope>mfrom</scope>
        <result>softfail</result>
      </spf>
    </auth_results>
  </record>
</feedback>
`
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*report.Head, *report.Record){
		"no org_name":       func(h *report.Head, _ *report.Record) { h.OrgName = " \n" },
		"no email":          func(h *report.Head, _ *report.Record) { h.Email = "" },
		"id":                func(h *report.Head, _ *report.Record) { h.ReportID = "a b" },
		"empty id":          func(h *report.Head, _ *report.Record) { h.ReportID = "" },
		"period":            func(h *report.Head, _ *report.Record) { h.End = h.Begin.Add(-1) },
		"no period":         func(h *report.Head, _ *report.Record) { h.Begin, h.End = time.Time{}, time.Time{} },
		"domain":            func(h *report.Head, _ *report.Record) { h.Policy.Domain = "a b" },
		"no p":              func(h *report.Head, _ *report.Record) { h.Policy.P = "" },
		"p":                 func(h *report.Head, _ *report.Record) { h.Policy.P = "Reject" },
		"adkim":             func(h *report.Head, _ *report.Record) { h.Policy.ADKIM = "relaxed" },
		"fo":                func(h *report.Head, _ *report.Record) { h.Policy.FO = "x" },
		"no address":        func(_ *report.Head, r *report.Record) { r.Source = netip.Addr{} },
		"count":             func(_ *report.Head, r *report.Record) { r.Count = 0 },
		"disposition":       func(_ *report.Head, r *report.Record) { r.Disposition = "" },
		"two results":       func(_ *report.Head, r *report.Record) { r.SPF = append(r.SPF, r.SPF[0]) },
		"scope":             func(_ *report.Head, r *report.Record) { r.SPF[0].Scope = "helo" },
		"result of SPF":     func(_ *report.Head, r *report.Record) { r.SPF[0].Result = "hardfail" },
		"result of DKIM":    func(_ *report.Head, r *report.Record) { r.DKIM[0].Result = "softfail" },
		"reason":            func(_ *report.Head, r *report.Record) { r.Reasons[0].Type = "arc" },
		"101 signatures":    func(_ *report.Head, r *report.Record) { r.DKIM = make([]report.DKIM, 101) },
		"id that is long":   func(h *report.Head, _ *report.Record) { h.ReportID = strings.Repeat("x", 300) },
		"id with a < in it": func(h *report.Head, _ *report.Record) { h.ReportID = "<x>" },
	} {
		h, r := wholeHead, wholeRecord()
		change(&h, &r)
		if _, err := write(&h, &r); !errors.Is(err, report.ErrHead) && !errors.Is(err, report.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := write(&wholeHead); !errors.Is(err, report.ErrNothing) {
		t.Errorf("no record: %v", err)
	}
	broken := errors.New("broken")
	r := wholeRecord()
	if err := report.WriteGzip(failingWriter{broken}, &wholeHead, slices.Values([]*report.Record{&r})); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// anyText are texts as messages and configurations have them, some hostile.
var anyText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
	"", "x", "a & b <c>", "]]>", "\x00\x1b[2J", "M\xfcller", "\u202e\ufffe\uffff", "  blanks  ", "line\r\nend", strings.Repeat("\u00fc", 2000), "<!DOCTYPE a>", "&#0;", "\xff\xfe", "'\"",
}))

var anyDomain = rapid.OneOf(rapid.SampledFrom([]string{"example.com", "Mail.Example.COM.", "m\u00fcller.example", "xn--mller-kva.example", "_x.example", "", "a b", "..", strings.Repeat("a.", 200)}), rapid.String())

// anyRecord is a record as [report.Write] may get it. What it says is coherent: RFC 9990
// demands a result for each pass, and a reason for each exception.
func anyRecord(policy *report.Policy) *rapid.Generator[*report.Record] {
	return rapid.Custom(func(t *rapid.T) *report.Record {
		r := &report.Record{Count: rapid.Int64Range(1, 1e7).Draw(t, "count"), HeaderFrom: policy.Domain}
		address := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		r.Source = netip.AddrFrom16([16]byte(address))
		if rapid.Bool().Draw(t, "IPv4") {
			r.Source = netip.AddrFrom4([4]byte(address[:4]))
		}
		if rapid.Bool().Draw(t, "below") {
			r.HeaderFrom = "news." + policy.Domain
		}
		r.EnvelopeFrom, r.HasEnvelopeFrom = anyDomain.Draw(t, "envelope_from"), rapid.Bool().Draw(t, "has envelope_from")
		r.EnvelopeTo = anyDomain.Draw(t, "envelope_to")
		for range rapid.IntRange(0, 4).Draw(t, "signatures") {
			r.DKIM = append(r.DKIM, report.DKIM{
				Domain: anyDomain.Draw(t, "d"), Selector: anyDomain.Draw(t, "s"), Human: anyText.Draw(t, "human"),
				Result: rapid.SampledFrom([]string{"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}).Draw(t, "result"),
			})
		}
		if rapid.Bool().Draw(t, "spf") {
			r.SPF = []report.SPF{{
				Domain: anyDomain.Draw(t, "spf domain"), Scope: rapid.SampledFrom([]string{"", "mfrom"}).Draw(t, "scope"), Human: anyText.Draw(t, "human"),
				Result: rapid.SampledFrom([]string{"none", "pass", "fail", "softfail", "policy", "neutral", "temperror", "permerror"}).Draw(t, "result"),
			}}
		}
		r.DKIMAligned = rapid.Bool().Draw(t, "dkim aligned") && slices.ContainsFunc(r.DKIM, func(d report.DKIM) bool { return d.Result == "pass" })
		r.SPFAligned = rapid.Bool().Draw(t, "spf aligned") && len(r.SPF) > 0 && r.SPF[0].Result == "pass"
		r.Disposition = rapid.SampledFrom([]report.Disposition{report.DispositionNone, report.DispositionQuarantine, report.DispositionReject}).Draw(t, "disposition")
		if r.Passed() {
			r.Disposition = rapid.SampledFrom([]report.Disposition{report.DispositionNone, report.DispositionPass}).Draw(t, "disposition")
		}
		for range rapid.IntRange(1, 3).Draw(t, "reasons") {
			r.Reasons = append(r.Reasons, report.Reason{
				Type:    rapid.SampledFrom([]report.ReasonType{report.LocalPolicy, report.MailingList, report.OtherReason, report.PolicyTestMode, report.TrustedForwarder, report.Forwarded, report.SampledOut}).Draw(t, "type"),
				Comment: anyText.Draw(t, "comment"),
			})
		}
		return r
	})
}

// anyHead is the head of a report.
var anyHead = rapid.Custom(func(t *rapid.T) *report.Head {
	h := wholeHead
	h.OrgName, h.Email = "x"+anyText.Draw(t, "org"), "y"+anyText.Draw(t, "email")
	h.ExtraContact, h.Generator = anyText.Draw(t, "contact"), anyText.Draw(t, "generator")
	h.Errors = rapid.SliceOfN(anyText, 0, 3).Draw(t, "errors")
	h.Begin, h.End = report.Day(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "day"), 0))
	h.Policy.Domain = rapid.SampledFrom([]string{"example.com", "xn--mller-kva.example", "a.b.c.example"}).Draw(t, "domain")
	for _, v := range []struct {
		to    *string
		words []string
	}{
		{&h.Policy.P, []string{"none", "quarantine", "reject"}},
		{&h.Policy.SP, []string{"", "none", "quarantine", "reject"}},
		{&h.Policy.NP, []string{"", "none", "quarantine", "reject"}},
		{&h.Policy.ADKIM, []string{"", "r", "s"}},
		{&h.Policy.Testing, []string{"", "y", "n"}},
		{&h.Policy.Discovery, []string{"", "psl", "treewalk"}},
		{&h.Policy.FO, []string{"", "0", "1:d:s"}},
	} {
		*v.to = rapid.SampledFrom(v.words).Draw(t, "word")
	}
	return &h
})

// TestWriteProperties: whatever is written is valid, by our own check and by the schema,
// is read again as the same, and has as many messages as were counted.
func TestWriteProperties(t *testing.T) {
	t.Parallel()
	var documents []string
	rapid.Check(t, func(t *rapid.T) {
		h := anyHead.Draw(t, "head")
		tally := report.NewTally(rapid.SampledFrom([]int{1, 5, 20, 1000}).Draw(t, "most"))
		fed := int64(0)
		for _, r := range rapid.SliceOfN(anyRecord(&h.Policy), 1, 12).Draw(t, "records") {
			fed += r.Count
			tally.Add(r)
		}
		if text := tally.LeftOutText(); text != "" {
			h.Errors = append([]string{text}, h.Errors...)
		}
		var first, again bytes.Buffer
		if err := report.Write(&first, h, tally.Records()); err != nil {
			t.Fatal(err)
		}
		if err := report.WriteGzip(&again, h, tally.Records()); err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(&again)
		if err != nil {
			t.Fatal(err)
		}
		if unpacked, err := io.ReadAll(z); err != nil || !bytes.Equal(unpacked, first.Bytes()) {
			t.Fatalf("the bytes depend on more than the values: %v", err)
		}
		document := first.String()
		if !utf8.ValidString(document) {
			t.Fatal("the document is not UTF-8")
		}
		v, err := report.Check(strings.NewReader(document))
		if err != nil || !v.Valid() {
			t.Fatalf("%v %+v\n%s", err, v.Problems, document)
		}
		got, records, err := read(document)
		if err != nil || got.Messages+tally.LeftOut() != fed || v.Messages != got.Messages || got.Records != tally.Len() {
			t.Fatalf("%v: %d messages in %d records and %d left out, %d were fed", err, got.Messages, got.Records, tally.LeftOut(), fed)
		}
		// What was read is written as the same bytes.
		var third bytes.Buffer
		if err := report.Write(&third, &got.Head, func(yield func(*report.Record) bool) {
			for i := range records {
				if !yield(&records[i]) {
					return
				}
			}
		}); err != nil || third.String() != document {
			t.Fatalf("%v (-first +again):\n%s", err, cmp.Diff(document, third.String()))
		}
		if len(documents) < 300 {
			documents = append(documents, document)
		}
	})
	for i, valid := range lint(t, documents) {
		if !valid {
			t.Errorf("not valid by the schema:\n%s", documents[i])
		}
	}
}

// TestTally: records that differ in nothing but their counts are one, and beyond the limit
// nothing is lost without being counted.
func TestTally(t *testing.T) {
	t.Parallel()
	tally := report.NewTally(100)
	fed := int64(0)
	for i := range 1000 {
		r := wholeRecord()
		r.Count = 1
		r.DKIM[1].Selector = fmt.Sprint("s", i) // decides nothing
		fed++
		tally.Add(&r)
	}
	if tally.Len() != 91 || tally.LeftOut() != 0 {
		t.Errorf("%d records, %d left out, want 90 and one without that signature", tally.Len(), tally.LeftOut())
	}
	for i := range 1000 {
		r := wholeRecord()
		r.Count = 2
		r.Source = netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		fed += 2
		tally.Add(&r)
	}
	sum := int64(0)
	last := int64(1 << 60)
	for r := range tally.Records() {
		sum += r.Count
		if r.Count > last {
			t.Error("not in the order of counts")
		}
		last = r.Count
	}
	if tally.Len() != 100 || sum+tally.LeftOut() != fed || tally.LeftOut() != 2*991 {
		t.Errorf("%d records, %d messages and %d left out of %d", tally.Len(), sum, tally.LeftOut(), fed)
	}
	if want := "1982 messages in rows beyond the limit of 100 left out"; tally.LeftOutText() != want {
		t.Errorf("%q, want %q", tally.LeftOutText(), want)
	}
}
