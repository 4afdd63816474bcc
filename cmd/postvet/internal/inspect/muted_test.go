package inspect

import "testing"

// TestMuted: a domain that takes no mail may send some. It is told to forbid all mail only
// where nothing speaks against it.
func TestMuted(t *testing.T) {
	t.Parallel()
	const forbidden, refused = `"v=spf1 -all"`, `"v=DMARC1; p=reject"`
	for _, c := range []struct {
		name, zone string
		want, not  []string
	}{
		{"nothing sends", "b.example. MX 0 .", []string{"publish: b.example. TXT " + forbidden, "publish: _dmarc.b.example. TXT " + refused}, nil},
		{"all keys are revoked", "b.example. MX 0 .\n*._domainkey.b.example. TXT \"v=DKIM1; p=\"", []string{forbidden, refused}, nil},
		{
			"a key signs", "b.example. MX 0 .\ngoogle._domainkey.b.example. TXT \"v=DKIM1; " + rsaKey + "\"",
			[]string{"list the hosts that send", "publish a record at _dmarc.b.example with p=none"},
			[]string{forbidden, refused},
		},
		{
			"a key that nobody named", "b.example. MX 0 .\nx2031._domainkey.b.example. TXT \"v=DKIM1; " + rsaKey + "\"",
			[]string{"list the hosts that send"},
			[]string{forbidden, refused},
		},
		{"keys that cannot be looked up", "b.example. MX 0 .\n$FAULT _domainkey.b.example TXT SERVFAIL", []string{"list the hosts that send"}, []string{forbidden, refused}},
		{
			"no MX and no address", "b.example. TXT hello\nx2031._domainkey.b.example. TXT \"v=DKIM1; " + rsaKey + "\"",
			[]string{"list the hosts that send"},
			[]string{forbidden},
		},
		{
			"an empty record", "b.example. MX 1 mx.b.example.\nmx.b.example. A 185.0.2.1\nb.example. TXT \"v=spf1\"",
			[]string{`publish: b.example. TXT "v=spf1 mx ~all" with the other hosts that send; later -all`},
			[]string{`"v=spf1 ~all"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPrinted(t, "b.example", c.zone+"\n", c.want, c.not)
		})
	}
}
