package rows

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/policy/result"
)

// TestHider takes from a row what names its client, and nothing else.
func TestHider(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ ip, network string }{
		"IPv4": {"192.0.2.17", "192.0.2.0/24"},
		"IPv6": {"2001:db8:1:2::17", "2001:db8:1::/48"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := refused()
			res, v := row.Results, row.Verdict
			res.Client.IP, res.Client.Helo, res.Client.PTR, res.IPRev.Name = x.ip, "desktop-7.home.example", "dsl-17.isp.example", "dsl-17.isp.example"
			res.IPRev.Reason = "dsl-17.isp.example has another address"
			res.SPF[0].Domain, res.SPF[0].Reason = "desktop-7.home.example", "desktop-7.home.example publishes no SPF record"
			res.SPF[1].Explanation, res.SPF[1].Reason, res.SPF[1].Mechanism = "see http://why.example/17.2.0.192", "the client "+x.ip+" is not listed", "ip4:"+x.ip
			res.DMARC.Reason = "SPF did not pass (fail for desktop-7.home.example); no DKIM signature"
			v.Overrides = []result.Override{{Reason: "local_policy", By: "client " + x.ip, Text: "dsl-17.isp.example is trusted"}}
			v.Text = "The client " + x.ip + " (dsl-17.isp.example) may not send: see http://why.example/17.2.0.192"
			v.Sentence = "The client " + x.ip
			_, rec := kept(t, row, Hashed)
			before := rec
			for i := range before {
				before[i].Octets = slices.Clone(rec[i].Octets)
			}
			var h Hider
			if changed, err := h.Hide(&rec); !changed || err != nil {
				t.Fatalf("Hide: %t, %v", changed, err)
			}
			if got := string(rec[ColClient].Octets); got != x.network {
				t.Errorf("the client is %s, want %s", got, x.network)
			}
			for c := range Columns {
				if c != ColClient && c != ColHelo && c != ColOverride && c != ColFacts && (rec[c].Int != before[c].Int || !bytes.Equal(rec[c].Octets, before[c].Octets)) {
					t.Errorf("column %s is changed", c)
				}
			}
			got, err := rec.Row()
			if err != nil {
				t.Fatal(err)
			}
			got.Explain()
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{x.ip, "desktop-7", "dsl-17", "17.2.0.192", "198.51.100.7"} {
				if bytes.Contains(text, []byte(secret)) || bytes.Contains(rec[ColOverride].Octets, []byte(secret)) || bytes.Contains(rec[ColHelo].Octets, []byte(secret)) {
					t.Errorf("%q is still there: %s", secret, text)
				}
			}
			old, err := before.Row()
			if err != nil {
				t.Fatal(err)
			}
			if !got.Cut || got.Results.ARC.Sealers[0].Recorded.RemoteIP != "198.51.100.0/24" {
				t.Errorf("cut %t, sealer %+v", got.Cut, got.Results.ARC.Sealers[0].Recorded)
			}
			if diff := cmp.Diff(old.Results.DKIM, got.Results.DKIM); diff != "" || !got.Results.Arrived.Equal(old.Results.Arrived) || got.Results.DMARC.Policy != old.Results.DMARC.Policy || got.Verdict.Rule != old.Verdict.Rule {
				t.Errorf("other facts differ: %s", diff)
			}
			facts := bytes.Clone(rec[ColFacts].Octets)
			rec[ColFacts].Octets = bytes.Clone(facts)
			if changed, err := h.Hide(&rec); changed || err != nil {
				t.Errorf("Hide of what is hidden: %t, %v", changed, err)
			}
			q := Query{Client: netip.MustParsePrefix(x.network)}
			if !q.Selects(&rec, nil) {
				t.Error("the row is not found by its network")
			}
			if q.Client = netip.PrefixFrom(netip.MustParseAddr(x.ip), netip.MustParseAddr(x.ip).BitLen()); q.Selects(&rec, nil) {
				t.Error("the row is found by the address that it does not have")
			}
		})
	}
}

// TestHiderKeepsDomains has a client whose name is the domain of the message.
func TestHiderKeepsDomains(t *testing.T) {
	t.Parallel()
	row := accepted()
	row.Results.Client.Helo = "example.org"
	row.Results.SPF[0].Domain = "example.org"
	_, rec := kept(t, row, Hashed)
	var h Hider
	if changed, err := h.Hide(&rec); !changed || err != nil {
		t.Fatalf("Hide: %t, %v", changed, err)
	}
	got, err := rec.Row()
	if err != nil || got.Results.DMARC.AuthorDomain != "example.org" || got.Results.DMARC.Reason != "DKIM of example.org" || got.Results.SPF[0].Domain != "example.org" {
		t.Errorf("%+v, %v", got.Results.DMARC, err)
	}
}
