package report_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postvet/postvet/policy/dmarc/report"
)

func check(t testing.TB, document string) report.Verdict {
	t.Helper()
	v, err := report.Check(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// checks are changes of the whole report, each with the line and the words of its one
// problem; "warning" begins that of a valid document. schema is true if the schema finds
// the document invalid too.
var checks = []struct {
	name   string
	pairs  []string
	line   int
	want   string
	schema bool
}{
	{"3.1.1.1 no namespace", []string{` xmlns="` + report.Namespace + `"`, ""}, 2, "its namespace is " + report.Namespace + ", and it has none", true},
	{"3.1.1.1 other namespace", []string{"dmarc-2.0", "dmarc-3.0"}, 2, "not urn:ietf:params:xml:ns:dmarc-3.0", true},
	{"3.1.1.2 version", []string{"<version>1.0", "<version>2.0"}, 3, "the version is 1.0, not 2.0", false},
	{"3.1.1.2 version is a number", []string{"<version>1.0", "<version>one"}, 3, "version is a number", true},
	{"3.1.1.2 order", []string{"  <version>1.0</version>\n", "", "  <record>", "<version>1.0</version><record>"}, 18, "version stands before policy_published", true},
	{"3.1.1.2 two heads", []string{"  <record>", "<policy_published><domain>example.com</domain><p>none</p></policy_published><record>"}, 19, "policy_published stands there once", true},
	{"3.1.1.2 no record", []string{"<record>", "<!-- <record>", "</record>", "</record> -->"}, 13, "record is missing", true},
	{"3.1.1.3 org_name empty", []string{"Reporter", ""}, 5, "org_name is empty", false},
	{"3.1.1.3 two errors", []string{"<error>", "<error>x</error><error>"}, 10, "error stands there once", true},
	{"3.1.1.3 no report_id", []string{"<report_id>2026.1@reporter.example</report_id>", ""}, 4, "report_metadata lacks report_id", true},
	{"3.1.1.4 float", []string{"1795737600", "1795737600.0"}, 9, "begin is a whole number, not 1795737600.0", true},
	{"3.1.1.4 end before begin", []string{"1795823999", "1795000000"}, 9, "before it begins", false},
	{"3.1.1.4 two days", []string{"1795737600", "1795651200"}, 9, "warning: RFC 9990 section 3.1.1.4: the period has 47 hours", false},
	{"3.1.1.5 pct", []string{"<p>", "<pct>100</pct><p>"}, 16, "policy_published has no element pct", true},
	{"3.1.1.5 t", []string{"<p>", "<t>n</t><p>"}, 16, "has no element t", true},
	{"3.1.1.5 empty sp", []string{"<sp>none</sp>", "<sp/>"}, 16, "sp is one of none, quarantine, reject, and it has none", true},
	{"3.1.1.5 blank in p", []string{"<p>quarantine", "<p>quarantine "}, 16, "p is one of none", true},
	{"3.1.1.5 domain in capitals", []string{"<domain>example.com</domain>\n    <disc", "<domain>Example.com</domain>\n    <disc"}, 14, "in lower-case A-labels", false},
	{"3.1.1.5 domain empty", []string{"<domain>example.com</domain>\n    <disc", "<domain></domain>\n    <disc"}, 14, "and it is empty", false},
	{"3.1.1.5 fo", []string{"<fo>1", "<fo>2"}, 17, "fo is 0, 1, d and s", false},
	{"3.1.1.7 extension without a namespace", []string{"</auth_results>", "</auth_results><x/>"}, 33, "record has no element x", false},
	{"3.1.1.7 extension before its place", []string{"<identifiers>", `<x:y xmlns:x="urn:x"/><identifiers>`}, 28, "identifiers stands before what follows", true},
	{"3.1.1.8 brackets", []string{"192.0.2.1<", "[192.0.2.1]<"}, 21, "source_ip is an address", false},
	{"3.1.1.8 IPv4 in IPv6", []string{"192.0.2.1<", "::ffff:192.0.2.1<"}, 21, "warning: source_ip is an address of IPv4 within IPv6", false},
	{"3.1.1.8 count 0", []string{"<count>7", "<count>0"}, 22, "count is a number of messages, not 0", false},
	{"3.1.1.8 count negative", []string{"<count>7", "<count>-1"}, 22, "count is a number of messages, not -1", false},
	{"3.1.1.9 order", []string{"<dkim>fail</dkim><spf>fail</spf>", "<spf>fail</spf><dkim>fail</dkim>"}, 24, "dkim stands before what follows", true},
	{"3.1.1.9 hardfail", []string{"<dkim>fail</dkim><spf>fail", "<dkim>hardfail</dkim><spf>fail"}, 24, "dkim is one of pass, fail, not hardfail", true},
	{"3.1.1.9 pass without a passing result", []string{"<dkim>fail</dkim><spf>fail", "<dkim>fail</dkim><spf>pass"}, 24, "auth_results have no spf that passed", false},
	{"3.1.1.9 pass of failed mail", []string{"<disposition>quarantine", "<disposition>pass"}, 24, "pass is for messages that pass DMARC", false},
	{"3.1.1.9 no reason", []string{"<disposition>quarantine", "<disposition>none", "<reason><type>local_policy</type><comment>tried</comment></reason>", ""}, 24, "no reason says why", false},
	{"3.1.6 forwarded", []string{"local_policy", "forwarded"}, 25, "type is one of", true},
	{"3.1.1.14 no type", []string{"<type>local_policy</type>", ""}, 25, "reason lacks type", true},
	{"3.1.1.6 extension without a namespace", []string{"<record>", "<extension><x/></extension><record>"}, 19, "extension has no element x", false},
	{"3.1.1.10 U-labels", []string{"<header_from>example.com", "<header_from>m\u00fcller.example.com"}, 28, "in lower-case A-labels", false},
	{"3.1.1.10 of another policy domain", []string{"<header_from>example.com", "<header_from>example.net"}, 28, "is not below the policy domain", false},
	{"3.1.1.11 spf before dkim", []string{"<auth_results>", "<auth_results><spf><domain>a.example</domain><result>pass</result></spf>", "<spf><domain>bounce.example.net</domain><scope>mfrom</scope><result>softfail</result></spf>", ""}, 30, "dkim stands before what follows", true},
	{"3.1.1.11 two spf", []string{"softfail</result></spf>", "softfail</result></spf><spf><domain>a.example</domain><result>pass</result></spf>"}, 32, "spf stands there once", true},
	{"3.1.1.12 no selector", []string{"<selector>s1</selector>", ""}, 30, "dkim lacks selector", true},
	{"3.1.1.12 empty selector", []string{"<selector>s1", "<selector>"}, 30, "selector is empty", false},
	{"3.1.1.13 scope helo", []string{"<scope>mfrom", "<scope>helo"}, 32, "scope is one of mfrom, not helo", true},
	{"3.1.1.13 result", []string{"<result>softfail", "<result>unknown"}, 32, "result is one of none, pass", true},
	{"3.1.4 Report-ID", []string{"2026.1@reporter.example", "&lt;2026.1@reporter.example&gt;"}, 8, "a Report-ID is dot-atoms", false},
	{"lang", []string{"<comment>", `<comment lang="no language">`}, 25, "lang is no language", true},
	{"attribute", []string{"<count>", `<count lang="en">`}, 22, "count has no attribute lang", true},
	{"text between", []string{"<row>", "x<row>"}, 19, "record has elements, and no text", true},
	{"element in a text", []string{"Reporter", "Rep<b>orter</b>"}, 5, "org_name has a text, and no elements", true},
	{"DOCTYPE", []string{"<feedback", "<!DOCTYPE feedback>\n<feedback"}, 2, "DOCTYPE", false},
	{"not UTF-8", []string{"Reporter", "M\xfcller"}, 5, "is not UTF-8", true},
	{"not well-formed", []string{"Reporter", "R & D"}, 5, `not well-formed XML: a bare "&"`, true},
}

// TestCheckCount: what to do about a count depends on what is wrong with it.
func TestCheckCount(t *testing.T) {
	t.Parallel()
	for count, want := range map[string]string{
		"0": "leave out records without messages", "-5": "leave out records without messages", "-99999999999999999999": "leave out records without messages",
		"1000000001":           "write how many messages there were; readers do not believe so many",
		"99999999999999999999": "write how many messages there were; readers do not believe so many",
	} {
		v := check(t, change(t, "<count>7", "<count>"+count))
		if len(v.Problems) != 1 || v.Problems[0].Remedy != want {
			t.Errorf("%s: %+v, want %s", count, v.Problems, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	if v := check(t, whole); !v.Valid() || len(v.Problems) > 0 || v.Records != 1 || v.Messages != 7 {
		t.Errorf("%+v", v)
	}
	for _, tc := range checks {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v := check(t, change(t, tc.pairs...))
			if len(v.Problems) != 1 {
				t.Fatalf("%+v", v.Problems)
			}
			p := v.Problems[0]
			want, warning := strings.CutPrefix(tc.want, "warning: ")
			if p.Line != tc.line || !strings.Contains(p.Rule, want) || p.Warning != warning || v.Valid() != warning {
				t.Errorf("%+v, want line %d, %s", p, tc.line, tc.want)
			}
			if p.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

// TestCheckAllows has what RFC 9990 allows.
func TestCheckAllows(t *testing.T) {
	t.Parallel()
	for name, pairs := range map[string][]string{
		"3.1.1.6 extension":    {"<record>", `<extension><x:y xmlns:x="urn:x" a="b"><z xmlns=""/></x:y></extension><record>`},
		"3.1.1.7 extension":    {"</auth_results>", `</auth_results><x:y xmlns:x="urn:x"/>`},
		"3.1.1.10 null sender": {"bounce.example.net<", "<"},
		"no version":           {"<version>1.0</version>", ""},
		"language":             {"<comment>", `<comment lang="en-GB">`},
		"schema location":      {"<feedback ", `<feedback xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" `},
		"other order":          {"<sp>none</sp><np>reject</np>", "<np>reject</np><sp>none</sp>"},
		"policy as published":  {"<reason><type>local_policy</type><comment>tried</comment></reason>", ""},
		"prefix":               {"<feedback xmlns=", "<feedback xmlns:d='urn:x' xmlns="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if v := check(t, change(t, pairs...)); !v.Valid() || len(v.Problems) > 0 {
				t.Errorf("%+v", v.Problems)
			}
		})
	}
}

// TestCheckNoReport: what is no report has a problem, and a reader's error is one.
func TestCheckNoReport(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "unused", "<html/>", whole[:900], strings.Repeat("<a>", 99)} {
		if v := check(t, text); v.Valid() || len(v.Problems) == 0 {
			t.Errorf("%.20q: %+v", text, v)
		}
	}
	broken := errors.New("broken")
	if _, err := report.Check(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	many := strings.Replace(whole, "<record>", strings.Repeat("<recrod/>\n", 1000)+"<record>", 1)
	if v := check(t, many); len(v.Problems) != 100 || v.More != 900 {
		t.Errorf("%d problems and %d more", len(v.Problems), v.More)
	}
}

// TestCheckAgainstSchema: xmllint finds a document of the table invalid where the table
// says so.
func TestCheckAgainstSchema(t *testing.T) {
	t.Parallel()
	var documents []string
	for _, tc := range checks {
		documents = append(documents, change(t, tc.pairs...))
	}
	for i, valid := range lint(t, documents) {
		if valid == checks[i].schema {
			t.Errorf("%s: xmllint says %v", checks[i].name, valid)
		}
	}
}

// TestCheckFindsWhatSchemaFinds: a document that is changed at random, and in which
// Check finds nothing, is valid.
func TestCheckFindsWhatSchemaFinds(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"<", ">", "</", "/>", "\"", " ", "\n", "x", "&amp;", "1", "-", "none", "pass", "<x/>", "<sp>none</sp>", "<version>1.0</version>", "<extension/>",
		"<spf>fail</spf>", "<dkim>pass</dkim>", "<reason><type>other</type></reason>", "<p>none</p>", "<count>1</count>", "<error/>", `<x xmlns="urn:y"/>`, ` lang="en"`, "<!-- x -->", "<![CDATA[x]]>",
		"<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>", "</record>", "<record>", "<policy_published>",
	}
	tags := strings.SplitAfter(whole, ">")
	var documents []string
	gen := rapid.Custom(func(t *rapid.T) string {
		changed := append([]string{}, tags...)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(changed)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				changed[at] = ""
			case 1:
				changed[at] += rapid.SampledFrom(pieces).Draw(t, "piece")
			case 2:
				changed[at] = rapid.SampledFrom(tags).Draw(t, "tag")
			default:
				other := rapid.IntRange(0, len(changed)-1).Draw(t, "other")
				changed[at], changed[other] = changed[other], changed[at]
			}
		}
		return strings.Join(changed, "")
	})
	for i := range 300 {
		documents = append(documents, gen.Example(i))
	}
	invalid, found := 0, 0
	for i, valid := range lint(t, documents) {
		v := check(t, documents[i])
		switch {
		case valid:
		case len(v.Problems) == 0:
			t.Fatalf("xmllint finds this invalid, and Check does not:\n%s", documents[i])
		default:
			invalid++
			if !v.Valid() {
				found++
			}
		}
	}
	if invalid < 50 || found != invalid {
		t.Errorf("%d invalid documents, %d found", invalid, found)
	}
}

// TestCheckCorpus checks the samples of others, if they are here: those of RFC 9990 are
// valid by the schema.
func TestCheckCorpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("POSTVET_CORPORA")
	if root == "" {
		t.Skip("POSTVET_CORPORA is not set")
	}
	got := map[string]string{}
	files, _ := filepath.Glob(filepath.Join(root, "dmarc", "reports", "*.xml"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v := check(t, string(b))
		for _, p := range v.Problems {
			t.Logf("%s: %+v", filepath.Base(file), p)
		}
		got[filepath.Base(file)] = fmt.Sprint(v.Valid())
	}
	want := map[string]string{
		"dmarc-xml-0.2.xml": "true", "mail-auth-004.xml": "true",
		"mail-auth-001.xml": "false", "mail-auth-002.xml": "false", "mail-auth-003.xml": "false", "mail-auth-005.xml": "false",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzCheck: whatever a document is, it has a verdict, of bounded size.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("<feedback><record/><record/></feedback>"))
	f.Fuzz(func(t *testing.T, document []byte) {
		v := check(t, string(document))
		if len(v.Problems) > 101 || v.Valid() && v.Records == 0 {
			t.Fatalf("%+v", v)
		}
		for _, p := range v.Problems {
			if text := p.Element + p.Rule + p.Remedy; len(text) > 1500 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%+v", p)
			}
		}
	})
}
