package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/trial"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
)

// policySource is a source of policies.
type policySource struct {
	source
	policy Policy
	try    func(text string, since time.Time) (*trial.Report, error)
}

func (s policySource) Policy(context.Context) Policy { return s.policy }

func (s policySource) TryPolicy(_ context.Context, _ access.User, text string, since time.Time) (*trial.Report, error) {
	return s.try(text, since)
}

func testPolicy(foreign string) Policy {
	return Policy{
		InForce: InForce{Mode: "This is carried out." + foreign}, Exact: "mode = \"enforce\"" + foreign, OnReject: "Mail that fails is refused." + foreign, File: "/etc/postvet/postvet.toml" + foreign,
		Parts:         []PolicyPart{{"What must come first" + foreign, []PolicyLine{{1, "dmarc-reject" + foreign, "DMARC fail\nand more" + foreign, "550 5.7.26" + foreign}}}},
		Configuration: "mode = \"enforce\" # default\n" + foreign, Forwarders: `["192.0.2.1"]`,
	}
}

func TestPolicyPage(t *testing.T) {
	t.Parallel()
	h := newTest(policySource{policy: testPolicy("")})
	page := get(t, h, "/policy").Body.String()
	holds(t, "the page", page, "This is carried out.", "What must come first", "dmarc-reject", "mode = &#34;enforce&#34; # default", `<option value="7" selected>`, `name="token" value="`+h.forms.token(access.User{}))
	page = get(t, h, "/policy?add=mx.list.example").Body.String()
	if want := "[trust]\nforwarders = [&#34;192.0.2.1&#34;, &#34;mx.list.example&#34;]\n</textarea>"; !strings.Contains(page, want) {
		t.Errorf("%q is missing in\n%s", want, page)
	}
	checkHarmless(t, get(t, h, "/policy?add="+url.QueryEscape(hostile)).Body.String())
	checkHarmless(t, get(t, newTest(policySource{policy: testPolicy(hostile)}), "/policy").Body.String())
	if got := addForwarder("[]", "a\"\n[x]"); got != "[trust]\nforwarders = [\"a\\\"?[x]\"]\n" {
		t.Errorf("the entry %q", got)
	}
}

