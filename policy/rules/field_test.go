package rules_test

import (
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

// field returns our field for some results, without its id and on one line.
func field(r rules.Rules, res *result.Results) string {
	r.AuthservID = "mx.test.example"
	text := r.Decide(res).AuthenticationResults
	return strings.TrimPrefix(strings.Join(strings.Fields(text), " "), "mx.test.example; ")
}

// RFC 8601 section 2.7.2: the local part is in our field only if the SPF record used
// it. Section 2.2: an identity is [local-part "@"] domain, with a domain in A-labels
// and never quoted as a whole.
func TestFieldSPFIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, helo string
		spf              spf.Result
		want             string
	}{
		{"domain alone", "ann@sender.example", "", spf.Result{Domain: "sender.example", Status: spf.Pass}, "smtp.mailfrom=sender.example"},
		{"used", "ann@sender.example", "", spf.Result{Domain: "sender.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=ann@sender.example"},
		{"fail", "ann@sender.example", "", spf.Result{Domain: "sender.example", Status: spf.Fail}, "smtp.mailfrom=sender.example"},
		{"U-labels", "ann@bücher.example", "", spf.Result{Domain: "xn--bcher-kva.example", Status: spf.None}, "smtp.mailfrom=xn--bcher-kva.example"},
		{"U-labels, used", "ann@bücher.example", "", spf.Result{Domain: "xn--bcher-kva.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=ann@xn--bcher-kva.example"},
		{"SRS", "SRS0=H=T=o.example=ann@relay.example", "", spf.Result{Domain: "relay.example", Status: spf.Pass}, "smtp.mailfrom=relay.example"},
		{"SRS, used", "SRS0=H=T=o.example=ann@relay.example", "", spf.Result{Domain: "relay.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=relay.example"},
		{"quoted, used", `"ann b"@sender.example`, "", spf.Result{Domain: "sender.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=sender.example"},
		{"two at signs, used", "ann@bank.example@sender.example", "", spf.Result{Domain: "sender.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=sender.example"},
		{"8-bit, used", "änn@sender.example", "", spf.Result{Domain: "sender.example", Status: spf.Pass, LocalPart: true}, "smtp.mailfrom=sender.example"},
		{"no domain", "ann", "", spf.Result{Status: spf.None}, ""},
		{"HELO", "", "MX.Sender.example.", spf.Result{Identity: spf.HELO, Domain: "mx.sender.example", Status: spf.Pass}, "smtp.helo=mx.sender.example"},
		{"HELO in U-labels", "", "bücher.example", spf.Result{Identity: spf.HELO, Domain: "xn--bcher-kva.example", Status: spf.None}, "smtp.helo=xn--bcher-kva.example"},
		{"HELO that is an address", "", "[192.0.2.1]", spf.Result{Identity: spf.HELO, Status: spf.None}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.spf.Identity == "" {
				tt.spf.Identity = spf.MailFrom
			}
			res := &result.Results{MailFrom: tt.from, SPF: []spf.Result{tt.spf}, Client: result.ClientResult{Helo: tt.helo}}
			want := strings.TrimSpace("spf=" + string(tt.spf.Status) + " " + tt.want)
			if got := field(rules.Rules{}, res); !strings.HasSuffix(got, "; "+want) || strings.Contains(got, `"`) {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// RFC 8617 section 10.1 registers the results none, pass and fail, and section 10.2 the
// properties header.oldest-pass and smtp.remote-ip. By section 5.2 the result stands in
// our field, "none" too.
func TestFieldARC(t *testing.T) {
	t.Parallel()
	chain := []arc.Sealer{{Instance: 1, Domain: "list.example", Selector: "sel"}, {Instance: 2, Domain: "relay.example", Selector: "s2"}}
	for _, tt := range []struct {
		arc  arc.Result
		want string
	}{
		{arc.Result{Status: arc.None}, "arc=none smtp.remote-ip=192.0.2.1"},
		{arc.Result{Status: arc.Pass, Sealers: chain}, "arc=pass header.oldest-pass=0 smtp.remote-ip=192.0.2.1"},
		{arc.Result{Status: arc.Pass, Sealers: chain, OldestPass: 2}, "arc=pass header.oldest-pass=2 smtp.remote-ip=192.0.2.1"},
		{arc.Result{Status: arc.Fail, Sealers: chain, Reason: "no key"}, `arc=fail reason="no key" smtp.remote-ip=192.0.2.1`},
		{arc.Result{Status: arc.TempError, Sealers: chain, Reason: "no answer"}, `arc=fail reason="no answer" smtp.remote-ip=192.0.2.1`},
	} {
		res := &result.Results{ARC: tt.arc, Client: result.ClientResult{IP: "192.0.2.1"}}
		if got := field(rules.Rules{}, res); !strings.HasSuffix(got, "; "+tt.want) {
			t.Errorf("%s: %s, want %s", tt.arc.Status, got, tt.want)
		}
		if res.ARC.Status != tt.arc.Status {
			t.Errorf("the result inside became %s", res.ARC.Status)
		}
	}
	if got := field(rules.Rules{}, &result.Results{Oversize: "too many fields", ARC: arc.Result{Status: arc.None}}); strings.Contains(got, "arc=") {
		t.Errorf("not evaluated: %s", got)
	}
}

// RFC 7208 section 2.4 and RFC 8601 section 2.7.2: one result for the sender, since
// readers differ about which of two is the sender's.
func TestFieldOneSPF(t *testing.T) {
	t.Parallel()
	helo := spf.Result{Identity: spf.HELO, Domain: "mx.sender.example", Status: spf.Fail}
	mail := spf.Result{Identity: spf.MailFrom, Domain: "sender.example", Status: spf.Pass}
	const heloText, mailText = "spf=fail smtp.helo=mx.sender.example", "spf=pass smtp.mailfrom=sender.example"
	for _, tt := range []struct {
		name string
		both bool
		res  result.Results
		want string
	}{
		{"MAIL FROM", false, result.Results{MailFrom: "ann@sender.example", SPF: []spf.Result{helo, mail}}, mailText},
		{"null sender", false, result.Results{SPF: []spf.Result{helo}}, heloText},
		{"MAIL FROM, both", true, result.Results{MailFrom: "ann@sender.example", SPF: []spf.Result{helo, mail}}, mailText + "; " + heloText},
		{"null sender, both", true, result.Results{SPF: []spf.Result{helo}}, heloText},
	} {
		got := field(rules.Rules{SPFHelo: tt.both}, &tt.res)
		if !strings.HasSuffix(got, "; "+tt.want) || strings.Count(got, "spf=") != strings.Count(tt.want, "spf=") {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// RFC 8601 section 2.7.1: signatures with syntax errors are neutral, other permanent
// errors permerror.
func TestFieldMalformedSignature(t *testing.T) {
	t.Parallel()
	for failure, want := range map[dkim.Failure]string{
		dkim.FailureMalformed:  "neutral",
		dkim.FailureKeyMissing: "permerror",
		dkim.FailureKeyBroken:  "permerror",
		dkim.FailureExpired:    "permerror",
	} {
		res := &result.Results{DKIM: []dkim.Result{{Domain: "a.example", Status: dkim.PermError, Failure: failure, Reason: "why"}}}
		if got := field(rules.Rules{}, res); !strings.Contains(got, "dkim="+want+" reason=why ") {
			t.Errorf("%s: %s, want %s", failure, got, want)
		}
	}
}
