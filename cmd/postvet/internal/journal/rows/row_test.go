package rows

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/judgement"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/sign"
	"github.com/postvet/postvet/policy/spf"
)

var at = time.Date(2026, 11, 29, 10, 20, 30, 456e6, time.UTC)

// refused returns the row of a message that its author's domain has refused.
func refused() *Row {
	res := &result.Results{
		Reference: result.FirstReference(at) + 77,
		Client:    result.ClientResult{IP: "192.0.2.1", Helo: "mx.example.net", PTR: "mx.example.net", Listener: "smtpd", TLS: "TLSv1.3", Socket: "unix:/run/postvet/postvet.sock"},
		IPRev:     iprev.Result{Status: "pass", Name: "mx.example.net"},
		SPF: []spf.Result{
			{Identity: spf.HELO, Domain: "mx.example.net", Status: "none", Reason: "no SPF record"},
			{Identity: spf.MailFrom, Domain: "example.net", Status: "pass", Mechanism: "ip4:192.0.2.0/24", Lookups: 1},
		},
		DKIM: []dkim.Result{
			{Domain: "example.org", Selector: "s1", Algorithm: "rsa-sha256", Status: "fail", Reason: "the body was changed", Failure: "body", KeyBits: 2048, Identity: "@example.org", Signature: "dGVzdA==", BodyLength: -1},
			{Domain: "example.net", Selector: "k", Algorithm: "ed25519-sha256", Status: "pass", KeyBits: 256, Identity: "@example.net", Signature: "YWJjZA==", BodyLength: -1},
		},
		ARC: arc.Result{Status: "pass", Instances: 1, Sealers: []arc.Sealer{{
			Instance: 1, Domain: "list.example", Selector: "arc",
			Recorded: &arc.Recorded{DMARC: "pass", From: "example.org", DKIM: []string{"example.org"}, RemoteIP: "198.51.100.7"},
		}}},
		DMARC: dmarc.Result{
			Status: "fail", AuthorDomain: "example.org", OrganizationalDomain: "example.org", RecordDomain: "_dmarc.example.org", Policy: "reject",
			PolicyTag: "p", ADKIM: "r", ASPF: "r", Disposition: "reject", Reason: "no aligned domain passes",
		},
		Arrived: at, MailFrom: "bounce@example.net",
		Organizations: map[string]dmarc.Organization{"news.example.org": {Domain: "example.org"}},
		SenderDomains: []result.SenderDomain{{Identity: "mailfrom", Result: mx.Result{Domain: "example.net", Status: "accepts"}}},
		Author:        message.Author{Domain: "example.org", Mailboxes: []message.Mailbox{{Name: "Ann", Local: "ann", Domain: "example.org"}}},
		Recipients:    []string{"bob@example.com", "Carol@EXAMPLE.com"}, List: message.List{ID: "staff.list.example", Post: true}, Size: 24000,
		Signing: &result.Signing{
			Decision: sign.Decision{Domain: "example.com", Reason: sign.AlreadySigned, Detail: "by s1", Origin: "network"},
			Selector: "s2", Also: []string{"example.com/ed"}, Without: "no room", KeyFault: true, DryRun: &result.DryRun{Outcome: result.DryRunDiffers, Detail: "it covers To"},
		},
		Sealing: &result.Sealing{Domain: "example.com", Selector: "arc", Instance: 2, Chain: "pass", HandedOn: true},
		Marks:   result.Marks{SubjectTag: "[secret]", Forward: "X-Forwarded-For", Received: 3},
		DNS:     result.DNSCost{Lookups: 9, WaitMS: 12.5},
	}
	res.Evidence = judgement.Gather(res)
	v := rules.Rules{OnReject: rules.RejectJudge}.Decide(res)
	return &Row{
		Ref: res.Reference, Queue: "4XkZ1t2q3nz9Vx", MessageID: "<abc@example.org>", Host: netip.MustParseAddr("192.0.2.1"),
		Recipients: 2, Took: 1500 * time.Microsecond, Generation: 42, Results: res, Verdict: &v,
	}
}

