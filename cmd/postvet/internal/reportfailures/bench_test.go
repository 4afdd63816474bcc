package reportfailures

import (
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/reportsending"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/result"
)

// BenchmarkAdd is what a message costs the mail: one that passes, one that is like others,
// and one that begins a report.
func BenchmarkAdd(b *testing.B) {
	settings := Settings{Send: reportsending.All, Known: never, Excluded: never, Own: never, Submitter: "ours.example", PerDestination: 1, Rate: 10, Program: "Postvet/test"}
	res, v := failing(b, "example.com", "192.0.2.1")
	passes := *res
	passes.DMARC.Status, passes.DMARC.DKIMAligned, passes.DMARC.SPFAligned = dmarc.Pass, true, true
	for _, bb := range []struct {
		name string
		res  *result.Results
		once bool
	}{{"pass", &passes, false}, {"like others", res, false}, {"first", res, true}} {
		b.Run(bb.name, func(b *testing.B) {
			g := idle(Options{Settings: settings})
			b.ReportAllocs()
			for b.Loop() {
				g.Add(bb.res, v)
				if bb.once {
					for _, x := range g.open {
						g.remove(x)
					}
				}
			}
		})
	}
}
