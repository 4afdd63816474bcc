package web

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/postvet/postvet/cmd/postvet/internal/resulttext"
	"github.com/postvet/postvet/cmd/postvet/internal/web/access"
	"github.com/postvet/postvet/policy/explain"
	"github.com/postvet/postvet/policy/foreign"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/result"
)

// Checks evaluate messages that a user brings.
type Checks interface {
	// CheckMessage evaluates a message as if it arrived now. Nothing is kept. The notes say
	// what was passed over. An error that is a [*MessageError] is about the message.
	CheckMessage(ctx context.Context, user access.User, q CheckRequest) (r *result.Report, notes []string, err error)
}

// CheckRequest is a message with its envelope.
type CheckRequest struct {
	Envelope message.Envelope
	// Message is nil if the client alone is checked.
	Message []byte
	// Received has what is missing in the envelope taken from the message's own fields, and
	// Sign asks whether it would be signed.
	Received, Sign bool
}

// MessageError says what is wrong with a message that cannot be checked.
type MessageError struct{ Problem string }

func (e *MessageError) Error() string { return e.Problem }

// checkPage is the page that checks a message.
type checkPage struct {
	Form checkForm `json:"form"`
	// Faults are what is wrong with the form, by field.
	Faults map[string]string `json:"faults"`
	Result *checked          `json:"result,omitempty"`
}

// checkForm is the form as it was typed.
type checkForm struct {
	IP       string `json:"ip"`
	Helo     string `json:"helo"`
	MailFrom string `json:"mail_from"`
	Rcpt     string `json:"rcpt"`
	User     string `json:"user"`
	Message  string `json:"message"`
	Received bool   `json:"received"`
	Sign     bool   `json:"sign"`
}

// checked is what would become of a message.
type checked struct {
	Sentence string `json:"sentence"`
	Done     string `json:"done"`
	// Reply is what the client would be told, "" for nothing.
	Reply     string            `json:"reply,omitempty"`
	Why       []string          `json:"why"`
	SenderCan []string          `json:"sender_can"`
	Lines     []resulttext.Line `json:"lines"`
	Sections  []storySection    `json:"sections"`
	Field     string            `json:"authentication_results,omitempty"`
	Notes     []string          `json:"notes"`
}

func (h *Handler) check(*request) (any, error) {
	return &checkPage{Faults: map[string]string{}, Form: checkForm{Received: true}}, nil
}

// The fields of the form.
const (
	fieldIP       = "ip"
	fieldMailFrom = "mail_from"
	fieldRcpt     = "rcpt"
	fieldMessage  = "message"
	fieldFile     = "file"
)

// maxRecipients bounds the recipients of a message that is checked.
const maxRecipients = 100

func (h *Handler) checkMessage(q *request) (any, error) {
	p := &checkPage{Faults: map[string]string{}}
	form := func(name string) string { return strings.TrimSpace(pasted(q.http.PostFormValue(name))) }
	p.Form = checkForm{
		IP: form(fieldIP), Helo: form("helo"), MailFrom: form(fieldMailFrom), Rcpt: form(fieldRcpt), User: form("user"),
		Received: form("received") != "", Sign: form("sign") != "",
	}
	c := p.request()
	text := q.http.PostFormValue(fieldMessage)
	p.Form.Message = pasted(text)
	file, err := fileOf(q)
	switch {
	case err != nil:
		p.Faults[fieldFile] = "The file did not come whole; choose it again."
	case len(file) > 0 && strings.TrimSpace(text) != "":
		p.Faults[fieldFile] = "There are a file and a text; give one of them."
	case len(file) > 0:
		c.Message = file
	case strings.TrimSpace(text) != "":
		c.Message = []byte(strings.TrimLeft(text, "\r\n"))
	case !c.Envelope.Client.IP.IsValid() && len(p.Faults) == 0:
		p.Faults[fieldMessage] = "There is nothing to check; paste a message, choose a file, or give the address of a client."
	}
	if len(p.Faults) > 0 {
		return p, nil
	}
	report, notes, err := h.opt.Source.CheckMessage(q.ctx, q.user, c)
	var wrong *MessageError
	switch {
	case errors.As(err, &wrong):
		p.Faults[fieldMessage] = "This cannot be checked: " + foreign.Line(wrong.Problem, 300) + "."
		return p, nil
	case err != nil:
		return nil, err
	}
	p.Result = checkedOf(report, notes)
	return p, nil
}

// request returns what the form asks for, and notes what is wrong with it.
func (p *checkPage) request() CheckRequest {
	f := &p.Form
	c := CheckRequest{Received: f.Received, Sign: f.Sign}
	e := &c.Envelope
	e.Helo = f.Helo
	e.Sender = message.Sender{Path: f.MailFrom, Unknown: f.MailFrom == "", User: f.User}
	if f.MailFrom == "<>" {
		e.Sender.Path = ""
	} else if inner, ok := strings.CutPrefix(f.MailFrom, "<"); ok {
		e.Sender.Path = strings.TrimSuffix(inner, ">")
	}
	if strings.ContainsAny(e.Sender.Path, " \t\n") {
		p.Faults[fieldMailFrom] = "This is no address; write one such as ann@example.org, or <> for a bounce."
	}
	if f.IP != "" {
		ip, err := netip.ParseAddr(f.IP)
		if err != nil {
			p.Faults[fieldIP] = "This is no IP address; write one such as 192.0.2.1 or 2001:db8::1."
		}
		e.Client.IP = ip.Unmap().WithZone("")
	}
	e.Recipients = strings.FieldsFunc(f.Rcpt, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == ';' })
	if len(e.Recipients) > maxRecipients {
		p.Faults[fieldRcpt] = "These are too many; write at most 100 addresses."
	}
	return c
}

// fileOf returns the file of a form; nil if there is none.
func fileOf(q *request) ([]byte, error) {
	if q.http.MultipartForm == nil || len(q.http.MultipartForm.File[fieldFile]) == 0 {
		return nil, nil
	}
	f, err := q.http.MultipartForm.File[fieldFile][0].Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxForm))
}

// isReason reports whether a line has a reason, which stands above the others.
func isReason(l resulttext.Line) bool { return l.Name == "why" || l.Name == "hint" || l.Name == "" }

// checkedOf puts a report into what the page shows.
func checkedOf(r *result.Report, notes []string) *checked {
	v := &r.Verdict
	c := &checked{
		Sentence: explain.Summary(r.Results, v), Done: explain.Done(v.Action), Why: []string{}, SenderCan: explain.Advice(r.Results, v),
		Lines: slices.DeleteFunc(resulttext.Lines(r, nil, nil), isReason), Sections: sectionsOf(r.Results, v, r.Trace), Field: r.AuthenticationResults, Notes: []string{},
	}
	if resulttext.WithoutMessage(r) {
		c.Sentence, c.Done, c.SenderCan = "There was no message, so that only the client was checked.", "", []string{}
	}
	if v.Code != "" {
		c.Reply = v.Code + " " + v.Text
	}
	c.Why = append(c.Why, v.Why...)
	for _, hint := range v.Hints {
		c.Why = append(c.Why, hint.Text)
	}
	c.Notes = append(c.Notes, notes...)
	return c
}