// accepted returns the row of a plain message.
func accepted() *Row {
	r := refused()
	r.Results.DKIM, r.Results.ARC, r.Results.List, r.Results.Organizations, r.Results.SenderDomains = r.Results.DKIM[:1], arc.Result{Status: "none"}, message.List{}, nil, nil
	r.Results.DKIM[0].Status, r.Results.DKIM[0].Reason, r.Results.DKIM[0].Failure = "pass", "", ""
	r.Results.DMARC.Status, r.Results.DMARC.Disposition, r.Results.DMARC.DKIMAligned, r.Results.DMARC.Reason = "pass", "none", true, "DKIM of example.org"
	r.Results.Marks, r.Results.Signing, r.Results.Evidence = result.Marks{}, nil, nil
	r.Results.Sealing = &result.Sealing{Reason: sign.NotForwarded, Detail: "no recipient is one whose mail is sent on, and the client is none that hands on mail"}
	v := rules.Rules{}.Decide(r.Results)
	r.Verdict = &v
	return r
}

func appendRecord(b []byte, r *Row, level Level) []byte {
	var e Encoder
	return e.Append(b, r, level)
}

// kept returns a row as it is read back.
func kept(t testing.TB, r *Row, level Level) (*Row, Record) {
	t.Helper()
	var rec Record
	b := appendRecord(nil, r, level)
	rest, err := ReadRecord(b, &rec)
	if err != nil || len(rest) > 0 {
		t.Fatalf("ReadRecord: %v, %d octets left", err, len(rest))
	}
	k := keyer{level: level, key: &Key{1}}
	k.apply(&rec)
	out, err := rec.Row()
	if err != nil {
		t.Fatal(err)
	}
	out.Explain()
	return out, rec
}

func TestRowIsKept(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]*Row{"refused": refused(), "accepted": accepted()} {
		got, _ := kept(t, row, Addresses)
		want := *row
		res := *row.Results
		want.Results = &res
		res.Evidence = slices.Clone(res.Evidence)
		for i := range res.Evidence {
			if e := &res.Evidence[i]; e.State != result.Present {
				e.Text = "" // why it is unknown
			}
		}
		res.Marks.SubjectTag = ""                                                       // never kept
		res.Author.Mailboxes = []message.Mailbox{{Local: "ann", Domain: "example.org"}} // without the name
		want.MessageID = "abc@example.org"
		verdict := *row.Verdict
		want.Verdict = &verdict
		verdict.AuthenticationResults, verdict.Insert, verdict.Remove = "", nil, nil // edits are made, not kept
		options := cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b dmarc.Organization) bool { return a.Domain == b.Domain })}
		if diff := cmp.Diff(&want, got, options); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestReplay shows that other rules decide about what was kept as about the message.
func TestReplay(t *testing.T) {
	t.Parallel()
	others := map[string]rules.Rules{
		"default": {},
		"monitor": {Mode: rules.Monitor},
		"tag":     {Quarantine: rules.QuarantineTag},
		"mark":    {DMARC: rules.DMARCMark},
	}
	for name, r := range others {
		for _, row := range []*Row{refused(), accepted()} {
			for _, level := range []Level{Domains, Hashed, Addresses} {
				got, _ := kept(t, row, level)
				want := r.Replay(nil, row.Results)
				v := r.Replay(nil, got.Results)
				if v.Action != want.Action || v.Rule != want.Rule || v.Code != want.Code || v.Intended != want.Intended {
					t.Errorf("%s at level %s: %s by %s, want %s by %s", name, level, v.Action, v.Rule, want.Action, want.Rule)
				}
			}
		}
	}
}

