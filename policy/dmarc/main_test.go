package dmarc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evaluate looks up and aligns the domains in sequence.
func evaluate(ctx context.Context, r Resolver, author string, o Options, spf Identifier, dkim []Identifier) Result {
	return LookupAuthor(ctx, r, author, o).Evaluate(spf, dkim, func(domain string) Organization {
		return LookupOrganization(ctx, r, domain, o)
	})
}

// readCorpus reads a file of the public conformance data, which is not part of
// the repository.
func readCorpus(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("POSTVET_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpora")
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("conformance data not there (set POSTVET_CORPORA): %v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// corpusZone is a zone in the format of the conformance data.
type corpusZone map[string]map[string][]any

// text returns the zone as master-file text, with the errors as faults.
func (z corpusZone) text(errors map[string]string) string {
	var b strings.Builder
	for name, types := range z {
		for typ, values := range types {
			for _, v := range values {
				switch typ {
				case "TXT":
					fmt.Fprintf(&b, "%s. TXT %s\n", name, quoteTXT(v))
				case "MX":
					if p := v.([]any); p[1] != nil {
						fmt.Fprintf(&b, "%s. MX %v %s.\n", name, p[0], p[1])
					}
				case "A", "AAAA":
					if s, ok := v.(string); ok {
						fmt.Fprintf(&b, "%s. %s %s\n", name, typ, s)
					}
				}
			}
		}
	}
	for at, fault := range errors {
		name, typ, _ := strings.Cut(at, "/")
		fmt.Fprintf(&b, "$FAULT %s %s %s\n", name, typ, fault)
	}
	return b.String()
}

// quoteTXT returns a string or a list of strings as the data of a TXT record.
func quoteTXT(v any) string {
	parts, ok := v.([]any)
	if !ok {
		parts = []any{v}
	}
	var out []string
	for _, part := range parts {
		s := part.(string)
		for first := true; first || s != ""; first = false {
			n := min(len(s), 255)
			var q strings.Builder
			for i := range n {
				if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
					fmt.Fprintf(&q, "\\%03d", c)
				} else {
					q.WriteByte(c)
				}
			}
			out = append(out, `"`+q.String()+`"`)
			s = s[n:]
		}
	}
	return strings.Join(out, " ")
}

// conformance prints the line of a suite. It fails the test if a case neither
// passes nor is a known difference.
func conformance(t *testing.T, suite string, cases, passed int, differences map[string]string) {
	t.Helper()
	fmt.Printf("conformance dmarc/%s %d %d %d\n", suite, cases, passed, len(differences))
	for id, why := range differences {
		fmt.Printf("difference dmarc/%s/%s: %s\n", suite, id, why)
	}
	if cases == 0 || passed+len(differences) != cases {
		t.Errorf("%s: %d cases, %d passed, %d known differences", suite, cases, passed, len(differences))
	}
}
