package inspect

import "testing"

// TestWildcards: a record at a name, or below it, ends what a wildcard says of the name (RFC
// 4592 section 2.2.1). None is proposed that would take mail away so.
func TestWildcards(t *testing.T) {
	t.Parallel()
	const (
		host = "mx.b.example. A 185.0.2.1\nb.example. MX 1 mx.b.example.\n" + wide
		ends = `and beside it for sub.b.example all records that it has of the wildcard *.b.example`
	)
	for _, c := range []struct {
		name, domain, zone string
		want, not          []string
	}{
		{
			"mail by a wildcard", "sub.b.example", host + "*.b.example. MX 1 mx.b.example.",
			[]string{`publish: sub.b.example. TXT "v=spf1 mx ~all", ` + ends, "publish: _smtp._tls.sub.b.example. TXT", ends},
			[]string{"sub.b.example. 3600 IN"},
		},
		{
			"an address by a wildcard", "sub.b.example", host + "*.b.example. A 185.0.2.9",
			[]string{`publish: sub.b.example. TXT "v=spf1 a ~all", ` + ends},
			[]string{"sub.b.example. 3600 IN"},
		},
		{
			"a name of its own beside a wildcard", "sub.b.example", host + "*.b.example. MX 1 mx.b.example.\nsub.b.example. MX 1 mx.b.example.",
			[]string{"sub.b.example. 3600 IN TXT \"v=spf1 mx ~all\""},
			[]string{ends},
		},
		{
			"a wildcard of other records", "sub.b.example", host + "*.b.example. TXT hello\nsub.b.example. MX 1 mx.b.example.",
			[]string{"sub.b.example. 3600 IN TXT \"v=spf1 mx ~all\""},
			[]string{ends},
		},
		{
			"an alias of all names that leads nowhere", "b.example", "mx.b.example. A 185.0.2.1\nb.example. MX 1 mx.b.example.\n*.b.example. CNAME gone.test.",
			[]string{
				"error    *.b.example is an alias (CNAME) of gone.test, which does not exist: whoever gets hold of that name says what receivers do with mail of b.example",
				"can sign as b.example", "remove the CNAME at *.b.example", "remove *.b.example. 3600 IN CNAME",
			},
			[]string{"_dmarc.b.example. 3600 IN CNAME", "_dmarc.b.example is an alias", "*._domainkey.b.example"},
		},
		{
			"an alias of one name beside another of all", "b.example", "mx.b.example. A 185.0.2.1\nb.example. MX 1 mx.b.example.\n*.b.example. CNAME mx.b.example.\n_dmarc.b.example. CNAME gone.test.",
			[]string{"error    _dmarc.b.example is an alias (CNAME) of gone.test", "remove _dmarc.b.example. 3600 IN CNAME"},
			[]string{"*.b.example. 3600 IN CNAME"},
		},
		{
			"the organization itself", "b.example", host + "*.b.example. MX 1 mx.b.example.\n*.b.example. A 185.0.2.9",
			[]string{"b.example. 3600 IN TXT \"v=spf1 mx ~all\""},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantPlanned(t, c.domain, c.zone+"\n", c.want, c.not)
		})
	}
}
