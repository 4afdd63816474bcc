package dkim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSign(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		opt  SignOptions
		want string // h=, or the error
	}{
		{"5.4 From is oversigned", SignOptions{Domain: "Example.ORG", Selector: "ed", Key: edKey(), SignedFields: []string{"Subject"}}, "From:From:Subject"},
		{"5.4 From as asked", SignOptions{Domain: "example.org", Selector: "ed", Key: edKey(), SignedFields: []string{"From", "To", "From", "From"}}, "From:To:From:From"},
		{"5.4.1 default", SignOptions{Domain: "example.org", Selector: "ed", Key: edKey(), Expires: time.Now().Add(time.Hour), Identity: "@example.org"}, advisedFields},
		{"domain", SignOptions{Domain: "exa mple", Selector: "ed", Key: edKey()}, `dkim: signing: domain "exa mple": dkim: not a domain name`},
		{"selector", SignOptions{Domain: "example.org", Key: edKey()}, `dkim: signing: selector "": dkim: not a domain name`},
		{"key", SignOptions{Domain: "example.org", Selector: "ed"}, "dkim: signing: dkim: no signer specified"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := Sign(&out, strings.NewReader(plain), tt.opt); err != nil {
				if d := cmp.Diff(tt.want, err.Error()); d != "" {
					t.Errorf("error (-want +got):\n%s", d)
				}
				return
			}
			h, _ := splitMessage(out.String())
			s, err := ParseSignature(h[0])
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(strings.ToLower(tt.want), ":"), s.SignedFields); d != "" {
				t.Errorf("h= (-want +got):\n%s", d)
			}
			if got := verify(zoneMap(oracleZone()), out.String(), Options{}); len(got) != 1 || got[0].Status != Pass {
				t.Errorf("verified as %+v", got)
			}
			if got := verify(zoneMap(oracleZone()), "From: evil@example.com\r\n"+out.String(), Options{}); (got[0].Status == Pass) != (strings.Count(tt.want, "From") < 2) {
				t.Errorf("with another From: %+v", got)
			}
		})
	}
}
