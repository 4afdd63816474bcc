package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseResults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, value string
		want        []result
	}{
		{"none", " mx.example; none", nil},
		{
			"two and folds", " mx.example;\n\tspf=pass smtp.mailfrom=a.example;\n\tDKIM=Fail (bad; \"hash\") header.d=a.example",
			[]result{{"spf", "pass", "smtp.mailfrom "}, {"dkim", "fail", "header.d "}},
		},
		{"semicolon and result in quotes", ` mx.example; dkim=fail reason="x; dkim=pass" header.d=a`, []result{{"dkim", "fail", "reason header.d "}}},
		{"result in a comment", " mx.example; spf=none (spf=pass (nested) ;dmarc=pass)", []result{{"spf", "none", ""}}},
		{"quoted pair in a comment", ` mx.example; spf=none (\) dmarc=pass;)`, []result{{"spf", "none", ""}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, parseResults(tc.value), cmp.AllowUnexported(result{})); diff != "" {
				t.Errorf("parseResults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	good := Case{Kind: "good", MailFrom: "b@a", Want: Expect{SPF: "pass", DKIM: []string{"pass", "pass"}, DMARC: "pass", Disposition: "none"}}
	spoof := Case{Kind: "spoof", MailFrom: "b@a", Want: Expect{SPF: "fail", DMARC: "fail", Disposition: "reject"}}
	held := Case{Kind: "spoof", MailFrom: "b@a", Want: Expect{SPF: "fail", DMARC: "fail", Disposition: "quarantine"}}
	forwarded := Case{Kind: "forwarded", MailFrom: "b@a", Want: Expect{SPF: "none", DKIM: []string{"pass"}, DMARC: "pass", Disposition: "none"}}
	bounce := Case{Kind: "bounce", Want: Expect{SPF: "pass", DMARC: "none", Disposition: "none"}}
	accept := func(results string) *Verdict {
		return &Verdict{Action: "accept", Fields: []Field{{"From", " x"}, {"authentication-results", " mx; " + results}}}
	}
	hold := accept("spf=fail smtp.mailfrom=a; dmarc=fail")
	hold.Action = "hold"
	for _, tc := range []struct {
		name string
		c    Case
		v    *Verdict
		want string
	}{
		{"all right", good, accept("spf=pass smtp.mailfrom=a; dkim=pass; dkim=pass; dmarc=pass"), ""},
		{"one signature only", good, accept("spf=pass smtp.mailfrom=a; dkim=pass; dmarc=pass"), "good: dkim [pass], want [pass pass]"},
		{"no field", good, &Verdict{Action: "accept"}, "good: spf [], want pass"},
		{"wrong identity", good, accept("spf=pass smtp.helo=h; spf=fail smtp.mailfrom=a; dkim=pass; dkim=pass; dmarc=pass"), "good: spf [fail], want pass"},
		{"dmarc", good, accept("spf=pass smtp.mailfrom=a; dkim=pass; dkim=pass; dmarc=none"), "good: dmarc [none], want pass"},
		{"refused", good, &Verdict{Action: "reject", Text: "550 no"}, "good: refused (550 no), but the domain asks for none"},
		{"later", good, &Verdict{Action: "tempfail", Text: "451"}, "good: tempfail 451"},
		{"held", good, &Verdict{Action: "hold"}, "good: held, but the domain asks for none"},
		{"spoof refused", spoof, &Verdict{Action: "reject"}, ""},
		{"spoof accepted", spoof, accept("spf=fail smtp.mailfrom=a; dmarc=fail"), "spoof: not refused as the domain asks"},
		{"spoof held", held, hold, ""},
		{"spoof marked", held, accept("spf=fail smtp.mailfrom=a; dmarc=fail"), ""},
		{"spoof refused that was to be held", held, &Verdict{Action: "reject"}, "spoof: refused (), but the domain asks for quarantine"},
		{"a signature that is not there", held, accept("spf=fail smtp.mailfrom=a; dkim=pass; dmarc=fail"), "spoof: dkim [pass], want []"},
		{"forwarded", forwarded, accept("spf=none smtp.mailfrom=f; dkim=pass; dmarc=pass"), ""},
		{"null sender by HELO", bounce, accept("spf=pass smtp.helo=h; dmarc=none"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, wrong(&tc.c, tc.v)); diff != "" {
				t.Errorf("wrong (-want +got):\n%s", diff)
			}
		})
	}
	forged := good
	forged.Fields = []Field{{"Authentication-Results", " mx; spf=pass smtp.mailfrom=a; dkim=pass; dkim=pass; dmarc=pass"}}
	if wrong(&forged, &Verdict{Action: "accept", Fields: forged.Fields}) == "" {
		t.Error("a field that came with the message counts as a result")
	}
}
