package trial

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/addrlist"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/condition"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// kept returns a row as it is read back from a journal.
func kept(t interface{ Fatal(...any) }, r *rows.Row, level rows.Level) *rows.Row {
	var e rows.Encoder
	b := rows.Batch{Level: level, Parts: [][]byte{e.Append(nil, r, level)}, Key: func(time.Time) (*rows.Key, error) { return &rows.Key{1}, nil }}
	var out *rows.Row
	err := b.Each(func(rec *rows.Record) (err error) {
		out, err = rec.Row()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func word[T any](t *rapid.T, name string, words ...T) T {
	return rapid.SampledFrom(words).Draw(t, name)
}

func chance(t *rapid.T, name string, of int) bool { return rapid.IntRange(1, of).Draw(t, name) == 1 }

// someList draws a list of few names and addresses, which may end.
func someList(t *rapid.T, name string, kinds addrlist.Kind, entries ...string) *addrlist.List {
	var some []string
	for _, e := range entries {
		if chance(t, name, 3) {
			some = append(some, e)
		}
	}
	l, err := addrlist.New(kinds, some...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var (
	domains   = []string{"one.example", "two.example", "sub.one.example", "list.example"}
	addresses = []string{"ann@one.example", "bob@one.example", "ann@two.example", "\"a b\"@two.example", "jürgen@two.example"}
)

// drawResults draws what may be found about a message.
func drawResults(t *rapid.T) *result.Results {
	author := word(t, "author", append(domains, "")...)
	res := &result.Results{
		Reference: result.FirstReference(noon) + 77, Arrived: noon.Add(-time.Duration(rapid.IntRange(0, 100).Draw(t, "transfer")) * time.Second),
		Client: result.ClientResult{
			IP: word(t, "ip", "192.0.2.1", "192.0.2.2", ""), Helo: word(t, "helo", "mx.one.example", "x\x1by"), PTR: word(t, "ptr", "mx.one.example", ""),
			Listener: word(t, "listener", "smtpd", ""), Socket: "inet:127.0.0.1:8890",
		},
		MailFrom: word(t, "from", append(addresses, "")...), User: word(t, "user", "", "", "ann", "bob"),
		Author: message.Author{Domain: author}, List: message.List{Post: chance(t, "list", 4), ID: word(t, "list-id", "", "staff.list.example")},
		PartialBody: word(t, "partial", dkim.Policy, dkim.Pass), Size: 1000,
		DMARC: dmarc.Result{
			Status: word(t, "dmarc", dmarc.Pass, dmarc.Fail, dmarc.None, dmarc.TempError), Policy: word(t, "p", dmarc.PolicyReject, dmarc.PolicyQuarantine, dmarc.PolicyNone),
			AuthorDomain: author, RecordDomain: author, OrganizationalDomain: "one.example", ADKIM: dmarc.Relaxed, ASPF: dmarc.Strict,
		},
		IPRev: word(t, "iprev", result.Results{}.IPRev),
	}
	if author == "" {
		res.Author.Problem, res.Author.Absent = "no From field", chance(t, "absent", 2)
	}
	if res.DMARC.Status == dmarc.Fail {
		res.DMARC.Disposition = res.DMARC.Policy
	}
	if res.DMARC.Status == dmarc.TempError && chance(t, "unknown", 2) {
		res.DMARC.Unknown = &dmarc.Unknown{Bogus: chance(t, "bogus", 2), Since: noon.Add(-word(t, "since", time.Hour, 8*time.Hour))}
	}
	status := word(t, "spf", spf.Pass, spf.Fail, spf.SoftFail, spf.TempError, spf.PermError)
	_, domain := message.SplitPath(res.MailFrom)
	res.SPF = []spf.Result{{Identity: spf.HELO, Domain: "mx.one.example", Status: status}, {Identity: spf.MailFrom, Domain: domain, Status: status, Explanation: "ann may not"}}
	for range rapid.IntRange(0, 10).Draw(t, "signatures") % 11 {
		d := word(t, "signer", domains...)
		res.DKIM = append(res.DKIM, dkim.Result{
			Domain: d, Selector: "s", Status: word(t, "dkim", dkim.Pass, dkim.Fail, dkim.TempError), KeyBits: word(t, "bits", 1024, 2048),
			Partial: chance(t, "l", 5), Testing: chance(t, "testing", 5), Identity: word(t, "identity", "@", "ann@") + d, Algorithm: "rsa-sha256",
		})
	}
	if chance(t, "arc", 2) {
		res.ARC = arc.Result{Status: word(t, "arc-status", arc.Pass, arc.Fail, arc.TempError), Instances: 1, Sealers: []arc.Sealer{{
			Instance: 1, Domain: word(t, "sealer", domains...), Recorded: &arc.Recorded{DMARC: word(t, "recorded", "pass", "fail", ""), From: author, DKIM: []string{"one.example"}},
		}}}
	}
	if chance(t, "mx", 3) {
		res.SenderDomains = []result.SenderDomain{{Identity: result.SenderAuthor, Result: mx.Result{Domain: author, Status: word(t, "mx-status", mx.NullMX, mx.TempError)}}}
	}
	for range rapid.IntRange(1, 20).Draw(t, "recipients") {
		res.Recipients = append(res.Recipients, word(t, "rcpt", addresses...))
	}
	if chance(t, "exempt", 8) {
		res.Exempt = word(t, "why", result.ExemptAddress, result.ExemptOriginating)
		res.Signing = &result.Signing{KeyFault: chance(t, "key", 3)}
		res.Signing.Origin = word(t, "origin", "", "login")
	}
	res.DNS.Failed = rapid.IntRange(0, 2).Draw(t, "failed")
	res.DNS.Degraded, res.ExemptUndecided = chance(t, "degraded", 6), chance(t, "undecided", 8)
	return res
}

// drawRules draws the rules of an administrator.
func drawRules(t *rapid.T) rules.Rules {
	demand := func(name string) rules.Demand {
		return word(t, name, rules.DemandMark, rules.DemandReject, rules.DemandQuarantine)
	}
	names := addrlist.Names
	r := rules.Rules{
		Mode: word(t, "mode", rules.Enforce, rules.Enforce, rules.Monitor), DMARC: word(t, "dmarc", rules.DMARCEnforce, rules.DMARCMark),
		Quarantine: word(t, "quarantine", rules.QuarantineHold, rules.QuarantineTag, rules.QuarantineReject), OnDegraded: word(t, "on_degraded", rules.DegradedDefer, rules.DegradedAccept),
		OnTempError: word(t, "on_temperror", rules.TempErrorAccept, rules.TempErrorDefer), OnAmbiguousAuthor: word(t, "ambiguous", rules.AmbiguousReject, rules.AmbiguousAccept),
		SenderDomain: word(t, "sender_domain", rules.SenderDomainOff, rules.SenderDomainReject), OnKeyError: word(t, "key_error", rules.KeyErrorDefer, rules.KeyErrorUnsigned),
		Trust: rules.Trust{
			Forwarders: someList(t, "forwarders", names|addrlist.Addresses|addrlist.Signers, "192.0.2.1", "mx.one.example"), Sealers: someList(t, "sealers", names, "list.example"),
			MailingLists: word(t, "lists", rules.MailingListsStrict, rules.MailingListsAccept),
		},
		Local: rules.Local{
			SPFFail: demand("fail"), SPFSoftfail: demand("softfail"), OnOwnDomain: demand("own"), OwnDomains: someList(t, "own-domains", names, "one.example"),
			OnUnsigned: demand("unsigned"), SigningDomains: someList(t, "signing", names, "two.example"),
		},
		Modes: rules.Modes{MonitorRecipients: someList(t, "monitored", names, "one.example", "two.example"), EnforceDomains: someList(t, "enforced", names, "two.example")},
	}
	conditions := []string{
		`mail_from == "ann@one.example"`, `"ann@one.example" in rcpts`, `len(rcpts) > 2`, `"one.example" in rcpt_domains and dmarc == "fail"`, `user == "ann"`, `authenticated`,
		`any(signatures, .identity startsWith "ann@")`, `"two.example" in signers and not list`, `dmarc == "fail" and mail_from startsWith "bob"`, `mail_from_domain == "two.example"`,
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "rules") {
		rule := rules.Rule{
			Name: fmt.Sprint("own-", i), Action: word(t, "action", "", result.Accept, result.Reject, result.Quarantine, result.TempFail, result.Discard, result.Redirect),
			RedirectTo: "abuse@one.example", Monitor: chance(t, "rule-monitor", 5), Outbound: chance(t, "outbound", 5),
		}
		if chance(t, "with-if", 2) {
			c, err := condition.Compile(word(t, "if", conditions...), condition.Options{})
			if err != nil {
				t.Fatal(err)
			}
			rule.If = c
		} else {
			k, _ := condition.KeyNamed(word(t, "key", "mail_from", "to"))
			test, problem, _ := condition.NewTest(k, []string{word(t, "entry", "one.example", "ann@one.example", "!two.example", "!ann@two.example")}, condition.Lists{})
			if problem != "" {
				t.Fatal(problem)
			}
			rule.Tests = append(rule.Tests, test)
		}
		r.Custom = append(r.Custom, rule)
	}
	return r
}

// TestReplayIsRight shows of all kinds of messages, rules and levels of privacy that the same
// rules change nothing, and that what other rules are said to do is what they do.
func TestReplayIsRight(t *testing.T) {
	t.Parallel()
	unknown, known, changed := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		res, then, next := drawResults(t), drawRules(t), drawRules(t)
		if then.SenderDomain == rules.SenderDomainOff {
			res.SenderDomains = nil
		}
		verdict, early := then.Decide(res), false
		if chance(t, "early", 4) {
			then.Local.SPFEarly = true
			if v, refused := then.Early(atRecipient(res)); refused && res.Exempt == "" && chance(t, "in time", 2) {
				res, verdict, early = atRecipient(res), v, true
			}
		}
		row := &rows.Row{Ref: res.Reference, Recipients: len(res.Recipients), Early: early, Results: res, Verdict: &verdict}
		level := word(t, "level", rows.Domains, rows.Hashed, rows.Addresses)
		got := kept(t, row, level)
		other := []string{}
		if then.SenderDomain == rules.SenderDomainOff {
			other = append(other, keySenderDomain)
		}
		judge := func(by rules.Rules, others []string) (Outcome, bool) {
			o := &Recorded{After: &by, Then: func(context.Context, int64, time.Time) Then {
				return Then{Known: true, Other: others, Early: then.Local.SPFEarly, SameEarly: true}
			}}
			return o.row(context.Background(), got, &newTally().history)
		}
		if out, differs := judge(then, nil); differs {
			t.Errorf("level %s: the same rules do something else: %s, then %s", level, out.After, out.Before)
		}
		out, _ := judge(next, other)
		if out.After.Action == Unknown {
			unknown++
			return
		}
		known++
		want := next.Decide(res)
		if early {
			want, _ = next.Early(res)
		}
		if out.After.Action != want.Action || out.After.Intended != want.Intended || out.After.RedirectTo != want.RedirectTo {
			t.Fatalf("level %s: other rules do %s, said is %s (lacks %v)", level, short(want), out.After, out.Unknown)
		}
		if want.Action != verdict.Action {
			changed++
		}
	})
	t.Logf("%d known, %d of them changed, %d unknown", known, changed, unknown)
	if !testing.Short() && (known < 5 || unknown < 5 || changed == 0) {
		t.Errorf("too few kinds of messages: %d known, %d of them changed, %d unknown", known, changed, unknown)
	}
}
