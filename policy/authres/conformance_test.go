package authres

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// deliberate lists, by id, the cases of the suite that we answer differently
// from their origin. Each is an error for us.
var deliberate = map[string]struct{ reason, section string }{
	"go-msgauth-10": {"an empty field has no authserv-id", "RFC 8601 section 2.2"},
}

type suiteResult struct {
	Method, Result string
	Properties     []string
}

type suiteCase struct {
	ID, Value  string
	AuthservID *string `json:"authserv_id"`
	Results    []suiteResult
	Second     struct { // the second opinion
		Error      string
		AuthservID string `json:"authserv_id"`
		Results    []suiteResult
	} `json:"python_authres"`
}

func readSuite() ([]suiteCase, error) {
	dir := os.Getenv("POSTVET_CORPORA")
	if dir == "" {
		dir = "../../../shared/corpora"
	}
	data, err := os.ReadFile(filepath.Join(dir, "authres", "headers.json"))
	if err != nil {
		return nil, err
	}
	var suite struct{ Cases []suiteCase }
	err = json.Unmarshal(data, &suite)
	return suite.Cases, err
}

func TestConformanceHeaders(t *testing.T) {
	cases, err := readSuite()
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the collected suites are not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	passed, different := 0, 0
	for _, c := range cases {
		id, methods, err := Parse(c.Value)
		if d, listed := deliberate[c.ID]; listed {
			if err == nil {
				t.Errorf("%s is read and need not be listed", c.ID)
			}
			different++
			fmt.Printf("difference authres/headers/%s: %s: %s\n", c.ID, d.section, d.reason)
			continue
		}
		problems := ""
		if err != nil {
			problems = err.Error()
		}
		if c.AuthservID != nil && id != *c.AuthservID {
			problems += " id " + id
		}
		if c.Results != nil {
			problems += cmp.Diff(c.Results, asSuite(methods), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(suiteResult{}, "Properties"))
		}
		if c.Second.Error == "" {
			problems += cmp.Diff(c.Second.Results, asSuite(methods), cmpopts.EquateEmpty())
			if id != c.Second.AuthservID {
				problems += " id " + id
			}
		}
		if problems != "" {
			t.Errorf("%s: %q: %s", c.ID, c.Value, problems)
			continue
		}
		passed++
	}
	fmt.Printf("conformance authres/headers %d %d %d\n", len(cases), passed, different)
	if len(cases) < 37 {
		t.Errorf("the suite has %d cases, want at least 37", len(cases))
	}
}

func asSuite(methods []Method) []suiteResult {
	var all []suiteResult
	for _, m := range methods {
		r := suiteResult{Method: m.Name, Result: m.Result}
		for _, p := range m.Properties {
			r.Properties = append(r.Properties, strings.Join([]string{p.Type, ".", p.Name, "=", p.Value}, ""))
		}
		all = append(all, r)
	}
	return slices.Clip(all)
}