func TestTryPolicy(t *testing.T) {
	t.Parallel()
	report := func(change func(*trial.Report)) *trial.Report {
		r := &trial.Report{
			Messages: 1000, Differing: 12, Changes: []trial.Change{{Before: "accept", After: "reject", Messages: 12, Examples: []string{"1R4E00DXS746V"}}},
			Authors: []trial.Share{{Name: "list.example", Messages: 12, AtMost: 13}}, Clients: []trial.Share{{Name: "192.0.2.7", Messages: 12, AtMost: 12}},
			Actions: []trial.Count{{Name: "accept", Before: 900, After: 888}}, Rules: []trial.Count{{Name: "dmarc-reject", Before: 3, After: 15}},
			History: &trial.History{Complete: true},
		}
		change(r)
		return r
	}
	for _, tc := range []struct {
		name    string
		report  *trial.Report
		err     error
		form    url.Values
		status  int
		want    []string
		without []string
	}{
		{
			"different", report(func(*trial.Report) {}), nil,
			url.Values{"rules": {"[policy]\non_reject = \"always\""}, "days": {"30"}},
			200,
			[]string{
				"Of 1000 messages, 12 would be treated differently.", "accept -&gt; reject", `href="/messages/1R4E00DXS746V"`, "/messages?domain=list.example&amp;since=2026-10-30T16%3A00%3A00Z",
				"12 to 13", `<option value="30" selected>`, "on_reject = &#34;always&#34;</textarea>", "To put it in force", "Nothing was changed or kept",
			},
			[]string{"searched back to"},
		},
		{
			"not in time", report(func(r *trial.Report) {
				r.History.Complete, r.History.Reached, r.Unknown = false, "2026-11-20.accepted.db", 7
				r.Unreadable = []trial.Problem{{File: "2026-11-19.rest.db", Problem: "malformed"}}
			}), nil, url.Values{"rules": {"x"}}, 200, []string{"searched back to 2026-11-20, and mail of that day is missing too;", "Of 7 it is not known", "2026-11-19.rest.db could not be read: malformed"}, nil,
		},
		{"the same", &trial.Report{Messages: 1, History: &trial.History{Complete: true}}, nil, url.Values{"rules": {"x"}}, 200, []string{"Nothing would change: 1 message"}, nil},
		{"an empty journal", &trial.Report{History: &trial.History{Complete: true}}, nil, url.Values{"rules": {"x"}}, 200, []string{"The journal has no message of that time"}, nil},
		{"nothing pasted", nil, errors.New("not asked"), url.Values{"rules": {" \r\n"}, "days": {"1"}}, 200, []string{"there is nothing to try", `aria-invalid="true"`, `<option value="1" selected>`}, nil},
		{
			"faults", nil, &PastedError{[]PastedFault{{Line: 3, Key: "rule x: if", Problem: "unknown name \"lst\"", Remedy: "did you mean list?", Excerpt: "lst\n^"}}},
			url.Values{"rules": {"what was typed"}, "days": {"999"}},
			200,
			[]string{"Line 3, <code>rule x: if</code>: unknown name", "did you mean list?", "what was typed</textarea>", `<option value="7" selected>`, `role="alert"`},
			[]string{"To put it in force"},
		},
		{"no journal", nil, ErrNoJournal, url.Values{"rules": {"x"}}, 404, []string{"No journal is kept"}, nil},
		{"busy", nil, &control.Refusal{Code: control.CodeBusy, Errors: []string{"somebody else tries"}}, url.Values{"rules": {"x"}}, 503, []string{"somebody else tries"}, nil},
		{
			"hostile", report(func(r *trial.Report) {
				r.Changes[0].Before, r.Authors[0].Name, r.Clients[0].Name, r.Rules[0].Name = hostile, hostile, hostile, hostile
				r.Unreadable = []trial.Problem{{File: hostile, Problem: hostile}}
			}), nil, url.Values{"rules": {hostile}}, 200, nil, nil,
		},
		{"hostile faults", nil, &PastedError{[]PastedFault{{Line: 1, Key: hostile, Problem: hostile, Remedy: hostile, Excerpt: hostile}}}, url.Values{"rules": {"x"}}, 200, nil, nil},
	} {
		s := policySource{policy: testPolicy(""), try: func(text string, since time.Time) (*trial.Report, error) {
			if tc.name != "hostile" && text != tc.form.Get("rules") || since.After(testNow) {
				t.Errorf("%s: tried %q since %v", tc.name, text, since)
			}
			return tc.report, tc.err
		}}
		w := post(t, newTest(s), "/policy", tc.form)
		if w.Code != tc.status {
			t.Errorf("%s: %d\n%s", tc.name, w.Code, w.Body)
		}
		checkHarmless(t, w.Body.String())
		holds(t, tc.name, w.Body.String(), tc.want...)
		lacks(t, tc.name, w.Body.String(), tc.without...)
	}
	if w := postAs(newTest(policySource{}), "/policy", url.Values{"rules": {"x"}}, nil); w.Code != http.StatusForbidden {
		t.Errorf("without a token: %d", w.Code)
	}
}

// TestTriedInPart: a trial that was not over in time says so, also if it is not known how far it
// came.
func TestTriedInPart(t *testing.T) {
	t.Parallel()
	for reached, want := range map[string]string{"2026-11-28.rest.db": "2026-11-28", "": "a day that is not known"} {
		if got := triedOf(&trial.Report{History: &trial.History{Reached: reached}}, testNow).Reached; got != want {
			t.Errorf("%q was reached: %q, want %q", reached, got, want)
		}
	}
	if got := triedOf(&trial.Report{History: &trial.History{Complete: true}}, testNow).Reached; got != "" {
		t.Errorf("all was tried, back to %q", got)
	}
}
