package page

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/finding"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// TestTLSA: the data of a record that is too long for a line stands in parentheses, as a
// zone file may have it (RFC 1035 section 5.1), and stays the same.
func TestTLSA(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("0123456789abcdef", 4)
	var list finding.List
	list.Error("another key", "publish: _25._tcp.mx.example.org. TLSA 3 1 1 "+data+", and wait")
	var b bytes.Buffer
	p := New(&b, layout.Screen{Width: 60})
	p.Findings("", list)
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `  error    another key
           -> publish: _25._tcp.mx.example.org. TLSA 3 1 1 (
                0123456789abcdef0123456789abcdef0123456789
                abcdef0123456789abcdef )
              and wait
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	// Where a program reads, it stays on one line.
	b.Reset()
	p = New(&b, layout.Screen{})
	p.Findings("", list)
	if err := p.Flush(); err != nil || !strings.Contains(b.String(), "TLSA 3 1 1 "+data+",") {
		t.Errorf("%s %v", b.String(), err)
	}
}
