package held

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/rows"
	"github.com/postvet/postvet/policy/result"
)

// hostile are queue ids that no MTA gives.
var hostile = []string{
	"", "ALL", "-", "-d", "A;reboot", "A`id`aaaa", "$(reboot)", "4bXyZ1\nreboot", "4bXyZ1 -d ALL", "../../etc", "4bXyZ1\x00", "-HALLALL",
	"ａｂｃｄｅｆ", strings.Repeat("A", 33), "4bXyZ1\x1b[2J", "a'b'c'd'", "*?[a]bcdef", "~aaaaaa", "#aaaaaa",
}

func TestHostileIDs(t *testing.T) {
	t.Parallel()
	for _, id := range hostile {
		if ValidID(id) {
			t.Errorf("%q is valid", id)
		}
		for _, m := range []MTA{Postfix, Sendmail} {
			if c := CommandsFor(m, []string{id}); len(c.Release)+len(c.Delete) > 0 {
				t.Errorf("%q has commands: %q", id, c)
			}
			if c := CommandsFor(m, []string{id, "8ATDPKaR012345"}); strings.Contains(strings.Join(c.Release, ""), id) && id != "" && id != "-" {
				t.Errorf("%q stands in %q", id, c.Release)
			}
		}
	}
}

func TestMTAOf(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]MTA{
		"8ATDPKaR012345": Sendmail, "5ATDPK0x1234567": Sendmail,
		"4bXyZ12HLXz1qP6": Postfix, "3A7B812345": Postfix, "9D5F2A1C": Postfix, "": Postfix,
	} {
		if got := MTAOf(id); got != want {
			t.Errorf("MTAOf(%q) = %s, want %s", id, got, want)
		}
	}
}

// TestCommands: a command has at most 100 messages, and is one that a shell reads as it is
// meant.
func TestCommands(t *testing.T) {
	t.Parallel()
	got := CommandsFor(Sendmail, []string{"8ATDPKaR012345", "8ATDPKaS012346"})
	want := Commands{
		Release: []string{"sendmail -qQ -qI8ATDPKaR012345 -qI8ATDPKaS012346 -Q", "sendmail -qf -qI8ATDPKaR012345 -qI8ATDPKaS012346"},
		Delete: []string{
			"find /var/spool/mqueue -type f -name hf8ATDPKaR012345 -execdir rm -f hf8ATDPKaR012345 df8ATDPKaR012345 ';'",
			"find /var/spool/mqueue -type f -name hf8ATDPKaS012346 -execdir rm -f hf8ATDPKaS012346 df8ATDPKaS012346 ';'",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	ids := make([]string, 250)
	for i := range ids {
		ids[i] = "3A7B812345"
	}
	c := CommandsFor(Postfix, ids)
	if len(c.Release) != 3 || strings.Count(c.Release[2], " -H ") != 50 || len(c.Delete) != 3 || !strings.HasPrefix(c.Delete[0], "postsuper -d 3A7B812345 -d ") {
		t.Errorf("%q", c)
	}
	for _, line := range append(c.Release, got.Delete...) {
		if out, err := exec.CommandContext(t.Context(), "sh", "-nc", line).CombinedOutput(); err != nil {
			t.Errorf("%s: %s%v", line, out, err)
		}
	}
}

// TestHostileText: nothing in a message steers a terminal or a ticket.
func TestHostileText(t *testing.T) {
	t.Parallel()
	const bad = "a\x1b[2J\r\n# x\u202e<script>[l](http://x)`|@team"
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	r := &rows.Row{Queue: "4bXy;reboot", Node: bad, Recipients: 3, Results: &result.Results{MailFrom: bad, Recipients: []string{bad}}, Verdict: &result.Verdict{
		Action: result.Quarantine, Rule: bad, Judgement: "hold", Why: []string{bad, strings.Repeat("x ", 500)},
	}}
	r.Results.Author.Domain = bad
	groups := Groups([]Message{New(r, "", now), New(r, Sendmail, now)})
	var text, ticket strings.Builder
	if err := WriteText(&text, groups, 80); err != nil {
		t.Fatal(err)
	}
	if err := WriteMarkdown(&ticket, groups); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), ticket.String()} {
		if strings.ContainsAny(out, "\x1b\r\u202e") || strings.Contains(out, "\n# x") || strings.Contains(out, "postsuper") || strings.Contains(out, "sendmail -q") {
			t.Errorf("%q", out)
		}
	}
	if !strings.Contains(text.String(), "no command.") {
		t.Error(text.String())
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, list string
		parse      func([]byte) string
		want       map[string]bool
	}{
		{"postqueue -j", `{"queue_name": "hold", "queue_id": "3A7B812345", "sender": "a@b"}
{"queue_name": "active", "queue_id": "3A7B812346"}
{"queue_name": "hold", "queue_id": "$(reboot)"}
{"queue_name": "hold"
{"queue_name": "hold", "arrival_time": 1, "queue_id": "3A7B812347"}
"queue_name": "hold", "queue_id": "3A7B812348"
{"queue_name": "hold", "queue_id": "3A7B812349", "recipients": [{"address": "` + strings.Repeat(`x\", \"queue_id\": \"3A7B81234A\"`, 100_000) + `"}]}
{"queue_name": "hold", "queue_id": "3A7B812350", "forced_expire": false, "sender": "\u0000"}
`, postfixEntry, map[string]bool{"3A7B812345": true, "3A7B812347": true, "3A7B812349": true, "3A7B812350": true}},
		{"mailq -qQ", `		/var/spool/mqueue (2 requests)
-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------
8ATDPKaR012345*       5 Sun Nov 29 12:00 <a@b>
      QUARANTINE: p=quarantine
					 <u@test.example>
8ATDPKaS012346        5 Sun Nov 29 12:00 <a@b>
		Total requests: 2
`, sendmailEntry, map[string]bool{"8ATDPKaR012345": true, "8ATDPKaS012346": true}},
	} {
		got, err := read(strings.NewReader(tc.list), tc.parse)
		if d := cmp.Diff(tc.want, got); d != "" || err != nil {
			t.Errorf("%s: %s%v", tc.name, d, err)
		}
	}
	if ids, err := read(strings.NewReader(strings.Repeat("x", 10*maxLine)), postfixEntry); len(ids) > 0 || err != nil {
		t.Errorf("a line without end: %v, %v", ids, err)
	}
}
