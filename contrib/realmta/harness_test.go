//go:build linux

package realmta_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/contrib/realmta"
)

// startAlone starts an MTA without a milter.
func startAlone(t *testing.T, mta string) realmta.MTA {
	t.Helper()
	var m realmta.MTA
	var err error
	if mta == "Postfix" {
		m, err = realmta.StartPostfix(t.Context(), realmta.Options{})
	} else {
		m, err = realmta.StartSendmail(t.Context(), realmta.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tail(m.Log()))
		}
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestMTAAlone tests without Postvet what the other tests take for granted.
func TestMTAAlone(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			m := startAlone(t, mta)
			if m.Version() == "" {
				t.Error("no version")
			}
			rcpt := "somebody@" + realmta.Domain
			for _, addr := range []string{m.Addr(), m.Addr6()} {
				c, err := realmta.Dial(t.Context(), "", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				cmd(t, c, 2, "EHLO client.example")
				if r, err := c.StartTLS(t.Context()); err != nil || r.Code != 220 {
					t.Fatalf("STARTTLS: %v %v", r, err)
				}
				if r := cmd(t, c, 2, "EHLO client.example"); len(m.Mechanisms()) > 0 && !strings.Contains(r.Text, "AUTH PLAIN") {
					t.Errorf("no AUTH PLAIN in %q", r.Text)
				}
				if len(m.Mechanisms()) > 0 {
					if r, err := c.AuthPlain(realmta.User, "wrong"); err != nil || r.Code != 535 {
						t.Errorf("AUTH with a wrong password: %v %v", r, err)
					}
					if r, err := c.AuthPlain(realmta.User, realmta.Password); err != nil || r.Code != 235 {
						t.Errorf("AUTH: %v %v", r, err)
					}
				}
				wantReply(t, sendOn(t, c, "a@b.example", rcpt, mail("a@b.example", rcpt)), 250)
				wantReply(t, sendOn(t, c, "a@b.example", realmta.Refused, mail("a@b.example", rcpt)), 550)
			}
			if err := m.Submit(t.Context(), "a@b.example", rcpt, mail("a@b.example", rcpt)); err != nil {
				t.Fatal(err)
			}
			d, err := realmta.Await(t.Context(), m, rcpt, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range d {
				_, body, _ := strings.Cut(string(x.Message), "\n\n")
				if diff := cmp.Diff("Hello,\n\n.a line with a dot\n", body); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
			}
			if held, err := m.Held(t.Context()); err != nil || len(held) != 0 {
				t.Errorf("held: %v %v", held, err)
			}
			if !strings.Contains(m.Log(), rcpt) {
				t.Error("the log does not name the recipient")
			}
		})
	}
}

// TestSnippets checks that these tests run with the lines that an admin copies.
func TestSnippets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		file string
		want []string
	}{
		{"../postfix/main.cf", []string{
			"smtpd_milters = unix:postvet/postvet.sock",
			"milter_default_action = tempfail",
		}},
		{"../sendmail/postvet.mc", []string{
			"INPUT_MAIL_FILTER(`postvet', `S=unix:/run/postvet/postvet.sock, F=T, T=C:30s;S:10s;R:60s;E:5m')dnl",
		}},
	} {
		t.Run(tc.file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(tc.file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.SplitSeq(string(text), "\n") {
				if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "dnl") {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.file, diff)
			}
		})
	}
}
