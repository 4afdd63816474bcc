package explain_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/postvet/postvet/policy/dmarc"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/rules"
)

func TestCheckHelpURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ url, problem string }{
		{"https://mail.example.org/refused", ""},
		{"http://mail.example.org:8080/?a={author}&c={client}&r={rule}&h={hint}", ""},
		{"https://mail.example.org/{hint}#{rule}", ""},
		{"https://[2001:db8::1]/x", ""},
		{"https://mail.example.org?why={hint}", ""},
		{"https://mail.example.org/a%20b", ""},
		{"", "does not begin with"},
		{"mail.example.org/refused", "does not begin with"},
		{"ftp://mail.example.org/", "does not begin with"},
		{"javascript:alert(1)", "does not begin with"},
		{"https:///refused", "no host"},
		{"https:refused", "no host"},
		{"https://user:pw@mail.example.org/", "user name"},
		{"https://{author}/", "placeholder in its host"},
		{"https://{author}.example.org?x", "placeholder in its host"},
		{"HTTPS://{author}.example.org/", "placeholder in its host"},
		{"Http://{client}", "placeholder in its host"},
		{"Http://mail.example.org", ""},
		{"HTTPS://mail.example.org/{rule}", ""},
		{"https://mail.example.org:{rule}/", "no URL"},
		{"https://mail.example.org/{queue}", "a brace"},
		{"https://mail.example.org/{author", "a brace"},
		{"https://mail.example.org/a b", `holds " "`},
		{"https://mail.example.org/\r\n550 x", "percent-encoded"},
		{"https://mail.example.org/ä", "percent-encoded"},
		{"https://mail.example.org/<x>", "percent-encoded"},
		{"https://mail.example.org/%zz", "no URL"},
		{"https://mail.example.org/" + strings.Repeat("a", 140), "longer than"},
	} {
		err := explain.CheckHelpURL(tt.url)
		switch {
		case err == nil && tt.problem != "":
			t.Errorf("%q is taken, want %q", tt.url, tt.problem)
		case err != nil && (tt.problem == "" || !strings.Contains(err.Error(), tt.problem)):
			t.Errorf("%q: %v, want %q", tt.url, err, tt.problem)
		}
	}
}

// The help URL ends a refusal, whatever is put in, and no other text.
func TestDecideHelpURL(t *testing.T) {
	t.Parallel()
	r := spoof(dmarc.PolicyReject)
	set := rules.Rules{HelpURL: "https://h.example/?why={hint}&from={author}&ip={client}&by={rule}"}
	const want = "; see https://h.example/?why=unauthenticated&from=bank.example&ip=192.0.2.66&by=dmarc-reject"
	if v := set.Decide(r); !strings.HasSuffix(v.Text, want) {
		t.Errorf("text %q", v.Text)
	}
	shouted := rules.Rules{HelpURL: "HTTPS://h.example/?Why={hint}"}
	if v := shouted.Decide(r); !strings.HasSuffix(v.Text, "; see https://h.example/?Why=unauthenticated") {
		t.Errorf("text %q", v.Text)
	}
	r.Client.IP = "2001:db8::1"
	if v := set.Decide(r); !strings.Contains(v.Text, "&ip=2001%3Adb8%3A%3A1&") {
		t.Errorf("text %q", v.Text)
	}
	for _, v := range []result.Verdict{
		rules.Rules{HelpURL: set.HelpURL, Mode: rules.Monitor}.Decide(r),
		set.Decide(spoof(dmarc.PolicyQuarantine)),
		set.Decide(spoof(dmarc.PolicyNone)),
	} {
		if strings.Contains(v.Text, "h.example") {
			t.Errorf("%s by %s: text %q", v.Action, v.Rule, v.Text)
		}
	}
	waiting := &result.Results{
		Author: message.Author{Domain: "bank.example"},
		DMARC:  dmarc.Result{Status: dmarc.TempError, AuthorDomain: "bank.example", Policy: dmarc.PolicyReject},
	}
	if v := set.Decide(waiting); !strings.Contains(v.Text, "; see https://h.example/?why=not_checked&from=bank.example") {
		t.Errorf("text %q", v.Text)
	}
	r.Author.Domain, r.DMARC.AuthorDomain = strings.Repeat("a.", 120)+"example", strings.Repeat("a.", 120)+"example"
	if v := set.Decide(r); !strings.HasSuffix(v.Text, "; see https://h.example/?why=unauthenticated&from=&ip=2001%3Adb8%3A%3A1&by=dmarc-reject") {
		t.Errorf("text %q", v.Text)
	}
}

// FuzzHelpURL: what is taken never is cut, and never breaks out of its query.
func FuzzHelpURL(f *testing.F) {
	f.Add("https://h.example/?a={author}&c={client}", "bank.example", "192.0.2.1")
	f.Add("http://h.example/{author}/{author}{author}#{rule}", strings.Repeat("%", 200), "::1")
	f.Add("https://h.example/%20{hint}", "a&b=c#d/../é\r\n", "")
	f.Add("Http://0", "bank.example", "192.0.2.1")
	f.Add("HTTPS://{author}", "bank.example", "192.0.2.1")
	f.Fuzz(func(t *testing.T, template, author, ip string) {
		if explain.CheckHelpURL(template) != nil {
			return
		}
		r := spoof(dmarc.PolicyReject)
		r.Author.Domain, r.DMARC.AuthorDomain, r.Client.IP = author, author, ip
		v := rules.Rules{HelpURL: template}.Decide(r)
		_, link, ok := strings.Cut(v.Text, "; see http")
		// Nothing foreign may look like the begin of our URL.
		if i := strings.LastIndex(v.Text, "; see http"); ok {
			link = v.Text[i+len("; see http"):]
		}
		if !ok || len(v.Text)+strings.Count(v.Text, "%") > 450 {
			t.Fatalf("text of %d octets: %q", len(v.Text), v.Text)
		}
		u, err := url.Parse("http" + link)
		base, _ := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(template))
		if err != nil || u.Host != base.Host {
			t.Fatalf("%q leads to %q: %v", template, link, err)
		}
		for i := range len(v.Text) {
			if c := v.Text[i]; c < ' ' || c > '~' {
				t.Fatalf("octet %#x in %q", c, v.Text)
			}
		}
	})
}
