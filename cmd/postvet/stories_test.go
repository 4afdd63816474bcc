package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/postvet/postvet/cmd/postvet/internal/config"
	"github.com/postvet/postvet/cmd/postvet/internal/control"
	"github.com/postvet/postvet/cmd/postvet/internal/journal"
	"github.com/postvet/postvet/dnscache/dnstest"
	"github.com/postvet/postvet/policy/result"
	"github.com/postvet/postvet/policy/spf"
)

// story is a file of testdata/stories. Its comment has what the client says, in lines such
// as "ip: 192.0.2.66", and what happens to the message, as [storyMessage] explains. The
// files zone, config and message are what there is before; explain and check are what
// "postvet explain" and "postvet check --trace" say of it.
type story struct {
	ip, helo, from, rcpt, user, listener string
	steps                                []string

	zone, config, message string
	explain, check        string

	archive *txtar.Archive
	file    string
}

func readStory(t *testing.T, file string) *story {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &story{helo: "mx.sender.example", rcpt: "user@test.example", archive: a, file: file}
	keys := map[string]*string{"ip": &s.ip, "helo": &s.helo, "from": &s.from, "rcpt": &s.rcpt, "user": &s.user, "listener": &s.listener}
	for line := range strings.Lines(string(a.Comment)) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ": ")
		switch key := keys[name]; {
		case line == "" || line[0] == '#':
		case key != nil:
			*key = value
		default:
			s.steps = append(s.steps, line)
		}
	}
	parts := map[string]*string{"zone": &s.zone, "config": &s.config, "message": &s.message, "explain": &s.explain, "check": &s.check}
	for _, f := range a.Files {
		part := parts[f.Name]
		if part == nil {
			t.Fatalf("%s: %s is no part of a story", file, f.Name)
		}
		*part = string(f.Data)
	}
	return s
}

