package inspect

import "testing"

// TestDMARCAdvice: no record is proposed by which more mail would be refused than before, or
// less kept away.
func TestDMARCAdvice(t *testing.T) {
	t.Parallel()
	const host = "mx.b.example. A 185.0.2.1\n"
	const policies = ": publish the policies, and where reports go\n     "
	const raised = "says ready for p=reject: mail that fails is refused\n     "
	for _, c := range []struct {
		name, domain, zone string
		want, not          []string
	}{
		{
			"a part of the mail", "b.example", "b.example. MX 1 mx.b.example.\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; pct=10; rua=mailto:d@b.example\"",
			[]string{`publish: _dmarc.b.example. TXT "v=DMARC1; p=reject; rua=mailto:d@b.example", but only when all mail may be treated so: receivers that go by RFC 7489 still heed pct=10`, raised + `_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; rua=mailto:d@b.example"`},
			[]string{policies + "_dmarc.b.example. 3600 IN TXT"},
		},
		{
			"a part of the mail, without reports", "b.example", "b.example. MX 1 mx.b.example.\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; sp=none; pct=10\"",
			[]string{
				policies + `_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; sp=none; pct=10; rua=mailto:dmarc@b.example"`,
				"remove pct=10 as well, but only when all mail may be treated so: receivers that go by RFC 7489 still heed it",
				raised + `_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@b.example"`,
			},
			nil,
		},
		{
			"tests without reports", "b.example", "b.example. MX 1 mx.b.example.\n_dmarc.b.example. TXT \"v=DMARC1; p=reject; t=y\"",
			[]string{
				policies + `_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; t=y; rua=mailto:dmarc@b.example"`,
				raised + `_dmarc.b.example. 3600 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@b.example"`,
			},
			nil,
		},
		{
			"nobody who takes reports", "b.example", "b.example. MX 0 .\n_dmarc.b.example. TXT \"v=DMARC1; p=none\"",
			[]string{"add rua= with an address of a domain that takes mail", "when rua= of the DMARC record has an address of a domain that takes mail: read the reports for 14 days"},
			[]string{"days of reports", "_dmarc.b.example. 3600 IN TXT"},
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
