package oracles

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// casesFile has fields that programs read differently, or did once. A line is a
// field as a Go string and, each after a tab, the domains that programs read in
// it.
const casesFile = "testdata/from.txt"

var updateCases = flag.Bool("update", false, "write what the programs read into "+casesFile)

// fromCase is a line of casesFile.
type fromCase struct {
	field   []byte
	domains []string
}

func readCases(t *testing.T) []fromCase {
	t.Helper()
	text, err := os.ReadFile(casesFile)
	if err != nil {
		t.Fatal(err)
	}
	var cases []fromCase
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		quoted, domains, _ := strings.Cut(lines.Text(), "\t")
		field, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		c := fromCase{field: []byte(field)}
		if domains != "" {
			c.domains = strings.Split(domains, "\t")
		}
		cases = append(cases, c)
	}
	return cases
}

// TestFromCases holds the principle over the cases without the programs.
func TestFromCases(t *testing.T) {
	t.Parallel()
	for _, c := range readCases(t) {
		author := parse(c.field)
		if author.Ambiguous() || !slices.ContainsFunc(c.domains, func(d string) bool { return d != author.Domain }) {
			continue
		}
		t.Errorf("%q: Postvet reads %s, programs %s", c.field, author.Domain, strings.Join(c.domains, " and "))
	}
}

// TestFromCasesRead has the programs read the cases.
func TestFromCasesRead(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the other implementations")
	}
	cases := readCases(t)
	var fields [][]byte
	for _, c := range cases {
		fields = append(fields, c.field)
	}
	answers, err := readings(programs(t), fields)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for i, c := range cases {
		var read []string
		for _, r := range answers[i] {
			for _, d := range r.domains {
				if author := parse(c.field).Domain; d == author || excepted(difference{c.field, author, reading{r.reader, []string{d}}}) == "" {
					read = append(read, d)
				}
			}
		}
		slices.Sort(read)
		read = slices.Compact(read)
		fmt.Fprintf(&file, "%s\t%s\n", strconv.QuoteToASCII(string(c.field)), strings.Join(read, "\t"))
		for _, d := range read {
			if !slices.Contains(c.domains, d) && !*updateCases {
				t.Errorf("%q: a program reads %s, which %s lacks", c.field, d, casesFile)
			}
		}
	}
	if *updateCases {
		if err := os.WriteFile(casesFile, file.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
