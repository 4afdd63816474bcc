package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// deliberate lists, by id, the cases of the suite that we answer differently
// from their origin.
var deliberate = map[string]struct{ reason, section string }{
	"opendmarc-07": {"two author domains; the origin takes the first", "RFC 9989 section 5.3.1"},
	"opendmarc-08": {"two author domains; the origin takes the first", "RFC 9989 section 5.3.1"},
	"opendmarc-12": {"a quoted name and an address without angle brackets", "RFC 5322 section 3.4"},
}

type fromCase struct {
	ID     string
	Value  string
	Domain string `json:"upstream_domain"` // null: none
}

func readSuite() ([]fromCase, error) {
	dir := os.Getenv("POSTVET_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	data, err := os.ReadFile(filepath.Join(dir, "dmarc", "from-header.json"))
	if err != nil {
		return nil, err
	}
	var suite struct{ Cases []fromCase }
	err = json.Unmarshal(data, &suite)
	return suite.Cases, err
}

func TestConformanceFromHeader(t *testing.T) {
	cases, err := readSuite()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the collected suites are not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	passed, different := 0, 0
	for _, c := range cases {
		a := ParseAuthor(from(c.Value))
		d, listed := deliberate[c.ID]
		switch {
		case listed && a.Domain == c.Domain:
			t.Errorf("%s agrees with its origin and need not be listed", c.ID)
		case listed && !a.Ambiguous():
			t.Errorf("%s: author domain %q, want a problem (%s)", c.ID, a.Domain, d.section)
		case listed:
			different++
			fmt.Printf("difference dmarc/from-header/%s: %s: %s\n", c.ID, d.section, d.reason)
		case a.Domain != c.Domain:
			t.Errorf("%s: %q: author domain %q (%s), want %q", c.ID, c.Value, a.Domain, a.Problem, c.Domain)
		default:
			passed++
		}
	}
	fmt.Printf("conformance dmarc/from-header %d %d %d\n", len(cases), passed, different)
	if len(cases) < 25 {
		t.Errorf("the suite has %d cases, want at least 25", len(cases))
	}
}
