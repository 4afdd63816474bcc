package submission_test

import (
	"net"
	"testing"

	"github.com/postvet/postvet/cmd/postvet/internal/submission"
	"github.com/postvet/postvet/cmd/postvet/internal/submission/submissiontest"
)

// TestProbe asks for addresses that are taken and refused. No message is sent.
func TestProbe(t *testing.T) {
	t.Parallel()
	server := &submissiontest.Server{
		Sender: func(a string) error {
			if a == "bad@example.org" {
				return submissiontest.Refuse(451, [3]int{4, 7, 1}, "later")
			}
			return nil
		},
		Recipient: func(a string) error {
			if a == "gone@example.org" {
				return submissiontest.Refuse(550, [3]int{5, 1, 1}, "no such user")
			}
			return nil
		},
	}
	c, err := submission.New(submission.Options{Address: server.Start(t), Hello: "mx.test.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from, to string
		want     submission.Result
		stage    submission.Stage
		code     int
	}{
		{"", "bounce+check@example.org", submission.Accepted, submission.Recipient, 250},
		{"", "gone@example.org", submission.Permanent, submission.Recipient, 550},
		{"bad@example.org", "gone@example.org", submission.Temporary, submission.Mail, 451},
	} {
		a := c.Probe(t.Context(), test.from, test.to)
		if a.Result != test.want || a.Stage != test.stage || a.Code != test.code {
			t.Errorf("from <%s> to <%s>: %+v", test.from, test.to, a)
		}
	}
	if n := len(server.Messages()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// TestProbeNobody asks where nobody listens.
func TestProbeNobody(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	c, err := submission.New(submission.Options{Address: l.Addr().String(), Hello: "mx.test.example"})
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Probe(t.Context(), "", "a@example.org"); a.Result != submission.Temporary || a.Stage != submission.Connect || a.Err == nil {
		t.Errorf("%+v", a)
	}
}
