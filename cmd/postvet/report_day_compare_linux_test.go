package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/dmarc/report"
)

// compare compares what the reports say with what was sent.
func (d *reportDay) compare(t *testing.T, documents map[string]string) {
	t.Helper()
	for domain, addresses := range reportDomains {
		for _, a := range addresses {
			got := fed{}
			reading, err := report.Read(strings.NewReader(documents[a]), func(_ *report.Head, r *report.Record) error {
				n, c := got[r.Source.String()], r.Count
				n.Messages += c
				n.Passed += c * oneIf(r.Passed())
				n.DKIM += c * oneIf(r.DKIMAligned)
				n.SPF += c * oneIf(r.SPFAligned)
				n.Rejected += c * oneIf(r.Disposition == report.DispositionReject)
				n.Quarantined += c * oneIf(r.Disposition == report.DispositionQuarantine)
				got[r.Source.String()] = n
				return nil
			})
			if err != nil || reading.Head.Policy.Domain != domain || !reading.Head.Begin.Equal(d.day.Begin()) || !reading.Head.End.Equal(d.day.End()) {
				t.Errorf("%s: %v, %+v", a, err, reading.Head)
			}
			if diff := cmp.Diff(d.fed[domain], got); diff != "" {
				t.Errorf("%s (-sent +reported):\n%s\n%s", a, diff, documents[a])
			}
		}
	}
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// validate holds the documents against RFC 9990 and its schema.
func validate(t *testing.T, documents map[string]string) {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Log("without xmllint the schema is checked by our own check alone; run make xmllint")
	}
	for a, text := range documents {
		if v, err := report.Check(strings.NewReader(text)); err != nil || !v.Valid() || len(v.Problems) > 0 {
			t.Errorf("%s: %v, %+v", a, err, v.Problems)
		}
		if xmllint == "" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), xmllint, "--noout", "--nonet", "--schema", "../../policy/dmarc/report/testdata/dmarc-2.0.xsd", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", a, err, out, text)
		}
	}
}
