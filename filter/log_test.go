package filter

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/postvet/postvet/filter/milter/miltertest"
	"github.com/postvet/postvet/policy/arc"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/iprev"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/mx"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
	"github.com/postvet/postvet/policy/spf"
)

func TestLogLine(t *testing.T) {
	t.Parallel()
	f := &fake{
		finish: func(context.Context) *result.Results {
			return &result.Results{
				SPF: []spf.Result{
					{Identity: spf.HELO, Status: spf.None, Domain: "helo.example.org"},
					{Identity: spf.MailFrom, Status: spf.Pass, Domain: "example.org"},
				},
				DKIM:   []dkim.Result{{Status: dkim.Fail, Domain: "example.org", Selector: "s\x1b[31m"}},
				DMARC:  dmarc.Result{Status: dmarc.Fail, Policy: dmarc.PolicyReject},
				ARC:    arc.Result{Status: arc.None},
				IPRev:  iprev.Result{Status: iprev.Pass},
				Author: message.Author{Domain: "example.org"},
				Faults: []string{"arc: panic"},
				Header: message.Header{
					message.NewField("Authentication-Results", " other.example; none"),
					message.NewField("Authentication-Results", " mx.example.net;\r\n\tdmarc=pass\x1b[31m"),
				},
				Claims: []result.FieldRef{{Name: "Authentication-Results", Occurrence: 2}, {Name: "Authentication-Results", Occurrence: 3}},
				DNS:    result.DNSCost{Lookups: 7, WaitMS: 12.5},
			}
		},
		verdict: result.Verdict{
			Action: result.Reject, Code: "550 5.7.26", Text: "no", Rule: "dmarc-reject", Overrides: []result.Override{{Reason: result.ReasonLocalPolicy, By: "x"}},
			Why: []string{"Nothing proves it.", "DKIM: s\x1b[31m."}, Hints: []result.Hint{{Word: result.HintAltered, Text: "x"}},
		},
	}
	var out bytes.Buffer
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.InfoLevel))
	r := start(t, f, Options{Logger: logger})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Queue = "4ABC"
	m.Hello()
	m.Command('H', miltertest.Strings("evil\r\n\x1b[2J\xff"))
	l := miltertest.Usual()
	l.Fields = append(l.Fields, [2]string{"message-ID", " <1\x1b[2J@example.org>"}, [2]string{"Message-ID", " <2@example.org>"})
	l.From = "<" + strings.Repeat("x", 1000) + "@example.org>"
	m.Deliver(l)
	r.decision()
	m.Close()
	r.stop()

	var lines []map[string]any
	for _, s := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var v map[string]any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
		lines = append(lines, v)
	}
	if len(lines) != 2 || lines[0]["level"] != "warn" || lines[0]["fault"] != "arc: panic" || lines[0]["queue"] != "4ABC" {
		t.Fatalf("%s", out.String())
	}
	got := lines[1]
	var keys []string
	for k := range got {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	want := []string{
		"action", "arc", "author", "client", "code", "dkim", "dmarc", "dns_lookups", "dns_ms", "exempt", "faults", "from",
		"helo", "hidden", "hint", "iprev", "level", "message_id", "msg", "mx", "overrides", "queue", "rcpt_domains", "rcpts", "refused_overrides", "relay", "removed", "rule", "spf",
		"took_ms", "ts", "undelivered", "why",
	}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
	for k, v := range map[string]any{
		"level": "info", "msg": "message", "queue": "4ABC", "client": "192.0.2.1", "helo": "evil???[2J?", "rcpts": 1.0,
		"author": "example.org", "spf": []any{"helo=none helo.example.org", "mailfrom=pass example.org"},
		"dkim": []any{"fail example.org/s?[31m"}, "dmarc": "fail p=reject", "arc": "none", "iprev": "pass", "action": "reject",
		"code": "550 5.7.26", "rule": "dmarc-reject", "overrides": []any{"local_policy x"}, "refused_overrides": []any{}, "exempt": "", "dns_ms": 12.5, "dns_lookups": 7.0,
		"why": []any{"Nothing proves it.", "DKIM: s?[31m."}, "hint": []any{"altered"},
		"faults": []any{"arc: panic"}, "undelivered": false,
		"message_id": "<1?[2J@example.org>", "rcpt_domains": []any{"example.net"},
		"removed": []any{"Authentication-Results: mx.example.net; dmarc=pass?[31m", "Authentication-Results"},
	} {
		if diff := cmp.Diff(v, got[k]); diff != "" {
			t.Errorf("%s: %s", k, diff)
		}
	}
	if n := len(got["from"].(string)); n > maxLogged {
		t.Errorf("from of %d octets", n)
	}
}

