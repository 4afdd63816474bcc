package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/postvet/postvet/cmd/postvet/internal/journal/counts"
	"github.com/postvet/postvet/cmd/postvet/internal/layout"
)

// TestTop refuses messages, and ranks domains: with the running service, with the stopped
// one, and in the bare files. With privacy = "counts", that is all there is.
func TestTop(t *testing.T) {
	t.Parallel()
	for _, privacy := range []string{"hashed", "counts"} {
		t.Run(privacy, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "journal")
			s, socket, file := startControlled(t, "[journal]\ndirectory = \""+dir+"\"\nprivacy = \""+privacy+"\"\n")
			m := dialMTA(t, "unix", filepath.Join(filepath.Dir(socket), "s"))
			m.connect("192.0.2.66", "evil.example")
			if _, verdict := m.end(m.begin("x@evil.example", testMessage(t, "spoof.eml"))); !strings.Contains(verdict, "550 5.7.26") {
				t.Fatalf("verdict %q", verdict)
			}
			// The message is counted a moment after the reply.
			for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
				if code, out, errOut := runIn(t, "top", "--socket", socket); code == exitDone {
					break
				} else if time.Now().After(end) {
					t.Fatalf("the message is not counted: %s%s", out, errOut)
				}
			}
			for _, from := range [][]string{{"--socket", socket}, {"--config", file}, {"--journal", dir}} {
				ask := func(want int, args ...string) string {
					t.Helper()
					out, errOut := runFor(t, want, append(args, from...)...)
					return out + errOut
				}
				if from[0] == "--config" {
					s.signal(syscall.SIGTERM)
					s.waitExit()
				}
				table := ask(exitDone, "top")
				for _, want := range []string{"1 message: 1 failed DMARC, 1 refused\n", "good.example                     1         -         1         1  "} {
					if !strings.Contains(table, want) {
						t.Errorf("top lacks %q:\n%s", want, table)
					}
				}
				var r counts.Ranking
				js, _ := runFor(t, exitDone, append([]string{"top", "clients", "--day", "--json", "--limit", "1"}, from...)...)
				if err := json.Unmarshal([]byte(js), &r); err != nil {
					t.Errorf("top --json: %v", err)
				}
				if !strings.Contains(ask(exitDone, "top", "rules"), "dmarc-reject") || !strings.Contains(ask(exitDone, "top", "clients"), "192.0.2.0/24") {
					t.Error("top lacks a rule or a client")
				}
				ask(exitNo, "top", "refusals")
				ask(exitNo, "top", "--since", "2020-01-01", "--until", "2020-02-01")
				ask(exitUsage, "top", "nobody")
				ask(exitUsage, "top", "--by", "luck")
				ask(exitUsage, "top", "--limit", "0")
				ask(exitUsage, "top", "--day", "--week")
				ask(exitUsage, "top", "--json", "--csv")
				ask(exitUsage, "top", "--since", "1d", "--until", "2d")
				if verified := ask(exitDone, "journal", "verify"); !strings.Contains(verified, "state.db") || !strings.Contains(verified, "1 message") {
					t.Errorf("journal verify: %s", verified)
				}
				if want := map[string]int{"hashed": exitDone, "counts": exitNo}[privacy]; ask(want, "history") == "" {
					t.Error("history says nothing")
				}
			}
			if code, _, errOut := runIn(t, "top", "--journal", filepath.Join(dir, "none")); code != exitFailed || !strings.Contains(errOut, "--journal") {
				t.Errorf("a directory that is not there: %d, %s", code, errOut)
			}
		})
	}
}

// hostileRanking has names that a sender chose to do harm.
func hostileRanking() counts.Ranking {
	until := time.Date(2026, 11, 29, 13, 0, 0, 0, time.UTC)
	r := counts.Ranking{
		Query:  counts.Query{Kind: counts.Domain, By: counts.Failed, Since: until.Add(-7 * 24 * time.Hour), Until: until},
		Oldest: until.Add(-30 * 24 * time.Hour), FormerSince: until.Add(-14 * 24 * time.Hour), Complete: true,
	}
	for i, name := range []string{"good.example", "=cmd|' /C calc'!A0", "\x1b[2Jclear.example", strings.Repeat("long", 60) + ".example", "\u202egro.elpmaxe", "'; DROP TABLE day; --"} {
		l := counts.Line{Name: name, Hint: "altered_by_list", Rule: "dmarc-reject"}
		l.Sums[counts.All], l.Sums[counts.Failed], l.Sums[counts.Rejected] = int64(100-i), int64(60-10*i), 7
		l.Former[counts.Failed] = int64(i * 20)
		r.Lines = append(r.Lines, l)
		r.All.Add(&l.Sums)
		r.Former.Add(&l.Former)
	}
	return r
}

func TestTopTable(t *testing.T) {
	t.Parallel()
	for _, of := range topOfs {
		r := hostileRanking()
		r.Query.Kind, r.Query.By = of.kind, of.by
		var b bytes.Buffer
		if err := newTopTable(of, r, layout.Screen{}).write(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("top %s: a line has %d columns: %q", of.word, n, line)
			}
			if strings.ContainsAny(line, "\x1b\u202e") {
				t.Errorf("top %s: a line can steer a terminal: %q", of.word, line)
			}
		}
	}
	r := hostileRanking()
	var b bytes.Buffer
	if err := newTopTable(topOfs[0], r, layout.Screen{}).write(&b); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(b.String(), "\n")
	const want = `585 messages: 210 failed DMARC (-30 %), 42 refused

domain                      failed    change       all   refused  likely cause
good.example                    60       new       100         7  list's changes
`
	if got := table[:min(len(table), len(want))]; got != want {
		t.Errorf("(-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestTopChange(t *testing.T) {
	t.Parallel()
	table := &topTable{r: hostileRanking()}
	for _, x := range []struct {
		n, former int64
		want      string
	}{{0, 0, "same"}, {1, 0, "new"}, {112, 100, "+12 %"}, {88, 100, "-12 %"}, {0, 5, "-100 %"}, {1000, 1001, "same"}, {3, 2, "+50 %"}, {1 << 40, 1, ">9999 %"}, {1005, 1000, "+1 %"}} {
		if got := table.change(x.n, x.former); got != x.want {
			t.Errorf("from %d to %d: %q, want %q", x.former, x.n, got, x.want)
		}
	}
	table.r.Oldest = table.r.Query.Since
	if got := table.change(5, 0); got != "-" {
		t.Errorf("without a period before: %q", got)
	}
}

func TestTopCSV(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := writeTopCSV(&b, hostileRanking()); err != nil {
		t.Fatal(err)
	}
	cells, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(cells) != 7 || len(cells[0]) != 4+2*int(counts.Fields) {
		t.Fatalf("%d lines, %v", len(cells), err)
	}
	for _, line := range cells[1:] {
		if strings.ContainsAny(line[1], "\x1b\u202e") || strings.ContainsRune("=+-@|%", rune(line[1][0])) {
			t.Errorf("name %q", line[1])
		}
	}
	if cells[1][4] != "100" || cells[0][6] != "failed" || cells[2][4+int(counts.Fields)+2] != "20" {
		t.Errorf("%q\n%q", cells[0], cells[2])
	}
}
