package trial

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/dkim"
)

// TestSecondOpinion compares results of go-msgauth with possible results of ours.
func TestSecondOpinion(t *testing.T) {
	t.Parallel()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, r := dnstest.Start(t, `ed._domainkey.good.example. TXT "v=DKIM1; k=ed25519; p=`+base64.StdEncoding.EncodeToString(public)+`"`)
	var signed bytes.Buffer
	if err := msgauth.Sign(&signed, strings.NewReader("From: a@good.example\r\n\r\nHello.\r\n"), &msgauth.SignOptions{Domain: "good.example", Selector: "ed", Signer: key}); err != nil {
		t.Fatal(err)
	}
	pass, fail := []dkim.Result{{Status: dkim.Pass}}, []dkim.Result{{Status: dkim.Fail}}
	bodyFails := "dkim: body hash did not verify"
	for _, c := range []struct {
		name, mail string
		ours       []dkim.Result
		want       []dkim.Opinion
	}{
		{"both pass", signed.String(), pass, []dkim.Opinion{{Domain: "good.example", Result: "pass", Agrees: true}}},
		{"only ours fails", signed.String(), fail, []dkim.Opinion{{Domain: "good.example", Result: "pass"}}},
		{"both fail", signed.String() + "more\r\n", fail, []dkim.Opinion{{Domain: "good.example", Result: "fail", Reason: bodyFails, Agrees: true}}},
		{"only ours passes", signed.String() + "more\r\n", pass, []dkim.Opinion{{Domain: "good.example", Result: "fail", Reason: bodyFails}}},
		{"unsigned", "From: a@good.example\r\n\r\nHello.\r\n", nil, []dkim.Opinion{}},
	} {
		var b limitedBuffer
		b.WriteString(c.mail)
		if d := cmp.Diff(c.want, b.opinions(t.Context(), r, c.ours)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}

	var large limitedBuffer
	chunk := make([]byte, 1<<20)
	for range maxSecondOpinion>>20 + 2 {
		_, _ = large.Write(chunk)
	}
	if got := large.opinions(t.Context(), r, pass); large.Len() != maxSecondOpinion+1 || len(got) != 1 || !strings.Contains(got[0].Reason, "larger than 64 MB") {
		t.Errorf("%d octets kept, %+v", large.Len(), got)
	}
}
