package addrlist

import (
	"strings"
	"testing"
)

func TestMailboxes(t *testing.T) {
	t.Parallel()
	m := NewMailboxes("DMARC@example.net", "dmarc@xn--bcher-kva.example", "a.b+c@example.net")
	for path, want := range map[string]bool{
		"dmarc@example.net":                true,
		"<Dmarc@EXAMPLE.net>":              true,
		"@relay.example:dmarc@example.net": true,
		"dmarc@example.net.":               true,
		`"dmarc"@example.net`:              true,
		`"dm\arc"@example.net`:             true,
		"dmarc@bücher.example":             true,
		"dmarc@BÜCHER.example":             true,
		"a.b+c@example.net":                true,
		"a.b@example.net":                  false,
		"dmarc@example.org":                false,
		"dmarc@sub.example.net":            false,
		"dmarc":                            false,
		"":                                 false,
		"@":                                false,
		`"`:                                false,
		`"\`:                               false,
		`"dmarc@example.net`:               false,
		strings.Repeat("a", 5000) + "@example.net":    false,
		strings.Repeat("a", 315) + "@example.net":     false,
		"dmarc@" + strings.Repeat("ü", 300):           false,
		"dmarc@" + strings.Repeat("example.net.", 26): false,
	} {
		if got := m.Has(path); got != want {
			t.Errorf("Has(%q) = %v", path, got)
		}
	}
	if NewMailboxes().Has("dmarc@example.net") || (*Mailboxes)(nil).HasDomain("example.net") {
		t.Error("an empty set has an address")
	}
}

func TestMailboxesCostNoAllocation(t *testing.T) {
	m := NewMailboxes("dmarc@example.net")
	for _, path := range []string{"Ann@example.net", "dmarc@example.net", "someone@elsewhere.example"} {
		if n := testing.AllocsPerRun(100, func() { m.Has(path) }); n != 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

func FuzzMailboxes(f *testing.F) {
	m := NewMailboxes("dmarc@example.net")
	for _, s := range []string{"dmarc@example.net", `"d\m"@x`, "@a:b@c", "\xff@\xfe", "a@b@c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if m.Has(path) && !strings.Contains(strings.ToLower(path), "@") {
			t.Errorf("%q has no domain", path)
		}
	})
}
