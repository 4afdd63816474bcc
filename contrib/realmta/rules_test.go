//go:build linux

package realmta_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// ownRules has one rule of each kind; the recipient selects the rule.
const ownRules = `
[[rule]]
name = "tidy"
to = ["rules-edit@test.example"]
remove_header = ["X-Old", "authentication-results"]
add_header = ["X-Policy: {author} {rule}", "X-Policy-Client: {client}"]

[[rule]]
name = "refuse"
to = ["rules-reject@test.example"]
action = "reject"
code = "554 5.7.9"
text = "{author} is 100% refused ({rule})"

[[rule]]
name = "later"
to = ["rules-tempfail@test.example"]
if = 'dmarc == "fail" and not within(client, "127.0.0.2")'
action = "tempfail"

[[rule]]
name = "vanish"
to = ["rules-discard@test.example"]
action = "discard"

[[rule]]
name = "elsewhere"
to = ["rules-redirect@test.example"]
action = "redirect"
redirect = "rules-elsewhere@test.example"

[[rule]]
name = "to-the-postmaster"
to = ["rules-quarantined@test.example"]
action = "quarantine"
quarantine = "rules-postmaster@test.example"

[[rule]]
name = "mark"
to = ["rules-tag@test.example"]
action = "quarantine"
quarantine = "tag"
text = "{reason}"

[[rule]]
name = "hold"
to = ["rules-hold@test.example"]
action = "quarantine"

[[rule]]
name = "let-in"
to = ["rules-accept@test.example"]
from = ["bank.example"]
action = "accept"
`

const shadowRules = `
[[rule]]
name = "stricter"
from = [".watch.example", "watch.example"]
dmarc = ["fail"]
action = "reject"
`

// TestRules has each action of a rule carried out by the real MTAs.
func TestRules(t *testing.T) {
	onOwn(t, realmta.SiteOptions{Policy: []string{ownRules}, Shadow: shadowRules}, func(t *testing.T, s *realmta.Site) {
		to := func(what string) string { return "rules-" + what + "@" + realmta.Domain }
		deliver := func(author string, rcpts ...string) realmta.Reply {
			t.Helper()
			c := connect(t, s, realmta.Stranger)
			defer c.Quit()
			r, err := c.Send("bounce@"+realmta.Watch, rcpts, mail(author, rcpts[0],
				"X-Old: one", "Authentication-Results: other.example; spf=pass", "x-old: two", "X-Kept: yes",
				"Authentication-Results: "+realmta.AuthservID+"; dmarc=pass", "X-OLD: three"))
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		watch := "ceo@" + realmta.Watch

		// Refusals in the rule's own words.
		ref := regexp.MustCompile(`; ref [0-9A-Z]{13}$`)
		if r := deliver(watch, to("reject")); r.Code != 554 || ref.ReplaceAllString(r.Text, "; REF") != "5.7.9 "+realmta.Watch+" is 100% refused (refuse); REF" {
			t.Errorf("reject: %q", r)
		}
		notDelivered(t, s, to("reject"))
		if r := deliver(watch, to("tempfail")); r.Code != 451 || !strings.HasPrefix(r.Text, "4.7.1 ") || !strings.HasSuffix(ref.ReplaceAllString(r.Text, "; REF"), "(rule later); REF") {
			t.Errorf("tempfail: %q", r)
		}
		notDelivered(t, s, to("tempfail"))

		// The client is told that the message was accepted. Later messages on
		// the same site are delivered after these, so that none of these can be
		// under way then.
		wantReply(t, deliver(watch, to("discard")), 250)
		// A client may write recipients otherwise than the MTA knows them.
		wantReply(t, deliver(watch, to("redirect"), "@route.example:"+to("bystander")), 250)
		wantReply(t, deliver(watch, to("quarantined"), strings.ToUpper(to("postmaster"))), 250)
		wantReply(t, deliver(watch, to("hold")), 250)
		if _, err := realmta.AwaitHeld(t.Context(), s, to("hold")); err != nil {
			t.Error(err)
		}

		// Header edits together with the removal of a field forged in our name.
		wantReply(t, deliver(watch, to("edit")), 250)
		got := delivered(t, s, to("edit"))
		wantResults(t, onTop(t, got), "dmarc=fail")
		var rest []string
		for _, f := range got {
			switch name := strings.ToLower(f.name); name {
			case "x-old", "authentication-results", "x-policy", "x-policy-client", "x-kept":
				rest = append(rest, name+"="+strings.Join(strings.Fields(f.value), " "))
			}
		}
		rest[0], _, _ = strings.Cut(rest[0], "=")
		want := "authentication-results, x-policy-client=127.0.0.66, x-policy=watch.example tidy, x-kept=yes"
		if got := strings.Join(rest, ", "); got != want {
			t.Errorf("the header is %s, want %s", got, want)
		}

		wantReply(t, deliver(watch, to("tag")), 250)
		if got := value(delivered(t, s, to("tag")), "X-Postvet-Quarantine"); !strings.HasPrefix(got, "SPF fail for "+realmta.Watch) {
			t.Errorf("tag %q", got)
		}

		// A rule of the admin overrides p=reject.
		wantReply(t, deliver("ceo@"+realmta.Bank, to("accept")), 250)
		wantResults(t, onTop(t, delivered(t, s, to("accept"))), "dmarc=fail")

		for gone, instead := range map[string]string{"redirect": "elsewhere", "bystander": "", "quarantined": "postmaster", "discard": ""} {
			if instead != "" {
				wantResults(t, onTop(t, delivered(t, s, to(instead))), "dmarc=fail")
			}
			notDelivered(t, s, to(gone))
		}

		// The shadow policy decided nothing, and the log says how it would have
		// decided.
		if n := strings.Count(s.Postvet.Log(), `"shadow":"reject stricter"`); n < 5 {
			t.Errorf("the shadow policy is logged %d times", n)
		}
	})
}

// value returns the value of the first field of a name, unfolded.
func value(fields []field, name string) string {
	for _, f := range fields {
		if strings.EqualFold(f.name, name) {
			return strings.Join(strings.Fields(f.value), " ")
		}
	}
	return ""
}
