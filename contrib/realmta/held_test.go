//go:build linux

package realmta_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postvet/postvet/contrib/realmta"
)

// heldMail is what "postvet held --json" prints, as far as this test reads it.
type heldMail struct {
	Groups []struct {
		Author   string
		Messages []heldMessage
		Release  []string
		Delete   []string
	}
}

type heldMessage struct {
	Queue, Rule, Judgement, State string
	To                            []string `json:"rcpt"`
	Release, Delete               []string
}

// TestHeld has the MTAs hold mail, and runs the commands that "postvet held" prints: one
// message is released, another deleted, and the rest of the domain released at once.
func TestHeld(t *testing.T) {
	t.Parallel()
	for _, mta := range mtas {
		t.Run(mta, func(t *testing.T) {
			t.Parallel()
			need(t, mta)
			dir := folderForAll(t)
			s := ownSite(t, realmta.SiteOptions{MTA: mta, Policy: []string{`on_reject = "judge"`, fmt.Sprintf("[journal]\ndirectory = %q\nprivacy = \"addresses\"", dir)}})
			var rcpts []string
			for _, name := range []string{"released", "deleted", "first", "second"} {
				rcpt := recipient(t, name)
				rcpts = append(rcpts, rcpt)
				msg := signed(t, s, mail("alice@"+realmta.Good, rcpt, "List-Id: Staff <staff."+realmta.List+">"))
				wantReply(t, send(t, s, realmta.Lister, "bounce@"+realmta.List, rcpt, append(msg, "-- \r\nthe list's footer\r\n"...)), 250)
				if _, err := realmta.AwaitHeld(t.Context(), s, rcpt); err != nil {
					t.Fatal(err)
				}
			}
			all := listHeld(t, s, dir, 4)
			byRcpt := map[string]heldMessage{}
			for _, m := range all.Groups[0].Messages {
				if m.Rule != "judgement" || !strings.HasPrefix(m.Judgement, "hold; indirect: list") || m.State != "held" || len(m.To) != 1 {
					t.Errorf("%+v", m)
				}
				byRcpt[m.To[0]] = m
			}
			run(t, s, byRcpt[rcpts[0]].Release)
			delivered(t, s, rcpts[0])
			run(t, s, byRcpt[rcpts[1]].Delete)
			all = listHeld(t, s, dir, 2)
			run(t, s, all.Groups[0].Release)
			delivered(t, s, rcpts[2])
			delivered(t, s, rcpts[3])
			notDelivered(t, s, rcpts[1])
			if n, err := s.Queued(t.Context()); n != 0 || err != nil {
				t.Errorf("%d messages are still in the queue, %v", n, err)
			}
		})
	}
}

// listHeld runs "postvet held" until it lists n messages.
func listHeld(t *testing.T, s *realmta.Site, dir string, n int) (all heldMail) {
	t.Helper()
	binary, err := shared.binary()
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("%s held --mta %s --json --journal %s", binary, strings.ToLower(s.Name()), dir)
	var last string
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(last)
		}
	})
	eventually(t, "messages are listed as held", func() bool {
		out, err := s.Shell(t.Context(), line+" 2>&1")
		if begin := strings.Index(out, "{"); begin >= 0 {
			all = heldMail{}
			_ = json.NewDecoder(strings.NewReader(out[begin:])).Decode(&all)
		}
		if err != nil || len(all.Groups) != 1 || len(all.Groups[0].Messages) != n {
			last = fmt.Sprint(out, err)
			return false
		}
		return true
	})
	return all
}

// run runs printed commands.
func run(t *testing.T, s *realmta.Site, lines []string) {
	t.Helper()
	if len(lines) == 0 {
		t.Fatal("there is no command")
	}
	for _, line := range lines {
		if out, err := s.Shell(t.Context(), line); err != nil {
			t.Fatalf("%s: %s%v", line, out, err)
		}
	}
	if s.Name() == "Postfix" { // it delivers what is released at its next queue run
		if out, err := s.Shell(t.Context(), "postqueue -f"); err != nil {
			t.Fatalf("%s%v", out, err)
		}
	}
}
