package policy_test

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy"
	"github.com/postvet/postvet/policy/message"
	"github.com/postvet/postvet/policy/spf"
)

// brokenBody is a body that cannot be read to its end.
type brokenBody struct{ err error }

func (b brokenBody) WriteTo(w io.Writer) (int64, error) {
	n, _ := w.Write([]byte("half a line"))
	return int64(n), b.err
}

func TestPlay(t *testing.T) {
	t.Parallel()
	_, resolver := dnstest.Start(t, "a.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.a.example. TXT \"v=DMARC1; p=reject\"\n")
	checker := policy.NewChecker(policy.Options{Resolver: resolver, AuthservID: "mx.test.example"})
	envelope := message.Envelope{
		Client: message.Client{IP: netip.MustParseAddr("192.0.2.1")}, Helo: "mx.a.example",
		Sender: message.Sender{Path: "ann@a.example"}, Recipients: []string{"bob@b.example", "eve@b.example"},
	}
	play := func(t *testing.T, early bool) (atRecipient, atEnd string) {
		t.Helper()
		r := message.NewReader(strings.NewReader("From: ann@a.example\n\nHello\n"))
		header, err := r.Header()
		if err != nil {
			t.Fatal(err)
		}
		first, last, err := checker.Play(t.Context(), envelope, header, r, early)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil {
			atRecipient = string(first.SPF[0].Status) + " of " + first.MailFrom
		}
		if d := cmp.Diff(envelope.Recipients, last.Recipients); d != "" {
			t.Errorf("recipients (-want +got):\n%s", d)
		}
		if want := int64(len("From: ann@a.example\r\n") + len("Hello\r\n")); last.Size != want {
			t.Errorf("a size of %d octets, want %d", last.Size, want)
		}
		return atRecipient, string(last.DMARC.Status)
	}
	if early, end := play(t, false); early != "" || end != "pass" {
		t.Errorf("without an early result: %q, then %q", early, end)
	}
	if early, end := play(t, true); early != "pass of ann@a.example" || end != "pass" {
		t.Errorf("with an early result: %q, then %q", early, end)
	}

	early, end, err := checker.Play(t.Context(), envelope, nil, nil, false)
	if err != nil || early != nil || end.SPF[len(end.SPF)-1].Status != spf.Pass || end.Author.Domain != "" {
		t.Errorf("an envelope alone: %+v, %+v, %v", early, end, err)
	}
	disk := errors.New("disk on fire")
	if early, end, err := checker.Play(t.Context(), envelope, nil, brokenBody{disk}, true); early != nil || end != nil || !errors.Is(err, disk) {
		t.Errorf("a body that breaks: %v, %v, %v", early, end, err)
	}
}
