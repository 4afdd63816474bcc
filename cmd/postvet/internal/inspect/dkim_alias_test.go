package inspect

import "testing"

// TestKeysInTurn: an alias for a key to come is not to be removed.
func TestKeysInTurn(t *testing.T) {
	t.Parallel()
	const (
		host  = "mx.b.example. A 185.0.2.1\nb.example. MX 1 mx.b.example.\n" + wide
		alias = "selector2._domainkey.b.example. CNAME selector2-b._domainkey.b.provider.test.\n"
		first = "selector1._domainkey.b.example. CNAME selector1-b._domainkey.b.provider.test.\nselector1-b._domainkey.b.provider.test. TXT \"" + rsaKey + "\"\n"
		note  = "note     selector2._domainkey.b.example is an alias (CNAME) of selector2-b._domainkey.b.provider.test, which has no key at present"
		gone  = "remove selector2._domainkey.b.example. 3600 IN CNAME"
	)
	for _, c := range []struct {
		name, zone string
		want, not  []string
	}{
		{"the other one has a key", alias + first, []string{note}, []string{gone, "take-over"}},
		{"no data instead", alias + first + "selector2-b._domainkey.b.provider.test. A 185.0.2.8\n", []string{note}, []string{gone}},
		{"there is no other one", alias, []string{gone, "take-over"}, []string{note}},
		{"the other one is elsewhere", alias + "selector1._domainkey.b.example. CNAME s.else.test.\ns.else.test. TXT \"" + rsaKey + "\"\n", []string{gone}, []string{note}},
		{"the other one has no alias", alias + "selector1._domainkey.b.example. TXT \"" + rsaKey + "\"\n", []string{gone}, []string{note}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPlanned(t, "b.example", host+c.zone, c.want, c.not)
		})
	}
}
