package config

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// TestRecipes: contrib/rules.toml is valid. Each of its rules does what its remark
// says, and only to the mail that it is meant for.
func TestRecipes(t *testing.T) {
	t.Parallel()
	c, err := Default().Overlay("../../../../contrib/rules.toml")
	if err != nil {
		t.Fatal(err)
	}
	c.Policy.OnReject = rules.RejectAlways // the results have no evidence
	fail := dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyReject, Disposition: dmarc.PolicyReject}
	meant := map[string]*result.Results{
		"broken-partner accept":                      {Author: message.Author{Domain: "a.partner.example"}, Client: result.ClientResult{IP: "192.0.2.7"}, DMARC: fail, MailFrom: "x@y.example"},
		"forged-often reject 550 5.7.1":              {Author: message.Author{Domain: "bank.example"}, MailFrom: "x@y.example"},
		"billing-to-review redirect":                 {Author: message.Author{Domain: "a.example"}, DMARC: fail, Recipients: []string{"Billing@example.org"}, MailFrom: "x@y.example"},
		"no-reply-bounces reject 550 5.7.1":          {Author: message.Author{Domain: "a.example"}, Recipients: []string{"noreply@example.org"}},
		"dmarc-reject reject 550 5.7.26":             {Author: message.Author{Domain: "partner.example"}, Client: result.ClientResult{IP: "198.51.100.1"}, DMARC: fail, MailFrom: "x@y.example"},
		"no-policy accept weak-keys +X-Weak-Key":     {Author: message.Author{Domain: "a.example"}, DKIM: []dkim.Result{{Status: dkim.Pass, Algorithm: "rsa-sha256", KeyBits: 1024}}, MailFrom: "x@y.example"},
		"no-policy accept nameless":                  {Author: message.Author{Domain: "a.example"}, Client: result.ClientResult{Helo: "[192.0.2.7]"}, IPRev: iprev.Result{Status: iprev.PermError}, MailFrom: "x@y.example"},
		"no-policy accept -X-Spam-Flag -X-Spam-Flag": {Author: message.Author{Domain: "a.example"}, Header: message.Header{message.NewField("x-spam-flag", " no"), message.NewField("X-Spam-Flag", " no")}, MailFrom: "x@y.example"},
		"temperror accept":                           {Author: message.Author{Domain: "bank.example"}, DMARC: dmarc.Result{Status: dmarc.TempError}, MailFrom: "x@y.example"},
	}
	for want, res := range meant {
		v := c.Rules("mx.example.org").Decide(res)
		got := v.Rule + " " + strings.TrimSpace(string(v.Action)+" "+v.Code)
		for _, m := range v.Matched {
			if m.Rule != v.Rule && m.Rule != "foreign-marks" {
				got += " " + m.Rule
			}
		}
		for _, f := range v.Insert {
			if !f.Is(result.ResultsField) {
				got += " +" + f.Name
			}
		}
		for _, r := range v.Remove {
			got += " -" + r.Name
		}
		if got != want || len(v.Faults) > 0 {
			t.Errorf("got %q, want %q; %q", got, want, v.Faults)
		}
	}
}
