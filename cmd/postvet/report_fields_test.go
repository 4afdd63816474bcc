package main

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reports/setup"
	"github.com/postvet/postvet/cmd/postvet/internal/sources"
)

// TestReportFields has the help of each command, of which its man page is made, name each
// key of its JSON.
func TestReportFields(t *testing.T) {
	t.Parallel()
	root := newRoot(nil)
	for command, value := range map[string]any{
		"report list": reportRow{}, "report show": sentJSON{}, "report preview": documentJSON{}, "report send": plannedRow{},
		"report suppress list": suppressionJSON{}, "report check": checkLine{}, "report check ": setup.Report{},
		"report received": receivedLine{}, "report sources": sources.Summary{}, "report sources ": sources.Source{}, "report  sources": sources.Readiness{},
	} {
		c, _, err := root.Find(strings.Fields(command))
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range jsonKeys(reflect.TypeOf(value)) {
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(c.Long) {
				t.Errorf("the help of %s does not name %s", c.CommandPath(), key)
			}
		}
	}
}

// jsonKeys returns the keys of a struct's JSON, with those of what it embeds.
func jsonKeys(of reflect.Type) (keys []string) {
	for _, f := range reflect.VisibleFields(of) {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}
