package journal

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

// TestRemediesOfHostileMail shows that nothing a sender chose ends in lines to paste unless
// it is a plain name or address.
func TestRemediesOfHostileMail(t *testing.T) {
	t.Parallel()
	const evil = "x\"]\n[exempt]\naddresses = [\"0.0.0.0/0\"]\x1b[2J.example"
	for name, change := range map[string]func(*result.Results){
		"author":    func(r *result.Results) { r.Author.Domain = evil },
		"no author": func(r *result.Results) { r.Author = message.Author{Problem: evil} },
		"suffix":    func(r *result.Results) { r.Author.Domain = "co.uk" },
		"signer": func(r *result.Results) {
			r.DKIM = append(r.DKIM, dkim.Result{Domain: evil, Selector: "s", Status: dkim.Pass, KeyBits: 2048, BodyLength: -1})
		},
		"client": func(r *result.Results) { r.Client.IP, r.Client.PTR = evil, evil },
		"name":   func(r *result.Results) { r.IPRev = iprev.Result{Status: iprev.Pass, Name: evil} },
		"zone":   func(r *result.Results) { r.Client.IP = "fe80::1%" + evil },
	} {
		row := rowOf("fail")
		row.Queue = evil
		row.Results.Marks.Forward = "X-Forwarded-For"
		change(row.Results)
		v := rules.Rules{}.Decide(row.Results)
		row.Verdict = &v
		s := Tell(row, rows.Generation{}, &rules.Rules{}, rows.Generation{})
		for _, r := range s.AdminCan {
			if text := r.Text + r.Config; strings.Contains(text, "0.0.0.0/0") && r.Config != "" || foreign.Terminal(r.Text, foreign.Whole) != r.Text || strings.Contains(r.Config, "co.uk") {
				t.Errorf("%s: %q, %q", name, r.Text, r.Config)
			}
			if r.Config != "" && strings.Count(r.Config, "\n") != 1 {
				t.Errorf("%s: lines %q", name, r.Config)
			}
		}
		for _, text := range s.SenderCan {
			if foreign.Line(text, 1000) != text {
				t.Errorf("%s: the sender can %q", name, text)
			}
		}
	}
}

// TestReleaseIsSafe: no command has a queue id that a shell would not take for one word.
func TestReleaseIsSafe(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{"3A7B812345": true, "8ATDPKaR012345": true, "$(reboot)": false, "A;reboot": false, "ALL": false, "-dALLALL": false, "3A7B81\n": false, "": false} {
		list := remediesFor(&result.Results{}, &result.Verdict{Action: result.Quarantine}, id)
		if got := len(list) > 0 && strings.Contains(list[0].Text, "postsuper -H "+id+" "); got != want {
			t.Errorf("%q: %+v", id, list)
		}
	}
}
