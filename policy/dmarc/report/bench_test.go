package report_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dmarc/report"
)

// BenchmarkRead is the cost of a record that is read, in a report of 1000.
func BenchmarkRead(b *testing.B) {
	begin, end := strings.Index(whole, "  <record>"), strings.Index(whole, "</feedback>")
	text := whole[:begin] + strings.Repeat(whole[begin:end], 1000) + whole[end:]
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := report.Read(strings.NewReader(text), func(*report.Head, *report.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