// TestLevels shows what each level keeps of addresses.
func TestLevels(t *testing.T) {
	t.Parallel()
	row := refused()
	row.Results.User = "ann"
	row.Results.Signing.Reason, row.Results.Signing.Detail = sign.LoginMismatch, "the login mallory may not write as eve.user@example.org"
	row.Results.DKIM[0].Identity = "secret.person@example.org"
	row.Results.SPF[1].Explanation = "bounce is not allowed"
	row.Results.List.ID = "members-of@lists.example.org"
	row.Verdict.Text = "Message from bounce@example.net refused"
	for level, want := range map[Level]map[string]bool{
		Domains:   {"bounce": false, "bob": false, "Carol": false, "abc@": false, "ann": false, "secret.person": false, "mallory": false, "eve.user": false, "members-of": false, "lists.example.org": true, "example.net": true, "example.com": true, "4XkZ1t2q3nz9Vx": true},
		Hashed:    {"bounce": false, "bob": false, "Carol": false, "abc@": false, "ann": false, "secret.person": false, "mallory": false, "eve.user": false, "members-of": false, "example.net": true, "example.com": true},
		Addresses: {"bounce@example.net": true, "bob@example.com": true, "Carol@": true, "abc@example.org": true, "ann": true, "secret.person": true, "mallory": true, "eve.user": true, "members-of@": true},
	} {
		_, rec := kept(t, row, level)
		var all []byte
		for _, v := range rec {
			all = append(append(all, v.Octets...), '\n')
		}
		for text, there := range want {
			if bytes.Contains(all, []byte(text)) != there {
				t.Errorf("level %s: %q is kept: %t, want %t\n%q", level, text, !there, there, all)
			}
		}
		for _, never := range []string{"[secret]", "Ann"} {
			if bytes.Contains(all, []byte(never)) {
				t.Errorf("level %s keeps %q", level, never)
			}
		}
		if keys := rec[ColMessageKey].Int != 0 && rec[ColMailFromKey].Int != 0 && len(rec[ColRcptKeys].Octets) == 2*KeyLength; keys != (level != Domains) {
			t.Errorf("level %s: keys are kept: %t", level, keys)
		}
	}
	key := &Key{1}
	if key.Hash(Address("Bob@EXAMPLE.com")) != key.Hash(Address("<bob@example.com>")) {
		t.Error("an address is not found in another case")
	}
}

// TestHostileRow keeps a message whose sender chose every text as badly as possible.
func TestHostileRow(t *testing.T) {
	t.Parallel()
	evil := "\x1b[2J\x00'; DROP TABLE message; --\u202e\r\n=cmd|' /C calc'!A0,\xff"
	long := strings.Repeat(evil, 400)
	row := refused()
	row.Queue, row.MessageID, row.Faults = long, long, []string{long, long, long, long, long}
	res := row.Results
	res.Client.Helo, res.Client.PTR, res.Client.TLS, res.Client.Listener = long, long, long, long
	res.MailFrom, res.User = long+"@"+long, long
	res.Author = message.Author{Domain: evil, Problem: long, Oddities: []string{long, long}}
	for range 100 {
		res.Recipients = append(res.Recipients, long)
		res.DKIM = append(res.DKIM, dkim.Result{Domain: long, Selector: long, Status: "fail", Reason: long, Identity: long, Changed: []string{long}})
		res.ARC.Sealers = append(res.ARC.Sealers, arc.Sealer{Domain: long, Recorded: &arc.Recorded{DKIM: []string{long, long}, From: long}})
		row.Verdict.Overrides = append(row.Verdict.Overrides, result.Override{By: long, Text: long})
		row.Verdict.Matched = append(row.Verdict.Matched, result.RuleMatch{Rule: long})
		row.Verdict.Why = append(row.Verdict.Why, long)
	}
	for i := range res.SPF {
		res.SPF[i].Explanation, res.SPF[i].Reason, res.SPF[i].Domain = long, long, long
	}
	row.Verdict.Text = long
	for _, level := range []Level{Domains, Hashed, Addresses} {
		if n := len(appendRecord(nil, row, level)); n > MaxRow {
			t.Errorf("level %s: a row has %d octets, want at most %d", level, n, MaxRow)
		}
		got, rec := kept(t, row, level)
		for c, v := range rec {
			if Column(c).Kind() == Text && !harmless(string(v.Octets)) {
				t.Errorf("level %s: column %s is %q", level, Column(c), v.Octets)
			}
		}
		text, err := json.Marshal(got)
		if err != nil || !harmless(strings.ReplaceAll(string(text), `\u003c`, "")) {
			t.Errorf("level %s: the row that is read back is %q, %v", level, text, err)
		}
	}
}

func harmless(s string) bool {
	return foreign.Terminal(s, foreign.Whole) == s
}

func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, refused(), Addresses))
	f.Add(appendRecord(nil, accepted(), Hashed))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var rec Record
		if _, err := ReadRecord(b, &rec); err == nil {
			_, _ = rec.Row()
		}
		rec[ColFacts].Octets = b
		_, _ = rec.Row()
	})
}
