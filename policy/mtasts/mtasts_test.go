package mtasts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRecord is RFC 8461 section 3.1.
func TestRecord(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, id, err string }{
		{"3.1 the example", "v=STSv1; id=20160831085700Z;", "20160831085700Z", ""},
		{"3.1 no semicolon at the end", "v=STSv1; id=1", "1", ""},
		{"3.1 no blank", "v=STSv1;id=1;", "1", ""},
		{"3.1 blanks around semicolons", "v=STSv1 \t;\tid=1 ; ", "1", ""},
		{"3.1 an extension", "v=STSv1; a_b-c.d=<x>; id=1;", "1", ""},
		{"3.1 32 characters", "v=STSv1; id=" + strings.Repeat("a", 32), strings.Repeat("a", 32), ""},
		{"3.1 33 characters", "v=STSv1; id=" + strings.Repeat("a", 33), "", "1 to 32 letters and digits"},
		{"3.1 a hyphen in id", "v=STSv1; id=2026-11-29;", "", "1 to 32 letters and digits"},
		{"3.1 no id", "v=STSv1; mode=enforce;", "", "id is missing"},
		{"3.1 nothing behind the version", "v=STSv1;", "", "id is missing"},
		{"3.1 empty id", "v=STSv1; id=;", "", "not allowed"},
		{"3.1 id twice", "v=STSv1; id=1; id=2;", "", "twice"},
		{"3.1 an empty field", "v=STSv1;; id=1;", "", "no equals sign"},
		{"3.1 the version alone", "v=STSv1", "", "version"},
		{"3.1 another version", "v=STSv2; id=1;", "", "version"},
		{"3.1 another case", "v=stsv1; id=1;", "", "version"},
		{"3.1 a name in capitals is another field", "v=STSv1; ID=1;", "", "id is missing"},
		{"3.1 an equals sign in a value", "v=STSv1; x=a=b; id=1", "", "not allowed"},
		{"3.1 blank before", " v=STSv1; id=1;", "", "version"},
		{"3.1 quotes", `"v=STSv1; id=1;"`, "", "version"},
		{"3.1 octets", "v=STSv1; id=\xff;", "", "not allowed"},
		{"3.1 a name of 33", "v=STSv1; " + strings.Repeat("n", 33) + "=1; id=1", "", "name"},
		{"too many fields", "v=STSv1; " + manyFields(101), "", "more than 100"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRecord(tt.text)
			wantError(t, err, tt.err)
			if r.ID != tt.id {
				t.Errorf("id %q", r.ID)
			}
		})
	}
}

func manyFields(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("f" + strings.Repeat("x", i%20) + string(rune('a'+i/20)) + "=1;")
	}
	return b.String()
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("error %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestCandidates: section 3.1, other records at the name do not count.
func TestCandidates(t *testing.T) {
	t.Parallel()
	texts := []string{"v=STSv1; id=1;", "v=spf1 -all", "v=STSv1", "v=STSv1;bad", "v=STSv11; id=1"}
	if d := cmp.Diff([]string{texts[0], texts[3]}, Candidates(texts, Version)); d != "" {
		t.Error(d)
	}
}

// TestReporting is RFC 8460 section 3.
func TestReporting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		uris       []string
		err        string
	}{
		{"3 by mail", "v=TLSRPTv1;rua=mailto:reports@example.com", []string{"mailto:reports@example.com"}, ""},
		{"3 by HTTPS", "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt;", []string{"https://reporting.example.com/v1/tlsrpt"}, ""},
		{"3 both, blanks around the comma", "v=TLSRPTv1; rua=mailto:a@b.example , https://c.example/?x=1", []string{"mailto:a@b.example", "https://c.example/?x=1"}, ""},
		{"3 another scheme beside", "v=TLSRPTv1; rua=http://a.example,MAILTO:a@b.example", []string{"MAILTO:a@b.example"}, ""},
		{"3 another scheme alone", "v=TLSRPTv1; rua=ftp://a.example", nil, "no address"},
		{"3 an address alone", "v=TLSRPTv1; rua=reports@example.com", nil, "no address"},
		{"3 an escape that is missing", "v=TLSRPTv1; rua=mailto:a!10m@b.example", nil, "no address"},
		{"3 no host", "v=TLSRPTv1; rua=https:///x", nil, "no address"},
		{"3 no rua", "v=TLSRPTv1; ruf=mailto:a@b.example", nil, "rua is missing"},
		{"3 empty", "v=TLSRPTv1; rua=", nil, "not allowed"},
		{"3 another version", "v=TLSRPT1; rua=mailto:a@b.example", nil, "version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseReporting(tt.text)
			wantError(t, err, tt.err)
			if d := cmp.Diff(tt.uris, r.URIs); d != "" {
				t.Error(d)
			}
		})
	}
	r, err := ParseReporting("v=TLSRPTv1; rua=" + strings.Repeat("mailto:a@b.example,", 500) + "x")
	if err != nil || len(r.URIs) != maxURIs {
		t.Errorf("%d URIs, %v", len(r.URIs), err)
	}
}