// Lists of foreign origin have an end.
func TestLogLineIsBounded(t *testing.T) {
	t.Parallel()
	f := &fake{finish: func(context.Context) *result.Results {
		r := &result.Results{}
		for i := range 1000 {
			r.Claims = append(r.Claims, result.FieldRef{Name: "Authentication-Results", Occurrence: i + 1})
			r.Header = append(r.Header, message.NewField("Authentication-Results", " "+strings.Repeat("x", 10_000)))
		}
		return r
	}}
	r := start(t, f, Options{})
	m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
	m.Hello()
	l := miltertest.Usual()
	l.Fields = append(l.Fields, [2]string{"Message-ID", " " + strings.Repeat("<", 10_000)})
	l.Rcpts = []string{"<b@Example.NET>", "<c@example.net>", "<postmaster>", "<@a.example:d@bücher.test>"}
	for i := range 100 {
		l.Rcpts = append(l.Rcpts, fmt.Sprintf("<x@d%d.example>", i%50))
	}
	m.Deliver(l)
	d := r.decision()
	want := []string{"example.net", "xn--bcher-kva.test"}
	for i := range 8 {
		want = append(want, fmt.Sprintf("d%d.example", i))
	}
	if diff := cmp.Diff(want, recipientDomains(d.To)); diff != "" || len(d.MessageID) > maxLogged {
		t.Errorf("%s, a Message-ID of %d octets", diff, len(d.MessageID))
	}
	line := r.logs.FilterMessage("message").All()[0].ContextMap()
	removed, _ := line["removed"].([]any)
	if len(removed) != 6 || removed[5] != "and 995 more" || len(removed[0].(string)) > maxLogged {
		t.Errorf("%d removed fields are logged, %.300q", len(removed), removed)
	}
}

// The line says what the mode prevented, and the counts do.
func TestWould(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		verdict result.Verdict
		want    any
	}{
		{"monitored", result.Verdict{Action: result.Accept, Intended: result.Reject, Monitored: true}, "reject"},
		{"monitored without need", result.Verdict{Action: result.Accept, Intended: result.Accept, Monitored: true}, nil},
		{"a tag in place of a hold", result.Verdict{Action: result.Accept, Intended: result.Quarantine}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, &fake{verdict: tt.verdict}, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Deliver(miltertest.Usual())
			r.decision()
			if got := r.logs.FilterMessage("message").All()[0].ContextMap()["would"]; got != tt.want {
				t.Errorf("would is %v, want %v", got, tt.want)
			}
			n := int64(0)
			if tt.want != nil {
				n = 1
			}
			if s := r.Stats(); s.Would[result.Reject] != n || s.Would[result.Quarantine] != 0 || s.Messages[result.Accept] != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Behind a relay, the client of the log line is the one that was evaluated.
func TestLogLineBehindRelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		client result.ClientResult
	}{
		{"known", result.ClientResult{IP: "203.0.113.9", Helo: "mail.example.org", Relay: "192.0.2.1", Hops: 1}},
		{"hidden", result.ClientResult{Relay: "192.0.2.1", Hops: 1, Hidden: "relay 192.0.2.1 wrote no Received field"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{finish: func(context.Context) *result.Results {
				return &result.Results{Client: tt.client, SenderDomains: []result.SenderDomain{
					{Identity: result.SenderAuthor, Result: mx.Result{Domain: "example.org", Status: mx.NullMX}},
				}}
			}}
			r := start(t, f, Options{})
			m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
			m.Hello()
			m.Deliver(miltertest.Usual())
			if d := r.decision(); d.Client.IP.String() != "192.0.2.1" {
				t.Errorf("the decision's client is %v, not who connected", d.Client)
			}
			line := r.logs.FilterMessage("message").All()[0].ContextMap()
			for k, want := range map[string]any{
				"client": tt.client.IP, "helo": tt.client.Helo, "relay": "192.0.2.1", "hidden": tt.client.Hidden,
				"mx": []any{"author=null-mx example.org"},
			} {
				if diff := cmp.Diff(want, line[k]); diff != "" {
					t.Errorf("%s: %s", k, diff)
				}
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                      "",
		"plain é 日本":            "plain é 日本",
		"a\tb\nc\x00\x7f":       "a?b?c??",
		"\u009b31m \u202e abc":  "?31m ? abc",
		"\xff\xfe":              "??",
		"in\u200bvisible\u2066": "in?visible?",
	} {
		if got := text("from", in).String; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// The log names what is odd about a From field in which all programs read one
// domain.
func TestOddFromFieldIsLogged(t *testing.T) {
	t.Parallel()
	r, _ := startPolicy(t, rules.Rules{})
	for from, want := range map[string]any{
		"Huber, Eva <eva@plain.test": []any{"angle brackets that do not match"},
		"Eva <eva@plain.test>":       nil,
	} {
		m := miltertest.Connect(t, r.dial, miltertest.OfferAll)
		m.Hello()
		letter := miltertest.Usual()
		letter.Fields = [][2]string{{"From", " " + from}}
		m.Deliver(letter)
		r.decision()
		lines := r.logs.FilterMessage("message").TakeAll()
		if diff := cmp.Diff(want, lines[len(lines)-1].ContextMap()["oddities"]); diff != "" {
			t.Errorf("%s: -want +got:\n%s", from, diff)
		}
	}
}
