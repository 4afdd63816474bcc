package filter

import (
	"testing"

	"github.com/postvet/postvet/filter/milter/miltertest"
)

// BenchmarkAdapter is this package with a policy that does nothing.
func BenchmarkAdapter(b *testing.B) {
	r := startUnix(b, &fake{quiet: true}, Options{OnMessage: func(Decision) {}})
	miltertest.Bench(b, r.dial)
}
