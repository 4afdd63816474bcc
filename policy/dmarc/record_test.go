package dmarc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseRecord(t *testing.T) {
	t.Parallel()
	record := func(p, sp, np Policy) *Record {
		return &Record{Processing: ProcessAsPublished, P: p, SP: sp, NP: np, ADKIM: Relaxed, ASPF: Relaxed, FO: "0", PSD: PSDUnknown}
	}
	asNone := func(rua string) *Record {
		r := record(PolicyNone, PolicyNone, PolicyNone)
		r.Processing, r.RUA = ProcessAsNone, []string{rua}
		return r
	}
	nothing := record("", "", "")
	nothing.Processing = ProcessNothing
	full := &Record{
		Processing: ProcessAsPublished, P: PolicyReject, SP: PolicyQuarantine, NP: PolicyNone,
		ADKIM: Strict, ASPF: Strict, FO: "1:d", PSD: PSDNo, Testing: true,
		RUA: []string{"mailto:a@example.org", "https://example.org/report"}, RUF: []string{"mailto:b@example.org"},
	}
	tests := []struct {
		name string
		in   string
		want *Record
		err  error
	}{
		{"4.7 every tag", "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=s; fo=1:d; psd=n; t=y; rua=mailto:a@example.org,https://example.org/report; ruf=mailto:b@example.org!10m", full, nil},
		{"4.7 any order", "v=DMARC1; ruf=mailto:b@example.org; rua=mailto:a@example.org,https://example.org/report; t=y; psd=n; fo=1:d; aspf=s; adkim=s; np=none; sp=quarantine; p=reject", full, nil},
		{"4.7 defaults", "v=DMARC1;p=none", record(PolicyNone, PolicyNone, PolicyNone), nil},
		{"4.7 sp falls back to p", "v=DMARC1; p=reject", record(PolicyReject, PolicyReject, PolicyReject), nil},
		{"4.7 np falls back to sp", "v=DMARC1; p=reject; sp=none", record(PolicyReject, PolicyNone, PolicyNone), nil},
		{"4.7 unknown tag", "v=DMARC1; p=none; fnord=1", record(PolicyNone, PolicyNone, PolicyNone), nil},
		{"4.7 broken tag", "v=DMARC1; p=none; =; fnord; 1=2; ;", record(PolicyNone, PolicyNone, PolicyNone), nil},
		{"4.7 tag names are case-sensitive", "v=DMARC1; p=none; SP=reject", record(PolicyNone, PolicyNone, PolicyNone), nil},
		{"4.7 version missing", "p=none", nil, ErrNotRecord},
		{"4.7 version not first", "p=none; v=DMARC1", nil, ErrNotRecord},
		{"4.7 version case", "v=dmarc1; p=none", nil, ErrNotRecord},
		{"4.7 version longer", "v=DMARC10; p=none", nil, ErrNotRecord},
		{"4.7 version without end", "v=DMARC1 p=none", nil, ErrNotRecord},
		{"4.8 version twice", "v=DMARC1; p=none; v=DMARC1", record(PolicyNone, PolicyNone, PolicyNone), nil},
		{"4.8 repeated unknown tag", "v=DMARC1; p=reject; sp=none; foo=1; foo=2", record(PolicyReject, PolicyNone, PolicyNone), nil},
		{"4.8 repeated historic tag", "v=DMARC1; p=reject; pct=10; pct=20", record(PolicyReject, PolicyReject, PolicyReject), nil},
		{"4.8 repeated report tag", "v=DMARC1; rua=mailto:a@example.org; rua=mailto:b@example.org; p=none; p=none", asNone("mailto:a@example.org"), nil},
		{"4.8 repeated t", "v=DMARC1; p=reject; t=n; t=y", record(PolicyReject, PolicyReject, PolicyReject), nil},
		{"4.10.1 repeated p", "v=DMARC1; p=none; p=none", nothing, nil},
		{"4.10.1 repeated sp", "v=DMARC1; p=none; sp=none; sp=reject", nothing, nil},
		{"4.10.1 repeated np, rua valid", "v=DMARC1; p=reject; np=none; np=none; rua=mailto:a@example.org", asNone("mailto:a@example.org"), nil},
		{"4.8 line end behind a value", "v=DMARC1\r\n; p=reject\n", record(PolicyReject, PolicyReject, PolicyReject), nil},
		{"4.8 exclamation mark in a URI", "v=DMARC1; rua=mailto:a!b@example.org", nothing, nil},
		{"4.8 encoded exclamation mark in a URI", "v=DMARC1; rua=mailto:a%21b@example.org!5k", asNone("mailto:a%21b@example.org"), nil},
		{"4.8 white space", "V \t=\tDMARC1 ;\tp = Reject\t; sp=QUARANTINE ", record(PolicyReject, PolicyQuarantine, PolicyQuarantine), nil},
		{"4.8 leading white space", " v=DMARC1; p=none", nil, ErrNotRecord},
		{"4.10.1 p missing, rua valid", "v=DMARC1; rua=mailto:a@example.org", asNone("mailto:a@example.org"), nil},
		{"4.10.1 p bad, rua valid", "v=DMARC1; p=rejct; rua=mailto:a@example.org", asNone("mailto:a@example.org"), nil},
		{"4.10.1 sp bad, rua valid", "v=DMARC1; p=reject; sp=; rua=mailto:a@example.org", asNone("mailto:a@example.org"), nil},
		{"4.10.1 np bad, rua valid", "v=DMARC1; p=reject; np=no; rua=mailto:a@example.org", asNone("mailto:a@example.org"), nil},
		{"4.10.1 p missing, rua invalid", "v=DMARC1; rua=a@example.org", nothing, nil},
		{"4.10.1 p bad, no rua", "v=DMARC1; p=rejct", nothing, nil},
		{"4.10.1 np bad, no rua", "v=DMARC1; p=reject; np=no", nothing, nil},
		{"4.10.1 only a version", "v=DMARC1", nothing, nil},
		{"9.3 pct has no effect", "v=DMARC1; p=reject; pct=0", record(PolicyReject, PolicyReject, PolicyReject), nil},
		{"empty", "", nil, ErrNotRecord},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseRecord(tt.in)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(Record{}, "Text", "Published", "Problems")); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseRecordProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in   string
		want []string
	}{
		{"v=DMARC1; p=reject; rua=mailto:a@example.org", nil},
		{"v=DMARC1", []string{"p= is missing"}},
		{"v=DMARC1; p=none; sp=bad", []string{"sp=bad is none of none, quarantine and reject"}},
		{"v=DMARC1; P=none", []string{"P= is ignored: tag names are lower case", "p= is missing"}},
		{"v=DMARC1; p=none; pct=50", []string{"pct= is historic and has no effect (RFC 9989 section 9.3)"}},
		{"v=DMARC1; p=none; t=yes; psd=no; fo=2; adkim=strict", []string{
			"t=yes is neither y nor n; it counts as t=n", "psd=no is none of y, n and u; it counts as psd=u",
			"fo=2 is not a list of 0 or 1, d and s, each once; it counts as fo=0",
			"adkim=strict is neither r nor s; relaxed alignment applies",
		}},
		{"v=DMARC1; p=none; rua=a@example.org, ftp://x/", []string{
			`rua= holds "a@example.org", which is not a URI such as mailto:dmarc@example.org`,
			`rua= holds "ftp://x/"; receivers need not support anything but mailto:`,
		}},
		{"v=DMARC1; p=none; \x1b[31mred", []string{`"?[31mred" is not of the form tag=value`}},
	}
	for _, tt := range tests {
		rec, err := ParseRecord(tt.in)
		if err != nil {
			t.Errorf("%q: %v", tt.in, err)
			continue
		}
		if d := cmp.Diff(tt.want, rec.Problems); d != "" {
			t.Errorf("%q: %s", tt.in, d)
		}
	}
	rec, err := ParseRecord("v=DMARC1; p=none;" + strings.Repeat(" bad;", 10000))
	if err != nil || len(rec.Problems) != maxProblems {
		t.Errorf("ten thousand bad tags: %v, %d problems", err, len(rec.Problems))
	}
}

