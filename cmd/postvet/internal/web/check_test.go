package web

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/dkim"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// checkSource is a source that checks messages.
type checkSource struct {
	source
	check func(CheckRequest) (*result.Report, []string, error)
}

func (s checkSource) CheckMessage(_ context.Context, _ access.User, q CheckRequest) (*result.Report, []string, error) {
	return s.check(q)
}

// refusedReport is a report with a foreign text in each field.
func refusedReport(foreign string) *result.Report {
	r := &result.Results{Client: result.ClientResult{IP: "192.0.2.1", PTR: "mx.example" + foreign, Helo: "mx.example" + foreign}, MailFrom: "a@example.org" + foreign}
	r.Author = message.Author{Domain: "example.org" + foreign}
	r.SPF = []spf.Result{{Identity: spf.MailFrom, Domain: "example.org" + foreign, Status: spf.Fail, Reason: foreign, Explanation: foreign}}
	r.DKIM = []dkim.Result{{Domain: "d.example" + foreign, Selector: foreign, Reason: foreign}}
	r.Trace = []result.Event{{What: "spf", Check: result.CheckMailFrom, Text: "looked up " + foreign}}
	return &result.Report{Results: r, AuthenticationResults: "mx; spf=fail\r\n\tsmtp.mailfrom=" + foreign, Verdict: result.Verdict{
		Action: result.Reject, Intended: result.Reject, Code: "550 5.7.26", Text: "no" + foreign, Rule: result.RuleDMARCReject, Why: []string{"Nothing proves it." + foreign},
		Hints: []result.Hint{{Text: "It was forwarded." + foreign}},
	}}
}

func TestCheckPage(t *testing.T) {
	t.Parallel()
	var asked CheckRequest
	ok := func(q CheckRequest) (*result.Report, []string, error) {
		asked = q
		return refusedReport(""), []string{"an mbox line was passed over"}, nil
	}
	h := newTest(checkSource{check: ok})
	page := get(t, h, "/check").Body.String()
	holds(t, "the page", page, "What would become of this message?", "Nothing is kept", `enctype="multipart/form-data"`, `name="received" value="yes" checked`)
	form := url.Values{
		"ip": {" 192.0.2.1 "}, "helo": {"mx.example"}, "mail_from": {"<ann@example.org>"}, "rcpt": {"a@example.net, b@example.net"},
		"message": {"\r\nFrom: ann@example.org\r\n\r\nHello </textarea>\r\n"}, "sign": {"yes"},
	}
	page = post(t, h, "/check", form).Body.String()
	holds(t, "the page", page,
		"Refused: nobody proves", "The client would be told: <code>550 5.7.26 no</code>", "Nothing proves it.", "It was forwarded.", "looked up", "smtp.mailfrom=", "Nothing was kept", "an mbox line was passed over",
		`value="192.0.2.1"`, "Hello &lt;/textarea&gt;", `name="sign" value="yes" checked`, `name="received" value="yes">`,
	)
	e := asked.Envelope
	if string(asked.Message) != "From: ann@example.org\r\n\r\nHello </textarea>\r\n" || e.Client.IP.String() != "192.0.2.1" || e.Sender.Path != "ann@example.org" ||
		e.Sender.Unknown || len(e.Recipients) != 2 || !asked.Sign || asked.Received {
		t.Errorf("asked for %+v", asked)
	}
	_ = post(t, h, "/check", url.Values{"ip": {"2001:db8::1"}, "mail_from": {"<>"}})
	if e := asked.Envelope; asked.Message != nil || e.Sender.Path != "" || e.Sender.Unknown {
		t.Errorf("of a bounce asked for %+v", asked)
	}
}

func TestCheckFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		form   url.Values
		err    error
		status int
		want   []string
	}{
		{"nothing", url.Values{}, nil, 200, []string{"There is nothing to check", `aria-describedby="message-fault"`}},
		{"an address", url.Values{"ip": {"192.0.2.x"}, "message": {"kept"}}, nil, 200, []string{"This is no IP address", `value="192.0.2.x"`, "kept</textarea>", `id="ip-fault"`}},
		{"a sender", url.Values{"mail_from": {"a b"}, "message": {"x"}}, nil, 200, []string{"This is no address", `value="a b"`}},
		{"recipients", url.Values{"rcpt": {strings.Repeat("a@b, ", 101)}, "message": {"x"}}, nil, 200, []string{"at most 100 addresses"}},
		{"no message", url.Values{"message": {"x"}}, &MessageError{"it has no header field"}, 200, []string{"This cannot be checked: it has no header field.", "x</textarea>"}},
		{"busy", url.Values{"message": {"x"}}, &control.Refusal{Code: control.CodeBusy, Errors: []string{"others check"}}, 503, []string{"others check"}},
		{"too long", url.Values{"message": {"x"}}, context.DeadlineExceeded, 504, []string{"This took too long"}},
		{"hostile", url.Values{"ip": {hostile}, "helo": {hostile}, "mail_from": {hostile}, "rcpt": {hostile}, "user": {hostile}, "message": {hostile}}, nil, 200, nil},
		{"a hostile fault", url.Values{"message": {"x"}}, &MessageError{hostile}, 200, nil},
		{"a hostile report", url.Values{"message": {"x"}}, nil, 200, nil},
	} {
		h := newTest(checkSource{check: func(CheckRequest) (*result.Report, []string, error) {
			return refusedReport(hostile), []string{hostile}, tc.err
		}})
		w := post(t, h, "/check", tc.form)
		if w.Code != tc.status {
			t.Errorf("%s: %d\n%s", tc.name, w.Code, w.Body)
		}
		t.Run(tc.name, func(t *testing.T) { checkHarmless(t, w.Body.String()) })
		holds(t, tc.name, w.Body.String(), tc.want...)
	}
}

func TestCheckFile(t *testing.T) {
	t.Parallel()
	var asked *CheckRequest
	h := newTest(checkSource{check: func(q CheckRequest) (*result.Report, []string, error) {
		asked = &q
		return refusedReport(""), nil, nil
	}})
	send := func(file []byte, text string) *httptest.ResponseRecorder {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		_ = m.WriteField(tokenField, h.forms.token(access.User{}))
		_ = m.WriteField("message", text)
		part, err := m.CreateFormFile("file", "x.eml")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(file)
		_ = m.Close()
		r := httptest.NewRequest(http.MethodPost, "/check", &b)
		r.Header.Set("Content-Type", m.FormDataContentType())
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	if w := send([]byte("From: a@b\n\n\xff"), ""); w.Code != 200 || asked == nil || string(asked.Message) != "From: a@b\n\n\xff" {
		t.Errorf("a file: %d, %+v", w.Code, asked)
	}
	asked = nil
	if w := send([]byte("From: a@b\n"), "From: c@d"); asked != nil || !strings.Contains(w.Body.String(), "give one of them") {
		t.Errorf("both: %+v\n%s", asked, w.Body)
	}
	if w := send(make([]byte, maxForm+1), ""); asked != nil || w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d, %+v", w.Code, asked)
	}
}
