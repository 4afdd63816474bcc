package dmarc

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestLaxness backs the table in the package's documentation, line by line.
func TestLaxness(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text   string
		policy Policy // "" for no usable policy
		finds  string // a part of a problem, "" for none
	}{
		"a line end behind the record":    {"v=DMARC1; p=reject\n", PolicyReject, "line ends beside its tags"},
		"a line end behind a value":       {"v=DMARC1; p=reject\r\n; sp=none", PolicyReject, "line ends beside its tags"},
		"a line end before a tag":         {"v=DMARC1;\n p=reject", PolicyReject, "line ends beside its tags"},
		"a line end before a value":       {"v=DMARC1; p=\nreject", PolicyReject, "line ends beside its tags"},
		"a line end inside a value":       {"v=DMARC1; p=re\nject", "", "p=re ject"},
		"blanks and tabs are white space": {"v=DMARC1 ;\tp = reject ", PolicyReject, ""},
		"empty tags":                      {"v=DMARC1;; p=reject;;", PolicyReject, ""},
		"text without an equals sign":     {"v=DMARC1; hello; p=reject", PolicyReject, `"hello" is not of the form tag=value`},
		"a name in capitals":              {"v=DMARC1; p=reject; SP=none", PolicyReject, "SP= is ignored: tag names are lower case"},
		"p in capitals":                   {"v=DMARC1; P=reject", "", "P= is ignored"},
		"a size behind a report URI":      {"v=DMARC1; p=reject; rua=mailto:a@example.org!10m", PolicyReject, ""},
		"pct":                             {"v=DMARC1; p=reject; pct=0", PolicyReject, "pct= is historic"},
		"rf":                              {"v=DMARC1; p=reject; rf=afrf", PolicyReject, "rf= is historic"},
		"ri":                              {"v=DMARC1; p=reject; ri=3600", PolicyReject, "ri= is historic"},
		"a repeated tag":                  {"v=DMARC1; p=reject; adkim=r; adkim=s", PolicyReject, "adkim= occurs more than once"},
		"a repeated p":                    {"v=DMARC1; p=reject; p=reject", "", "p= occurs more than once"},
		"a repeated sp":                   {"v=DMARC1; p=reject; sp=none; sp=reject", "", "sp= occurs more than once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := ParseRecord(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got := r.P
			if r.Processing != ProcessAsPublished {
				got = ""
			}
			found := slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, tc.finds) })
			if got != tc.policy || tc.finds != "" && !found || tc.finds == "" && len(r.Problems) > 0 {
				t.Errorf("policy %q, problems %q; want %q, %q", got, r.Problems, tc.policy, tc.finds)
			}
			if strings.HasPrefix(name, "a repeated tag") && r.ADKIM != Relaxed {
				t.Error("the second one counts")
			}
		})
	}
	for _, text := range []string{"v=DMARC2; p=reject", "v=dmarc1; p=reject", "v=DMARC1p=reject", "p=reject", "v=DMARC1\x00; p=reject"} {
		if _, err := ParseRecord(text); !errors.Is(err, ErrNotRecord) {
			t.Errorf("%q: %v, want no record", text, err)
		}
	}
}
