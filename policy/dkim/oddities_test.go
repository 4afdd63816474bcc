package dkim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
)

// TestOddities backs the table in the package's documentation: each line that is accepted
// is so here, and says so; each that is an error is one.
func TestOddities(t *testing.T) {
	t.Parallel()
	p := "p=" + strings.TrimPrefix(strings.Split(edRecord(), "; ")[2], "p=")
	for name, tc := range map[string]struct {
		record string
		odd    []string
		err    string
	}{
		"nothing odd":                    {edRecord(), nil, ""},
		"a semicolon at the end":         {edRecord() + "; ", nil, ""},
		"v= is not the first tag":        {"k=ed25519; v=DKIM1; " + p, []string{"the key record has v= behind other tags, which is accepted, as the version is known all the same"}, ""},
		"no v= at all":                   {"k=ed25519; " + p, nil, ""},
		"a name with a hyphen":           {edRecord() + "; x-note=1", []string{"the key record has a tag whose name has a hyphen, which is ignored like any unknown tag"}, ""},
		"an empty tag":                   {"v=DKIM1;; k=ed25519; " + p, []string{"the key record has an empty tag (two semicolons), which is accepted, as it says nothing"}, ""},
		"k= in capitals":                 {"v=DKIM1; k=Ed25519; " + p, []string{"the key record has a value in capitals that is written in small letters; it means the same"}, ""},
		"t= in capitals":                 {edRecord() + "; t=S", []string{"the key record has a value in capitals that is written in small letters; it means the same"}, ""},
		"a line end behind a value":      {edRecord() + "\n", []string{"the key record has a line end beside a tag or value, which is accepted as white space"}, ""},
		"a line end before a name":       {"v=DKIM1;\r\nk=ed25519; " + p, []string{"the key record has a line end beside a tag or value, which is accepted as white space"}, ""},
		"all at once":                    {"k=ED25519;; x-a=1;\n v=DKIM1; " + p, []string{"the key record " + oddEmptyTag, "the key record " + oddHyphen, "the key record " + oddCapitals, "the key record " + oddVersion, "the key record " + oddLineEnd}, ""},
		"v= of another case":             {"v=dkim1; k=ed25519; " + p, nil, `version "dkim1" is not DKIM1`},
		"a repeated tag":                 {edRecord() + "; k=ed25519", nil, "tag k= is repeated"},
		"a tag without an equals sign":   {edRecord() + "; hello", nil, `"hello" is not a tag: it has no equals sign`},
		"a control character in a value": {edRecord() + "; n=a\x01b", nil, "a control character in tag n="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := ParseKey(tc.record)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%v, want %s", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.odd, k.Oddities); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestOdditiesOfSignature has those of a signature and of its key in the diagnosis, and
// only if it is asked for.
func TestOdditiesOfSignature(t *testing.T) {
	t.Parallel()
	_, r := dnstest.Start(t, zone(map[string][]string{"rsa._domainkey.example.org": {strings.Replace(rsaRecord(), "k=rsa", "k=RSA", 1)}}, nil))
	mail := signed(plain, strings.Replace(rsaTags, "a=rsa-sha256; ", "a=RSA-sha256;; ", 1), rsaKey())
	o := testOptions()
	o.Diagnose = true
	want := []string{"the key record " + oddCapitals, "the signature " + oddEmptyTag, "the signature " + oddCapitals}
	got := verify(r, mail, o)
	if len(got) != 1 || got[0].Status != Pass {
		t.Fatalf("%+v", got)
	}
	if d := cmp.Diff(want, got[0].Diagnosis); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := verify(r, mail, testOptions()); len(got[0].Diagnosis) > 0 {
		t.Errorf("a diagnosis that nobody asked for: %q", got[0].Diagnosis)
	}
}
