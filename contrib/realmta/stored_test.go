//go:build linux

package realmta_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/contrib/realmta"
)

// envelope is the part of "postvet check --json" that says how a message came.
type envelope struct {
	Client struct{ IP, Helo string }
	From   *string `json:"mail_from"`
	User   string
	Exempt string
	Rcpts  []string `json:"recipients"`
}

// checkStored has Postvet read a stored message with its envelope.
func checkStored(t *testing.T, s *realmta.Site, stored string) (e envelope) {
	t.Helper()
	binary, err := shared.binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "check", "--received", "--json", "--resolver", s.DNS.Addr(), "--authserv-id", realmta.AuthservID, "-")
	cmd.Stdin = strings.NewReader(stored)
	out, err := cmd.Output()
	// Exit code 1 says that the message would not be accepted.
	if failed := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &failed) || failed.ExitCode() != 1) {
		t.Fatalf("postvet check: %v", err)
	}
	if err := json.Unmarshal(out, &e); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return e
}

// TestStoredMessage: the Received field that the MTA wrote names the client, and says
// whether it had logged in.
func TestStoredMessage(t *testing.T) {
	onEach(t, func(t *testing.T, s *realmta.Site) {
		stored := func(rcpt string) string {
			t.Helper()
			d, err := realmta.Await(t.Context(), s, rcpt, 1)
			if err != nil {
				t.Fatal(err)
			}
			return string(d[0].Message)
		}
		rcpt := recipient(t, "plain")
		wantReply(t, send(t, s, realmta.GoodClient, "alice@"+realmta.Good, rcpt, mail("alice@"+realmta.Good, rcpt)), 250)
		e := checkStored(t, s, "Return-Path: <alice@"+realmta.Good+">\n"+stored(rcpt))
		if e.Client.IP != realmta.GoodClient || e.Client.Helo != realmta.HeloName(realmta.GoodClient) || e.From == nil || *e.From != "alice@"+realmta.Good || e.User != "" || e.Exempt != "" {
			t.Errorf("%+v", e)
		}
		if e = checkStored(t, s, stored(rcpt)); e.From != nil {
			t.Errorf("MAIL FROM is %q, which nobody gave", *e.From)
		}
		if len(s.Mechanisms()) == 0 {
			return
		}
		c := connect(t, s, realmta.Stranger)
		if r, err := c.AuthPlain(realmta.User, realmta.Password); err != nil || r.Code != 235 {
			t.Fatalf("AUTH: %v %v", r, err)
		}
		rcpt = recipient(t, "authenticated")
		wantReply(t, sendOn(t, c, "bounce@"+realmta.Bank, rcpt, mail("ceo@"+realmta.Bank, rcpt)), 250)
		if e = checkStored(t, s, stored(rcpt)); e.Client.IP != realmta.Stranger || e.User != "(not named)" || e.Exempt != "authenticated" {
			t.Errorf("%+v", e)
		}
	})
}

// TestPostcat: what postcat prints of a message that Postvet edited and had held.
func TestPostcat(t *testing.T) {
	t.Parallel()
	need(t, "Postfix")
	s, err := shared.site["Postfix"]()
	if err != nil {
		t.Fatal(err)
	}
	showLogs(t, s)
	rcpt := recipient(t, "held")
	msg := append(mail("ceo@"+realmta.Hold, rcpt, "Authentication-Results: "+realmta.AuthservID+"; dmarc=pass"), strings.Repeat("x", 5000)+"\r\n"...)
	wantReply(t, send(t, s, realmta.Stranger, "bounce@"+realmta.Hold, rcpt, msg), 250)
	held, err := realmta.AwaitHeld(t.Context(), s, rcpt)
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"-v"}} {
		out, err := s.MTA.(*realmta.Postfix).Postcat(t.Context(), held.ID, flags...)
		if err != nil {
			t.Fatal(err)
		}
		e := checkStored(t, s, out)
		if e.From == nil || *e.From != "bounce@"+realmta.Hold {
			t.Errorf("%q: %+v", flags, e)
		}
		e.From = nil
		want := envelope{Rcpts: []string{rcpt}}
		want.Client.IP, want.Client.Helo = realmta.Stranger, realmta.HeloName(realmta.Stranger)
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%q: (-want +got):\n%s", flags, diff)
		}
	}
	if err := s.Release(t.Context(), held.ID); err != nil {
		t.Fatal(err)
	}
}