// RFC 9989 section 4.8: 0 and 1 exclude each other, d and s are there at most once, and
// there are no blanks inside.
func TestFailureOptions(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"0": "0", "1": "1", "d": "d", "s": "s", "D:S": "d:s", "1:d:s": "1:d:s", "d:1:s": "d:1:s", "s:d:0": "s:d:0",
		"0:1": "0", "1:0": "0", "1:1": "0", "d:d": "0", "1:s:s": "0", "1 :d": "0", "1: d": "0", "": "0", "1:": "0", ":1": "0", "1,d": "0", "2": "0", "ds": "0",
	} {
		rec, err := ParseRecord("v=DMARC1; p=none; fo=" + in)
		if err != nil || rec.FO != want || (want == "0" && in != "0") != (len(rec.Problems) == 1) {
			t.Errorf("fo=%s: %+v, %v, want fo=%s", in, rec, err, want)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{
		"", "v=DMARC1", "v=DMARC1; p=none", "V = DMARC1 ; p = Reject;;", "v=DMARC1; p=x; rua=mailto:a@b!10m,c",
		"v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; aspf=s; fo=0:1:d:s; psd=y; t=y; ruf=mailto:%41@b",
		"v=DMARC1; p=none; p=none", "v=DMARC1; rua=mailto:\x00@b", "v=DMARC1; p=none; rua=!1m",
	} {
		f.Add(s)
	}
	policies := []Policy{PolicyNone, PolicyQuarantine, PolicyReject}
	f.Fuzz(func(t *testing.T, txt string) {
		rec, err := ParseRecord(txt)
		if (rec == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", txt, rec, err)
		}
		if err != nil {
			return
		}
		for _, p := range []Policy{rec.P, rec.SP, rec.NP} {
			if (rec.Processing == ProcessNothing) != (p == "") || p != "" && !slices.Contains(policies, p) {
				t.Errorf("%q: %s with policy %q", txt, rec.Processing, p)
			}
		}
		if rec.Processing == ProcessAsNone && len(rec.RUA) == 0 {
			t.Errorf("%q: as p=none without rua", txt)
		}
		for _, u := range append(slices.Clone(rec.RUA), rec.RUF...) {
			if !isURI(u) {
				t.Errorf("%q: URI %q", txt, u)
			}
		}
		for _, p := range rec.Problems {
			if len(p) > 300 || strings.ContainsFunc(p, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%q: problem %q", txt, p)
			}
		}
		// White space and empty tags have no meaning.
		again, err := ParseRecord(strings.ReplaceAll(txt, ";", " ; ;\t"))
		if err != nil {
			t.Fatalf("%q with more white space: %v", txt, err)
		}
		if d := cmp.Diff(rec, again, cmpopts.IgnoreFields(Record{}, "Text"), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%q with more white space: %s", txt, d)
		}
	})
}
