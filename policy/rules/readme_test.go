package rules_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/rules"
)

var (
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	replyCode = regexp.MustCompile(`\b[45]\d\d [45]\.\d+\.\d+\b`)
)

// spans returns what stands in backquotes.
func spans(text string) []string {
	var list []string
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// The README has two tables: the steps that may end a message before DMARC, and
// the others. A row names one step, or several by their rules, with all their keys
// and reply codes.
func TestReadmeHasTheSteps(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## What leads to what\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the README has no section \"What leads to what\"")
	}
	steps, table := rules.Steps(), 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		switch {
		case len(cells) != 6 || strings.HasPrefix(cells[1], "---"):
			continue
		case strings.TrimSpace(cells[1]) == "rule":
			table++
			continue
		}
		names := spans(cells[1])
		row := steps[:min(max(len(names), 1), len(steps))]
		steps = steps[len(row):]
		var rule, codes, keys []string
		for _, s := range row {
			if s.Rule != "" {
				rule = append(rule, s.Rule)
			}
			for _, c := range s.Codes {
				codes = append(codes, c.Reply)
			}
			keys = append(keys, s.Keys...)
			if want := map[bool]int{true: 1, false: 2}[s.Part < rules.PartDMARC]; table != want {
				t.Errorf("%q stands in table %d, want %d", s.When, table, want)
			}
		}
		for what, pair := range map[string][2][]string{
			"rules": {rule, names}, "codes": {codes, replyCode.FindAllString(cells[3], -1)}, "keys": {keys, spans(cells[4])},
		} {
			for i := range pair {
				slices.Sort(pair[i])
				pair[i] = slices.Compact(pair[i])
			}
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Errorf("%s of the row%s (-steps +README):\n%s", what, cells[2], diff)
			}
		}
	}
	if len(steps) > 0 || table != 2 {
		t.Errorf("%d tables, which lack %+v", table, steps)
	}
}
