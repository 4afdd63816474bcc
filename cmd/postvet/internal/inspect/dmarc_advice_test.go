package inspect

import "testing"

// TestDMARCAdvice: no record is proposed by which more mail would be refused than before, or
// less kept away.
func TestDMARCAdvice(t *testing.T) {
	t.Parallel()
	const host = "mx.b.example. A 185.0.2.1\n"
	for _, c := range []struct {
		name, domain, zone string
		want, not          []string
	}{
		{
			"a part of the mail", "b.example", "b.example. MX 1 mx.b.example.\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; pct=10; rua=mailto:d@b.example\"",
			[]string{`publish: _dmarc.b.example. TXT "v=DMARC1; p=reject; rua=mailto:d@b.example", but only when all mail may be treated so: receivers that go by RFC 7489 still heed pct=10`},
			[]string{"_dmarc.b.example. 3600 IN TXT"},
		},
		{
			"all of the mail", "b.example", "b.example. MX 1 mx.b.example.\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; pct=100; rua=mailto:d@b.example\"",
			[]string{`_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; rua=mailto:d@b.example"`},
			[]string{"RFC 7489"},
		},
		{
			"an alias that leads nowhere, below a strict policy", "sub.b.example", wide + "sub.b.example. MX 1 mx.b.example.\n_dmarc.sub.b.example. CNAME gone.test.",
			[]string{"remove _dmarc.sub.b.example. 3600 IN CNAME"},
			[]string{"_dmarc.sub.b.example. 3600 IN TXT", "p=none"},
		},
		{
			"an alias that leads nowhere, without a policy", "sub.b.example", "sub.b.example. MX 1 mx.b.example.\n_dmarc.sub.b.example. CNAME gone.test.",
			[]string{`_dmarc.sub.b.example. 3600 IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@sub.b.example"`},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPlanned(t, c.domain, host+c.zone+"\n", c.want, c.not)
		})
	}
}