// TestStories has the running service decide about messages, with a real DNS server and
// the conversation of an MTA. What explain tells of each from the journal is compared with
// the golden, and with what check finds about the same message.
func TestStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/stories/*.txtar")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			readStory(t, file).play(t)
		})
	}
}

func (s *story) play(t *testing.T) {
	dir := t.TempDir()
	dns, err := dnstest.NewServer(storyZone(t, s.zone, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dns.Close() })
	more := strings.ReplaceAll(s.config, "DIR", dir)
	if i := strings.Index(more, "["); i < 0 {
		more += "\n"
	}
	service, socket, file := startControlledBy(t, dns.Addr(), "[journal]\ndirectory = \""+filepath.Join(dir, "journal")+"\"\nexempt = \"keep\"\n"+more)
	text := storyMessage(t, dir, s.message, s.steps)
	mail := filepath.Join(dir, "mail.eml")
	if err := os.WriteFile(mail, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.converse(t, filepath.Join(filepath.Dir(socket), "s"), text)
	service.waitLog(`"msg":"message"`, 1)

	told := tellStory(t, socket)
	code, explained, errOut := runIn(t, "explain", told.Row.Ref.String(), "--socket", socket, "--color", "never")
	if code != exitDone {
		t.Fatalf("explain: %d, %s", code, errOut)
	}
	explained = strings.ReplaceAll(steady(explained), dir, "DIR")

	args := []string{"check", "--config", file, "--trace", "--ip", s.ip, "--helo", s.helo, "--mail-from", s.from, "--rcpt", s.rcpt}
	if strings.Contains(s.config, "[sign]") {
		args = append(args, "--sign")
	}
	if s.user != "" {
		args = append(args, "--user", s.user)
	}
	if s.listener != "" {
		args = append(args, "--listener", s.listener)
	}
	_, checked, errOut := runIn(t, append(args, "--color", "never", mail)...)
	if errOut != "" {
		t.Errorf("check: %s", errOut)
	}
	_, checkedJSON, _ := runIn(t, append(args, "--json", mail)...)
	checked = strings.ReplaceAll(withoutLookups(steady(checked)), dir, "DIR")
	s.compare(t, &told, []byte(checkedJSON))
	compareLines(t, explained, checked)
	checkRemedies(t, &told)

	if *update {
		s.write(t, explained, checked)
		return
	}
	if diff := cmp.Diff(s.explain, explained); diff != "" {
		t.Errorf("explain (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(s.check, checked); diff != "" {
		t.Errorf("check --trace (-want +got):\n%s", diff)
	}
}

// tellStory returns the story of the only message. The journal has it a moment after the MTA
// has its answer.
func tellStory(t *testing.T, socket string) journal.Story {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		stories, err := asked[control.Stories](t, socket, control.Request{V: control.Version, Do: control.DoExplain, Query: "{}"})
		if err != nil {
			t.Fatal(err)
		}
		if len(stories.Stories) == 1 {
			return stories.Stories[0]
		}
		if len(stories.Stories) > 1 || time.Now().After(end) {
			t.Fatalf("%d stories", len(stories.Stories))
		}
	}
}

// converse hands the message in as an MTA does. The recipient may be refused.
func (s *story) converse(t *testing.T, socket, text string) {
	m := dialMTA(t, "unix", socket)
	if s.listener != "" {
		m.send('D', "C{daemon_name}\x00"+s.listener+"\x00")
	}
	m.connect(s.ip, s.helo)
	login := "M"
	if s.user != "" {
		login += "{auth_authen}\x00" + s.user + "\x00"
	}
	m.send('D', login)
	m.send('M', "<"+s.from+">\x00")
	m.proceed(0)
	m.send('D', "Ri\x004XkZ1t2q3nz9Vx\x00")
	m.send('R', "<"+s.rcpt+">\x00")
	if m.protocol&0x8000 == 0 {
		if cmd, _ := m.read(); cmd == 'y' {
			return
		}
	}
	m.end(m.content(text))
}

// compare compares the facts of the journal with those that check finds.
func (s *story) compare(t *testing.T, told *journal.Story, report []byte) {
	t.Helper()
	var checked result.Report
	if err := json.Unmarshal(report, &checked); err != nil {
		t.Fatalf("check --json: %v\n%s", err, report)
	}
	kept := told.Row
	if told.Row.Early { // the message itself did not come, and SPF of HELO was not waited for
		checked.SPF = slices.DeleteFunc(checked.SPF, func(s spf.Result) bool { return s.Identity == spf.HELO })
		checked.DKIM, checked.ARC, checked.DMARC, checked.Author = kept.Results.DKIM, kept.Results.ARC, kept.Results.DMARC, kept.Results.Author
	}
	if diff := cmp.Diff(factsOf(checked.Results, &checked.Verdict), factsOf(kept.Results, kept.Verdict)); diff != "" {
		t.Errorf("the facts of explain differ from those of check (-check +explain):\n%s", diff)
	}
}

// factsOf returns what explain and check must agree about.
func factsOf(r *result.Results, v *result.Verdict) map[string]any {
	facts := map[string]any{
		"client": r.Client.IP + " " + r.Client.Helo + " " + r.Client.PTR, "author": r.Author.Domain + r.Author.Problem, "exempt": r.Exempt, "oversize": r.Oversize,
		"iprev":   []string{string(r.IPRev.Status), r.IPRev.Name, r.IPRev.Reason},
		"verdict": []string{string(v.Action), v.Code, v.Rule, strings.TrimSuffix(steady(v.Text), "; ref REF"), v.RedirectTo},
		"why":     append([]string{}, v.Why...), "hints": append([]result.Hint{}, v.Hints...), "overrides": append([]result.Override{}, v.Overrides...),
		"refused": append([]result.Override{}, v.Refused...), "senders": append([]result.SenderDomain{}, r.SenderDomains...),
	}
	r.ARC.Sets = nil // a trace has them
	if len(r.ARC.Sealers) == 0 {
		r.ARC.Sealers = nil
	}
	facts["arc"] = r.ARC
	var envelope, signatures []any
	for _, s := range r.SPF {
		s.Record, s.Steps = "", nil
		envelope = append(envelope, s)
	}
	for _, d := range r.DKIM {
		d.KeyRecord, d.Diagnosis, d.Signature = "", nil, ""
		signatures = append(signatures, d)
	}
	policy := r.DMARC
	policy.Record, policy.Identifiers = "", nil
	facts["spf"], facts["dkim"], facts["dmarc"] = envelope, signatures, policy
	if s := r.Signing; s != nil {
		facts["signing"] = []string{s.Domain, s.Selector, string(s.Reason), s.Detail}
	}
	if s := r.Sealing; s != nil {
		facts["sealing"] = *s
	}
	return facts
}

// compareLines compares the lines of results that both print for a person.
func compareLines(t *testing.T, explained, checked string) {
	t.Helper()
	lines := func(text string) (all []string) {
		within := false
		for line := range strings.Lines(text) {
			word, _, _ := strings.Cut(line, " ")
			switch word {
			case "client", "author", "exempt", "iprev", "spf", "dkim", "arc", "dmarc", "mx", "seal", "verdict", "matched", "why", "hint":
				within = true
			case "":
			default:
				within = false
			}
			if action, rule, found := strings.Cut(line, "; rule "); found && word == "verdict" {
				line = strings.Join(strings.Fields(action)[:2], " ") + " by " + rule // check has the whole text there
			}
			if within && strings.TrimSpace(line) != "" {
				all = append(all, line)
			}
			if line == "\n" {
				break
			}
		}
		return all
	}
	if strings.Contains(explained, "refused at RCPT") {
		return // compare has the facts
	}
	if diff := cmp.Diff(lines(checked), lines(explained)); diff != "" {
		t.Errorf("the lines of explain differ from those of check (-check +explain):\n%s", diff)
	}
}

// checkRemedies has the configuration parser read what the administrator is to paste, and
// shows that the message is then neither refused nor held.
func checkRemedies(t *testing.T, told *journal.Story) {
	t.Helper()
	for _, r := range told.AdminCan {
		if r.Config == "" {
			continue
		}
		c, err := config.Parse("postvet.toml", []byte("authserv_id = \"mx.test.example\"\n"+r.Config+"\n"))
		if err != nil {
			t.Errorf("%s: %v", r.Config, err)
			continue
		}
		rules := c.Rules("mx.test.example")
		early := told.Row.Results
		if !told.Row.Early {
			early = nil
		}
		if v := rules.Replay(early, told.Row.Results); v.Action != result.Accept {
			t.Errorf("with\n%s\nthe message gets %s by %s", r.Config, v.Action, v.Rule)
		}
	}
}

var (
	aTime      = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( [+-]\d\d:\d\d)?`)
	aReference = regexp.MustCompile(`\bref [0-9A-HJKMNP-TV-Z]{13}\b`)
	aSignature = regexp.MustCompile(`header\.b=("[^"]*"|[^\s;]+)`)
	aCost      = regexp.MustCompile(`\d+ lookups?, (\d+) without an answer, [\d.]+ ms`)
)

// steady replaces in a text what each run has differently.
func steady(text string) string {
	text = aTime.ReplaceAllString(text, "TIME")
	text = aSignature.ReplaceAllString(strings.ReplaceAll(text, "\n\t", " "), "header.b=B") // by a new key
	text = aReference.ReplaceAllString(text, "ref REF")
	return aCost.ReplaceAllString(text, "N lookups, $1 without an answer, N ms")
}

// withoutLookups removes the lines of a trace about lookups, the order of which differs, and
// the headings over nothing else.
func withoutLookups(text string) string {
	var out []string
	for part := range strings.SplitSeq(text, "\n\n") {
		lines := slices.DeleteFunc(strings.Split(part, "\n"), func(l string) bool { return strings.Contains(l, " ms  dns ") })
		if len(lines) > 1 || !strings.HasSuffix(part, "?") && len(strings.Split(part, "\n")) == len(lines) {
			out = append(out, strings.Join(lines, "\n"))
		}
	}
	return strings.TrimSuffix(strings.Join(out, "\n\n"), "\n") + "\n"
}

// write writes a story with what was said now.
func (s *story) write(t *testing.T, explained, checked string) {
	t.Helper()
	a := &txtar.Archive{Comment: s.archive.Comment}
	for _, f := range s.archive.Files {
		if f.Name != "explain" && f.Name != "check" {
			a.Files = append(a.Files, f)
		}
	}
	a.Files = append(a.Files, txtar.File{Name: "explain", Data: []byte(explained)}, txtar.File{Name: "check", Data: []byte(checked)})
	if err := os.WriteFile(s.file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}