// TestPolicy is RFC 8461 section 3.2.
func TestPolicy(t *testing.T) {
	t.Parallel()
	const rest = "mx: mx.a.example\nmax_age: 604800\n"
	for _, tt := range []struct{ name, text, err string }{
		{"3.2 the example", "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n", ""},
		{"3.2 LF alone", "version: STSv1\nmode: testing\n" + rest, ""},
		{"3.2 no line end at the end, no blanks", "version:STSv1\nmode:testing\nmax_age:1\nmx:a", ""},
		{"3.2 none needs no mx", "version: STSv1\nmode: none\nmax_age: 0", ""},
		{"3.2 an unknown key", "version: STSv1\nmode: testing\nfuture: x: y\n" + rest, ""},
		{"3.2 the first mode counts", "version: STSv1\nmode: testing\nmode: other\n" + rest, ""},
		{"3.2 no version", "mode: testing\n" + rest, "version"},
		{"3.2 another version", "version: STSv2\nmode: testing\n" + rest, "STSv1"},
		{"3.2 no mode", "version: STSv1\n" + rest, "mode is missing"},
		{"3.2 another mode", "version: STSv1\nmode: Enforce\n" + rest, "line 2: the mode"},
		{"3.2 no max_age", "version: STSv1\nmode: testing\nmx: a.example", "max_age is missing"},
		{"3.2 the greatest max_age", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 31557600", ""},
		{"3.2 a greater max_age", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 31557601", "line 4: max_age"},
		{"3.2 a negative max_age", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: -1", "max_age"},
		{"3.2 a max_age of words", "version: STSv1\nmode: testing\nmx: a.example\nmax_age: 1 week", "max_age"},
		{"3.2 no mx", "version: STSv1\nmode: enforce\nmax_age: 1", "no line mx"},
		{"3.2 an address", "version: STSv1\nmode: enforce\nmx: [192.0.2.1]\nmax_age: 1", "line 3: mx"},
		{"3.2 a list", "version: STSv1\nmode: enforce\nmx: a.example, b.example\nmax_age: 1", "mx"},
		{"3.2 a star within", "version: STSv1\nmode: enforce\nmx: mx*.a.example\nmax_age: 1", "mx"},
		{"3.2 a dot in front", "version: STSv1\nmode: enforce\nmx: .a.example\nmax_age: 1", "mx"},
		{"3.2 HTML", "<!DOCTYPE html>\n<html>", "line 1"},
		{"nothing", "", "version"},
		{"too long", "version: STSv1\n" + strings.Repeat("x", MaxPolicy), "64 KB"},
		{"too many lines", strings.Repeat("\n", maxLines), "lines"},
		{"too many hosts", "version: STSv1\n" + strings.Repeat("mx: a.example\n", maxMX+1), "1000 hosts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParsePolicy(tt.text)
			wantError(t, err, tt.err)
		})
	}
}

// TestMatches is RFC 8461 section 4.1.
func TestMatches(t *testing.T) {
	t.Parallel()
	p := Policy{MX: []string{"mx.a.example", "*.b.example"}}
	for host, want := range map[string]bool{
		"mx.a.example": true, "MX.A.example.": true, "a.example": false, "x.mx.a.example": false,
		"mx.b.example": true, "b.example": false, "x.mx.b.example": false, ".b.example": false, "xb.example": false,
	} {
		if got := p.Matches(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := []string{RecordName("a.example"), ReportingName("a.example"), PolicyURL("a.example")}
	want := []string{"_mta-sts.a.example", "_smtp._tls.a.example", "https://mta-sts.a.example/.well-known/mta-sts.txt"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s, err := Proposal("20261129120000"); err != nil || s != "v=STSv1; id=20261129120000;" {
		t.Errorf("%q, %v", s, err)
	}
	if _, err := Proposal("2026-11-29"); err == nil {
		t.Error("an id with hyphens is proposed")
	}
}

// FuzzRecords: what is read can be written and read again as the same.
func FuzzRecords(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z; x=y")
	f.Add("v=TLSRPTv1; rua=mailto:a@b.example , https://c.example/?x=1;")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRecord(text); err == nil {
			again, err := ParseRecord(r.String())
			if err != nil || !cmp.Equal(r, again) {
				t.Fatalf("%q is %+v, and %q %+v (%v)", text, r, r.String(), again, err)
			}
			if len(Candidates([]string{text}, Version)) != 1 {
				t.Fatalf("%q is read, but is no record", text)
			}
		}
		if r, err := ParseReporting(text); err == nil && (len(r.URIs) == 0 || len(r.URIs) > maxURIs) {
			t.Fatalf("%q has %d URIs", text, len(r.URIs))
		}
	})
}

// FuzzPolicy: what is read can be written and read again as the same, but for unknown
// lines.
func FuzzPolicy(f *testing.F) {
	f.Add("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n", "mx.example.net")
	f.Add("version: STSv1\nmode: none\nmax_age: 0\nx: y", "a")
	f.Fuzz(func(t *testing.T, text, host string) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		p.Unknown = nil
		again, err := ParsePolicy(p.String())
		if err != nil || !cmp.Equal(p, again) {
			t.Fatalf("%q is %+v, and again %+v (%v)", text, p, again, err)
		}
		if p.Matches(host) && len(p.MX) == 0 {
			t.Fatal("no host matches")
		}
	})
}
